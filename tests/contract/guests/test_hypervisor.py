"""The driver of guests against libvirt, QEMU and an iSCSI target themselves."""

import subprocess
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from drivers.errors import Busy, Refused
from drivers.hypervisor.guest import Chap, Guest, Kernel, Volume, Wire, standing, wanted
from inventory.address import HostPort, Mac
from inventory.secrets import Secret
from orchestrator.boot.configdrive import volume_of
from tests.contract.guests import rig

pytestmark = pytest.mark.slow
IQN, INITIATOR = "iqn.2026-11.test.lab:v1", "iqn.2026-11.test.lab:h1"
ADDRESS = "10.88.9.51"
SCRIPT = f"""#!/bin/sh
hostname g1
ip link set eth0 up
ip address add {ADDRESS}/24 dev eth0
mkdir -p /www
for disk in /sys/block/vd*; do cat $disk/serial; echo; done >/www/serials
dd if=/dev/vdb bs=16 count=1 2>/dev/null >/www/volume
echo marked | dd of=/dev/vdb bs=512 seek=1 conv=fsync 2>/dev/null
httpd -h /www
"""


@pytest.fixture(scope="module")
def machine(hub, tmp_path_factory):
    with rig.machines(tmp_path_factory.mktemp("hosts"), ["h1"]) as found:
        yield found["h1"]


@pytest.fixture(scope="module")
def host(machine):
    with machine.open() as one:
        yield one


@pytest.fixture(scope="module")
def backing(tgt, tmp_path_factory):
    """A volume whose first bytes are known."""
    path = tmp_path_factory.mktemp("volume") / "v1.img"
    path.write_bytes(b"as it was before" + bytes(16 << 20))
    tgt("--mode", "target", "--op", "new", "--tid", "1", "-T", IQN)
    tgt("--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", "1", "-b", str(path))
    tgt("--mode", "account", "--op", "new", "--user", "anneal", "--password", "twelve-and-more")
    tgt("--mode", "account", "--op", "bind", "--tid", "1", "--user", "anneal")
    tgt("--mode", "target", "--op", "bind", "--tid", "1", "-Q", INITIATOR)
    return path


@pytest.fixture(scope="module")
def guest(host, guest_image, backing):
    files = guest_image.files
    kernel = host.put("kernel", files["kernel"].path.read_bytes())
    initrd = host.put("initrd", files["initramfs"].path.read_bytes())
    drive = host.put("g1-config", volume_of({"user_data": SCRIPT}))
    volume = Volume("v1", HostPort(rig.HERE), IQN, 1, Chap("anneal", Secret("twelve-and-more")))
    line = "console=ttyS0 panic=-1 quiet net.ifnames=0"
    wire = Wire(rig.BRIDGE, Mac("52:54:00:88:00:01"))
    return Guest("g1", "run-1", 128, 1, Kernel(kernel, initrd, line), drive, INITIATOR, (wire,), (volume,))


def told(name):
    return rig.page(ADDRESS, name)


def test_a_guest_boots_with_its_volume_its_address_and_its_config_drive(host, guest, backing):
    host.define(guest)
    host.start("g1")
    found = host.guest("g1")
    assert found == wanted(guest)
    assert found.runs
    assert rig.eventually(lambda: told("volume")) == "as it was before"
    assert told("serials").split() == ["config-2", "v1"]
    assert backing.read_bytes()[512:518] == b"marked"
    assert "twelve-and-more" not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


def test_what_is_asked_for_twice_is_done_once(host, guest):
    before = host.guest("g1")
    host.define(guest)
    host.start("g1")
    assert (host.guest("g1"), host.guest("g1").state) == (before, "running")
    assert [one.name for one in host.guests()] == ["g1"]


def test_a_guest_of_another_owner_does_not_get_a_name_that_is_taken(host, guest):
    with pytest.raises(Refused, match="already exists with uuid"):
        host.define(replace(guest, owner="run-2"))
    assert host.guest("g1").owner == "run-1"


def test_a_guest_that_runs_is_not_undefined(host):
    with pytest.raises(Busy, match="destroy it first"):
        host.undefine("g1")
    assert host.guest("g1").runs


def test_a_guest_without_its_bridge_does_not_start_and_says_why(host, guest):
    lame = replace(guest, name="g2", wires=(Wire("br-none", Mac("52:54:00:88:00:02")),), volumes=())
    host.define(lame)
    with pytest.raises(Refused, match="br-none"):
        host.start("g2")
    assert host.guest("g2").state == "shut off"
    host.undefine("g2")


def test_a_volume_whose_secret_is_wrong_keeps_its_guest_from_starting(host, guest):
    (volume,) = guest.volumes
    stranger = replace(volume, serial="v2", lun=2, chap=Chap("anneal", Secret("another-and-more")))
    host.define(replace(guest, name="g3", wires=(), volumes=(stranger,)))
    with pytest.raises(Refused) as heard:
        host.start("g3")
    assert "another-and-more" not in str(heard.value)
    host.undefine("g3")
    host.forget(str(stranger.secret))
    assert str(stranger.secret) not in host.secrets()


def test_a_file_that_was_spoiled_is_written_anew(host, guest, tmp_path):
    path = host.put("spoiled", b"as it should be" * 1000)
    assert host.put("spoiled", b"otherwise" * 1000) == path
    assert "spoiled" in host.files()
    host.remove("spoiled")
    host.remove("spoiled")
    assert "spoiled" not in host.files()


def test_a_file_that_was_half_written_goes_with_its_name(machine, host):
    path = host.put("whole", b"content")
    (machine.room / str(path.parent).lstrip("/") / f"{path.name}.part").write_bytes(b"cont")
    assert set(host.files()) >= {"whole", "whole.part"}
    host.remove("whole")
    assert not {"whole", "whole.part"} & set(host.files())


def test_a_guest_that_was_destroyed_and_undefined_has_left_nothing(host, guest):
    host.destroy("g1")
    assert host.guest("g1").state == "shut off"
    host.destroy("g1")
    host.undefine("g1")
    host.undefine("g1")
    assert host.guest("g1") is None
    assert host.console("g1") == ""
    (volume,) = guest.volumes
    host.forget(str(volume.secret))
    for name in list(host.files()):
        host.remove(name)
    assert (list(host.guests()), list(host.secrets()), list(host.files())) == ([], [], [])


def test_what_libvirt_would_never_write_is_not_read():
    text = '<!DOCTYPE domain [<!ENTITY a "aaaa">]><domain><name>&a;</name></domain>'
    with pytest.raises(Exception, match="cannot be read"):
        standing(text, "running", "h1")


def test_a_serial_that_no_guest_could_see_whole_is_refused():
    with pytest.raises(ValueError, match="1 to 20 bytes"):
        Volume("v" * 21, HostPort(rig.HERE), IQN, 1)
    assert PurePosixPath(Volume("v" * 20, HostPort(rig.HERE), IQN, 1).serial).name == "v" * 20
