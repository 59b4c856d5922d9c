"""A site is the same however its files spell it, and any other site has another hash."""

import pytest

from inventory.load import load

LAST_CABLE = "  - {a: n02:eth0, b: sw1:swp3}\n"


@pytest.fixture
def hash_of(tmp_path, write):
    def hashed(name, files):
        return load(write({f"{name}/{path}": text for path, text in files.items()}) / name).intent_hash

    return hashed


def test_comments_files_and_the_order_of_cables_do_not_change_the_hash(hash_of, spoil, lab):
    commented = spoil("  name: lab\n", "  name: lab # ours\n")
    split = {"z.yaml": spoil(LAST_CABLE, ""), "a/cables.yaml": f"links:\n{LAST_CABLE}"}
    spelled = spoil("mac: 52:54:00:00:02:00", 'mac: "52-54-00-00-02-00"')
    hashes = {hash_of("1", {"s.yaml": commented}), hash_of("2", split), hash_of("3", {"s.yaml": spelled})}
    assert hashes == {lab.intent_hash}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mtu: 9000", "mtu: 1500"),
        ("unit: 3", "unit: 4"),
        ("sw1:swp3}", "sw1:swp3, label: blue}"),
        ('"env:LAB_BMC"', '"env:OTHER_BMC"'),
        ("{roles: [network-ready]}", "{roles: [network-ready], inputs: {network-ready: {a: 1}}}"),
    ],
)
def test_a_changed_value_changes_the_hash(hash_of, spoil, lab, old, new):
    assert hash_of("other", {"s.yaml": spoil(old, new)}) != lab.intent_hash


def test_role_names_are_only_checked_against_roles_that_are_given(write, spoil):
    directory = write({"site.yaml": spoil("[network-ready]", "[no-such-role]")})
    assert load(directory).site.groups["compute"].roles == ("no-such-role",)


def test_a_cable_is_found_from_either_end_and_an_empty_port_has_none(lab):
    cable = lab.site.link_of("n01", "eth1")
    assert cable is not None
    assert cable == lab.site.link_of("sw1", "swp2")
    assert lab.site.link_of("sw1", "swp9") is None


def test_the_boot_nic_is_the_first_unless_one_says_so(write, spoil):
    text = spoil("{network: data, address: 10.0.8.11}", "{network: boot, address: 10.0.0.21}")
    text = text.replace("{name: eth1, mac", "{name: eth1, boot: true, mac")
    nodes = load(write({"site.yaml": text})).site.nodes
    assert [nodes[name].boot_nic.name for name in ("n01", "n02")] == ["eth1", "eth0"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("off", "off"),
        ("1e", "1e"),
        ("0x1f", "0x1f"),
        ("2026-01-02", "2026-01-02"),
        ("52:10:00", "52:10:00"),
    ],
)
def test_plain_words_that_older_yaml_would_convert_stay_text(write, spoil, written, read):
    assert load(write({"site.yaml": spoil("serial: SN2", f"serial: {written}")})).site.nodes["n02"].serial == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("7", 7),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("~", None),
        ('"7"', "7"),
        ("[1, a]", [1, "a"]),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(write, spoil, written, read):
    text = spoil("{roles: [network-ready]}", f"{{roles: [network-ready], inputs: {{network-ready: {{x: {written}}}}}}}")
    assert load(write({"site.yaml": text})).site.groups["compute"].inputs == {"network-ready": {"x": read}}


def test_of_several_merged_mappings_the_earlier_wins_and_own_keys_over_both(write, spoil):
    merged = "  a: &a {units: 11, row: A}\n  b: &b {units: 12}\n  c: {<<: [*b, *a], units: 13}\n  d: {<<: [*b, *a]}\n"
    text = spoil("racks:\n", f"racks:\n{merged}")
    racks = load(write({"site.yaml": text})).site.racks
    assert [(racks[name].units, racks[name].row) for name in ("c", "d")] == [(13, "A"), (12, "A")]


def test_time_servers_go_by_name_or_address_and_stay_text(write, spoil):
    text = spoil("  name: lab\n", "  name: lab\n  ntp: [ntp1.example.net, 10.0.0.3, fd00::3]\n  dns: [10.0.0.3]\n")
    site = load(write({"site.yaml": text})).site
    assert (site.ntp, site.dns) == (("ntp1.example.net", "10.0.0.3", "fd00::3"), ("10.0.0.3",))
