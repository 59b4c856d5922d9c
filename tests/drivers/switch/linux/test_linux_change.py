"""Ports of a Linux NOS as wanted, in its files: what is written, what stays, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.interfaces_file import Interfaces, members
from drivers.switch.linux_change import difference, drift, edited, settings_of
from tests.drivers.switch.linux.conftest import BESIDE, MAIN, OTHER, PATH, link, told_by


def test_an_access_port_moves_by_one_line(files, switch):
    edit = edited(files, switch, {"swp1": PortSettings(untagged=300)}, ())
    assert difference(files, edit.files) == (f"@@ {PATH} iface swp1\n-    bridge-access 100\n+    bridge-access 300\n")
    assert edit.names == {"swp1"}


def test_a_trunk_says_its_vlans_and_which_of_them_has_no_tag(files, switch):
    made = edited(files, switch, {"swp1": PortSettings(untagged=100, tagged=frozenset({300, 301}))}, ()).files
    assert [made.value("swp1", key) for key in ("bridge-access", "bridge-pvid", "bridge-vids")] == [
        None, "100", "300-301"
    ]  # fmt: skip
    alone = edited(files, switch, {"swp1": PortSettings(untagged=None, tagged=frozenset({300}))}, ()).files
    assert alone.value("swp1", "bridge-allow-untagged") == "no"


def test_a_port_that_is_off_carries_nothing_and_leaves_the_bridge(files, switch):
    made = edited(files, switch, {"swp1": PortSettings(enabled=False)}, ()).files
    assert made.value("swp1", "link-down") == "yes"
    assert made.value("swp1", "bridge-access") is None
    assert "swp1" not in members(made, made.value("bridge", "bridge-ports"))


def test_a_lag_is_made_of_its_members_and_taken_apart_to_nothing(files, switch):
    lag = PortSettings(untagged=300, lag=LagWanted(7, fallback=True))
    made = edited(files, switch, {"swp1": lag, "swp2": lag}, ()).files
    assert (made.value("bond7", "bond-slaves"), made.value("bond7", "bridge-access")) == ("swp1 swp2", "300")
    assert made.value("bond7", "bond-lacp-bypass-allow") == "yes"
    ports = members(made, made.value("bridge", "bridge-ports"))
    assert ("bond7" in ports, {"swp1", "swp2"} & {*ports}) == (True, set())
    alone = PortSettings(untagged=100)
    bundled = told_by(
        link("bond7", kind="bond", master="bridge"),
        *(link(f"swp{number}", master="bond7") for number in (1, 2)),
        *(link(f"swp{number}", master="bridge") for number in (3, 5, 6)),
    )
    back = edited(made, bundled, {"swp1": alone, "swp2": alone}, ()).files
    assert back.stanza("bond7") is None
    assert {"swp1", "swp2"} <= {*members(back, back.value("bridge", "bridge-ports"))}


@pytest.mark.parametrize(("bypasses", "falls_back"), [("bond7 off 0", False), ("bond7 on 1", True), ("", True)])
def test_whether_a_lag_falls_back_is_read_from_the_kernel_where_it_tells(files, switch, bypasses, falls_back):
    lag = PortSettings(untagged=300, lag=LagWanted(7, fallback=True))
    made = edited(files, switch, {"swp1": lag}, ()).files
    bundled = told_by(link("bond7", kind="bond", master="bridge"), link("swp1", master="bond7"), bypasses=bypasses)
    assert settings_of(bundled, made, "swp1").lag == LagWanted(7, fallback=falls_back)


def test_vlans_that_are_missing_are_named_at_the_bridge_and_those_there_stay(files, switch):
    made = edited(files, switch, {"swp1": PortSettings(untagged=200)}, {200: "storage"}).files
    assert made.value("bridge", "bridge-vids") == "100 200 300-302"


@pytest.mark.parametrize(
    ("port", "wanted", "says"),
    [
        ("swp9", PortSettings(untagged=100), "it has no port swp9"),
        ("eth0", PortSettings(untagged=100), "it has no port eth0"),
        ("bridge", PortSettings(untagged=100), "it has no port bridge"),
        ("swp7", PortSettings(untagged=100), "swp7 has address: it is routed"),
        ("swp5", PortSettings(untagged=100), "shares the stanza"),
        ("swp1", PortSettings(untagged=100, description="a\nauto swp9"), "cannot be written there"),
        ("swp1", PortSettings(untagged=100, description="${secret}"), "cannot be written there"),
    ],
)
def test_what_is_not_a_port_of_the_bridge_is_refused_and_nothing_written(files, switch, port, wanted, says):
    with pytest.raises(Refused, match=says):
        edited(files, switch, {port: wanted}, ())


def test_an_edge_port_is_not_promised_where_the_kernels_own_spanning_tree_runs(files):
    switch = told_by(link("swp1", master="bridge"), stp=1)
    with pytest.raises(Refused, match="knows no edge ports"):
        edited(files, switch, {"swp1": PortSettings(untagged=100, edge=True)}, ())
    assert settings_of(switch, files, "swp1").edge is False


def test_members_of_a_lag_with_different_vlans_are_refused(files, switch):
    one, other = (PortSettings(untagged=vlan, lag=LagWanted(7, fallback=True)) for vlan in (100, 300))
    with pytest.raises(Refused, match="different VLANs"):
        edited(files, switch, {"swp1": one, "swp2": other}, ())


def test_a_port_that_was_changed_by_hand_is_told_as_drift(files, switch):
    assert edited(files, switch, {"swp1": PortSettings(untagged=100)}, ()).files == files
    assert list(drift(switch, files, {"swp1": PortSettings(untagged=100)})) == []
    moved = told_by(
        link("swp1", master="bridge"),
        vlans=[{"ifname": "swp1", "vlans": [{"vlan": 9, "flags": ["PVID", "Egress Untagged"]}]}],
    )
    assert "swp1" in "".join(drift(moved, files, {"swp1": PortSettings(untagged=100)}))


VLAN = st.integers(1, 4094)
SETTINGS = st.builds(
    PortSettings,
    enabled=st.booleans(),
    untagged=st.none() | VLAN,
    tagged=st.frozensets(VLAN, max_size=4),
    mtu=st.none() | st.integers(1280, 9216),
    lag=st.none() | st.builds(LagWanted, st.integers(1, 2), st.booleans()),
).filter(lambda one: one.untagged not in one.tagged)


@given(st.dictionaries(st.sampled_from(["swp1", "swp2", "swp3", "swp4"]), SETTINGS, min_size=1))
def test_whatever_is_wanted_no_line_of_another_port_changes(wanted):
    files = Interfaces("sw1", {PATH: MAIN, BESIDE: OTHER})
    switch = told_by(*(link(f"swp{number}", master="bridge") for number in (1, 2, 3)), link("swp4"))
    try:
        edit = edited(files, switch, wanted, ())
    except Refused:
        return
    assert edit.files.texts[BESIDE] == OTHER
    others = ("# Kept by hand.", "source /etc/network/interfaces.d/*.intf", "iface lo inet loopback", "auto swp[5-6]",
              "    bridge-access 300", "    bridge-stp off", "    bridge-vlan-aware yes")  # fmt: skip
    for line in others:
        assert line in edit.files.texts[PATH].split("\n")
    assert {"swp5", "swp6"} <= {*members(edit.files, edit.files.value("bridge", "bridge-ports"))}
    assert edited(edit.files, switch, wanted, ()).files == edit.files
    assert edit.names <= {*wanted, "bridge", "bond1", "bond2"}
