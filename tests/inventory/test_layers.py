"""Settings come from site < rack < profile < node, and every value knows who gave it."""

from pathlib import Path

import pytest

from inventory.load import load


def given(loaded, node, key):
    """Who gave what, and the line of the file that the place leads to."""
    return [(one.layer, one.value, written(one.place)) for one in loaded.provenance.where(node, key)]


def written(place):
    return Path(place.file).read_text().splitlines()[place.line - 1].strip() if place.line else str(place)


def test_the_node_wins_over_its_profile_the_profile_over_the_rack_the_rack_over_the_site(write, spoil):
    text = spoil("    image: debian\n", "    image: debian\n    boot_mode: uefi\n")
    text = text.replace("defaults: {profile: dense}", "defaults: {profile: dense, boot_mode: uefi}")
    text = text.replace("    serial: SN1\n", "    serial: SN1\n    boot_mode: uefi\n")
    loaded = load(write({"site.yaml": text}))
    assert (loaded.site.nodes["n01"].boot_mode, loaded.site.nodes["n02"].boot_mode) == ("uefi", "bios")
    assert given(loaded, "n01", "boot_mode") == [
        ("node", "uefi", "boot_mode: uefi"),
        ("profile dense", "bios", "settings: {boot_mode: bios}"),
        ("rack r1", "uefi", "r1: {units: 10, defaults: {profile: dense, boot_mode: uefi}}"),
        ("site", "uefi", "boot_mode: uefi"),
        ("default", "uefi", "built in"),
    ]


def test_mappings_merge_key_by_key(lab):
    bmc = lab.site.nodes["n01"].bmc
    assert (bmc.user, str(bmc.address), str(bmc.password)) == ("admin", "10.9.0.1", "env:LAB_BMC")
    assert given(lab, "n01", "bmc.user") == [("site", "admin", 'bmc: {user: admin, password: "env:LAB_BMC"}')]
    assert given(lab, "n01", "bmc.address") == [("node", "10.9.0.1", "bmc: {address: 10.9.0.1}")]


def test_lists_are_replaced_whole(write, spoil):
    text = spoil("    image: debian\n", "    image: debian\n    groups: [spare]\n")
    text = text.replace("  compute: {", "  spare: {roles: [network-ready]}\n  compute: {")
    text = text.replace("    serial: SN2\n    groups: [compute]\n", "    serial: SN2\n")
    loaded = load(write({"site.yaml": text}))
    assert [loaded.site.nodes[name].groups for name in ("n01", "n02")] == [("compute",), ("spare",)]
    assert given(loaded, "n01", "groups") == [
        ("node", ["compute"], "groups: [compute]"),
        ("site", ["spare"], "groups: [spare]"),
    ]


def test_the_profile_is_found_through_the_rack_and_a_node_may_refuse_it(write, spoil):
    text = spoil("    serial: SN2\n", "    serial: SN2\n    profile: null\n")
    loaded = load(write({"site.yaml": text}))
    assert [(node.profile, node.boot_mode) for node in loaded.site.nodes.values()] == [
        ("dense", "bios"),
        (None, "uefi"),
    ]


def test_a_value_that_was_cut_off_above_does_not_pass_for_what_holds(write, spoil):
    text = spoil("{boot_mode: bios}", "{root_disk: {serial: D0}}").replace("    serial: SN2\n", "    root_disk: null\n")
    loaded = load(write({"site.yaml": text}))
    assert loaded.site.nodes["n02"].root_disk is None
    found = loaded.provenance.where("n02", "root_disk.serial")
    assert [(one.key, one.layer, one.value) for one in found] == [
        ("root_disk", "node", None),
        ("root_disk.serial", "profile dense", "D0"),
        ("root_disk", "default", None),
    ]


def test_an_aliased_value_knows_the_line_that_wrote_it(write, spoil):
    text = spoil("    bmc: {address: 10.9.0.2}\n", "    bmc: {<<: *login, address: 10.9.0.2}\n")
    text = text.replace(
        "    bmc: {address: 10.9.0.1}\n", "    bmc: &login\n      user: root\n      address: 10.9.0.1\n"
    )
    loaded = load(write({"site.yaml": text}))
    assert given(loaded, "n02", "bmc.user") == [
        ("node", "root", "user: root"),
        ("site", "admin", 'bmc: {user: admin, password: "env:LAB_BMC"}'),
    ]
    assert given(loaded, "n02", "bmc.address") == [("node", "10.9.0.2", "bmc: {<<: *login, address: 10.9.0.2}")]


@pytest.mark.parametrize("key", ["nics.eth1.mac", "nics.1.mac"])
def test_items_of_a_list_go_by_name_or_by_index(lab, key):
    ((layer, value, line),) = given(lab, "n01", key)
    assert (layer, value) == ("node", "52:54:00:00:01:01")
    assert line.startswith("- {name: eth1, mac: 52:54:00:00:01:01")


@pytest.mark.parametrize("key", ["bcm", "nics.eth7.mac", "nics.7.mac", "bmc.address.port.x.y"])
def test_a_key_that_nobody_gave_has_no_giver(lab, key):
    assert [one.key for one in lab.provenance.where("n01", key) if one.key == key] == []


def test_the_keys_of_a_node_are_its_single_values_and_plain_lists(lab):
    assert lab.provenance.keys("n02", "bmc") == (
        "bmc.address",
        "bmc.ca",
        "bmc.expired",
        "bmc.network",
        "bmc.old_tls",
        "bmc.password",
        "bmc.protocol",
        "bmc.tls",
        "bmc.user",
    )
    assert lab.provenance.keys("n02", "groups") == ("groups",)
    assert lab.provenance.keys("n02", "nics") == (
        "nics.eth0.addresses.0.address",
        "nics.eth0.addresses.0.network",
        "nics.eth0.mac",
        "nics.eth0.name",
    )
    assert set(lab.provenance.keys("n02", "bmc")) < set(lab.provenance.keys("n02"))
    assert lab.provenance.keys("n02", "bcm") == ()
