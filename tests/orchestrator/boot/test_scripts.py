"""What machines are told to boot, and what is never put into a script."""

from datetime import timedelta

import pytest

from inventory.address import Mac
from inventory.model import Site
from orchestrator.boot.errors import CannotServe, UnsafeText
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.render import render, word
from orchestrator.boot.scripts import BootScripts, collectors
from orchestrator.image.store import ImageStore

HOME, STRANGER = "127.77.0.11", Mac("52:54:00:99:99:99")


@pytest.fixture
def intents(store, site):
    intents = BootIntents(store)
    node = site.nodes["r1-n01"]
    with store.begin() as connection:
        intents.arm(connection, node.name, node.boot_nic.mac, "agent", timedelta(minutes=15))
    return intents


@pytest.fixture
def scripts(site, store, images, intents):
    return BootScripts(site, store, images, intents)


def served_by_us(site):
    told = site.model_dump(mode="json")
    told["provisioning"]["dhcp"] = "anneal"
    return Site.model_validate(told)


def test_the_ramdisk_is_told_who_to_call_and_whom_to_trust(scripts, site):
    where = site.provisioning
    lines = scripts.script(site.nodes["r1-n01"].boot_nic.mac, HOME).splitlines()
    kernel = next(line for line in lines if line.startswith("kernel"))
    words = dict(one.partition("=")[::2] for one in kernel.split() if one.startswith("ipa-"))
    api = words["ipa-api-url"]
    assert api.startswith(f"https://{where.address}:{where.https_port}/agent/")
    assert words["ipa-inspection-callback-url"] == f"{api}/v1/continue_inspection"
    assert words["ipa-inspection-collectors"] == "default,lldp,pci-devices,anneal-disks"
    assert "ipa-insecure" not in kernel
    names = [line.split()[2] for line in lines if line.startswith("initrd")]
    assert names == ["site.cpio", "initramfs"]
    assert [one.partition("=")[2] for one in kernel.split() if one.startswith("initrd=")] == names


def test_firmware_leaves_the_network_boot_in_its_own_way(scripts, site):
    bios, uefi = site.nodes["r1-n02"], site.nodes["r1-n01"].nics[1]
    assert scripts.script(bios.boot_nic.mac, HOME) == "#!ipxe\nsanboot --no-describe --drive 0x80 || exit\n"
    assert scripts.script(uefi.mac, HOME) == "#!ipxe\nexit\n"


def test_a_stranger_is_sent_away_and_noted_once(scripts, kinds):
    assert [scripts.script(STRANGER, HOME) for _ in range(3)] == ["#!ipxe\nexit\n"] * 3
    assert kinds().count("boot.unknown") == 1


def test_another_address_than_dhcp_gave_gets_no_token(site, store, images, intents, kinds):
    scripts = BootScripts(served_by_us(site), store, images, intents)
    mac = site.nodes["r1-n01"].boot_nic.mac
    assert "kernel" not in scripts.script(mac, "127.77.0.99")
    assert "boot.foreign" in kinds()
    assert "kernel" in scripts.script(mac, HOME)


def test_a_missing_ramdisk_is_named_with_its_remedy(site, store, intents, tmp_path, kinds):
    scripts = BootScripts(site, store, ImageStore(tmp_path / "none"), intents)
    with pytest.raises(CannotServe, match=r"ramdisk-cloud for r1-n01: is not in the image store\. anneal image build"):
        scripts.script(site.nodes["r1-n01"].boot_nic.mac, HOME)
    assert "boot.no-ramdisk" in kinds()


def test_a_ramdisk_that_is_not_ours_is_not_asked_for_our_collector(images):
    ours = images.find("ramdisk-cloud")
    theirs = ours.model_copy(update={"files": {role: ours.files[role] for role in ("kernel", "initramfs")}})
    assert "anneal-disks" in collectors(ours)
    assert "anneal-disks" not in collectors(theirs)


@pytest.mark.parametrize("text", ["a b", "a\nb", "a||b", "a&&b", "${net0/mac}", "a;b", "#x", "'", '"', "\\", ""])
def test_what_could_change_a_script_is_refused(text):
    with pytest.raises(UnsafeText):
        word(text)
    with pytest.raises(UnsafeText):
        render("ipxe/chain.ipxe.j2", root=text)
