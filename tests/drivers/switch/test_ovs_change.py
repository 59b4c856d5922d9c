"""What becomes of Open vSwitch's rows: modes of VLANs there and back, LAGs, and what is refused."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.ovs_change import NOWHERE, change, settings_of, vlan_names
from drivers.switch.ovs_rows import Bridge, Interface, Port, World
from drivers.switch.ovs_transaction import transaction, words

NAMES = ("swp1", "swp2", "swp3", "swp4")


def interface(name, kind="system"):
    told = {"up": True, "link": True, "link_speed": 10**10, "mtu": 1500, "mtu_request": None, "mac": None, "ofport": 1}
    return Interface(name, kind, **told, description=None, error=None)


def world(*ports, spanning=None, names=NAMES):
    taken = {one for port in ports for one in port.interfaces}
    rows = [*ports, *(Port(name, "br0", (name,)) for name in names if name not in taken)]
    inner = Port("br0", "br0", ("br0",))
    return World(
        switch={},
        bridges={"br0": Bridge("br0", {"vlan-300": "old"}, spanning, guided=False)},
        ports={row.name: row for row in (*rows, inner)},
        interfaces={name: interface(name) for name in names} | {"br0": interface("br0", "internal")},
    )


def applied(before, rows):
    """The world as the rows say."""
    ports = {name: port for name, port in {**before.ports, **rows.ports}.items() if port is not None}
    interfaces = dict(before.interfaces)
    for name, up in rows.up.items():
        interfaces[name] = replace(interfaces[name], up=up)
    for name, mtu in rows.mtus.items():
        interfaces[name] = replace(interfaces[name], mtu=mtu, mtu_request=mtu)
    for name, text in rows.descriptions.items():
        interfaces[name] = replace(interfaces[name], description=text)
    return replace(before, ports=ports, interfaces=interfaces)


VLAN = st.integers(1, 4094)
SETTINGS = st.builds(
    PortSettings,
    enabled=st.just(value=True),
    untagged=st.none() | VLAN,
    tagged=st.frozensets(VLAN, max_size=4),
    mtu=st.none() | st.integers(1280, 9216),
    edge=st.booleans(),
    description=st.none() | st.text(max_size=8),
).filter(lambda one: one.untagged not in one.tagged)
PLANS = st.dictionaries(st.sampled_from(NAMES), SETTINGS, min_size=1)


@pytest.mark.quirk(118)
@given(PLANS, st.sampled_from([None, "stp", "rstp"]))
def test_whatever_is_wanted_reads_back_and_no_other_port_is_touched(wanted, spanning):
    then = world(spanning=spanning)
    _, after = change("sw", then, wanted, {})
    became = applied(then, after)
    for name in NAMES:
        told, one = settings_of(became, name), wanted.get(name)
        if one is None:
            assert told == settings_of(then, name)
        else:
            assert (told.untagged, told.tagged, told.edge) == (one.untagged, one.tagged, one.edge)
            assert one.mtu in (None, told.mtu)
    assert set(after.ports) == set(wanted)


@given(PLANS)
def test_what_is_so_already_is_no_transaction(wanted):
    then = world()
    became = applied(then, change("sw", then, wanted, {})[1])
    before, after = change("sw", became, wanted, {300: "old"})
    assert transaction(before, after) == ""
    assert words(before) == words(after)


@given(PLANS)
def test_the_way_back_undoes_each_row_that_the_way_there_touched(wanted):
    then = world()
    before, after = change("sw", then, wanted, {200: "new"})
    there, back = (shlex.split(text) for text in (transaction(before, after), transaction(after, before)))
    assert bool(there) == bool(back)
    assert 'external_ids:"vlan-200"="new"' in there
    assert applied(applied(then, after), before).ports == then.ports


@pytest.mark.parametrize(
    ("port", "untagged", "tagged"),
    [
        (Port("p", "br0", ("p",), tag=100), 100, set()),
        (Port("p", "br0", ("p",), "access", 100), 100, set()),
        (Port("p", "br0", ("p",), "trunk", 100, frozenset({200})), None, {200}),
        (Port("p", "br0", ("p",), "native-untagged", 100, frozenset({100, 200})), 100, {200}),
        (Port("p", "br0", ("p",), "trunk", None, NOWHERE), None, set()),
        (Port("p", "br0", ("p",)), 0, set(range(1, 4095))),
        (Port("p", "br0", ("p",), "trunk", None, frozenset({0, 100})), 0, {100}),
        (Port("p", "br0", ("p",), "native-tagged", 100, frozenset({200})), 100, {100, 200}),
        (Port("p", "br0", ("p",), "dot1q-tunnel", 100), 0, set()),
    ],
)
def test_each_mode_of_vlans_is_told_by_what_it_lets_through(port, untagged, tagged):
    told = settings_of(world(port, names=("p",)), "p")
    assert (told.untagged, told.tagged) == (untagged, tagged)


def lag(vlan=100, **more):
    return PortSettings(untagged=vlan, lag=LagWanted(7, fallback=True), **more)


def test_a_lag_takes_its_members_out_of_their_own_rows():
    then = world()
    _, after = change("sw", then, dict.fromkeys(("swp1", "swp2"), lag()), {})
    assert after.ports["swp1"] is None
    assert after.ports["swp2"] is None
    made = after.ports["bond7"]
    assert (made.interfaces, made.tag, made.lacp) == (("swp1", "swp2"), 100, "active")
    assert made.other_config["lacp-fallback-ab"] == "true"


def test_a_lag_under_another_name_keeps_it_and_its_number_tells():
    there = Port("po7", "br0", ("swp1", "swp2"), lacp="active")
    _, after = change("sw", world(there), {"swp3": lag()}, {})
    assert after.ports["po7"].interfaces == ("swp1", "swp2", "swp3")
    assert settings_of(world(there), "swp1").lag == LagWanted(7, fallback=False)


def test_the_last_member_takes_the_lag_with_it():
    there = Port("bond7", "br0", ("swp1", "swp2"), lacp="active", bond_mode="balance-tcp")
    _, after = change("sw", world(there), dict.fromkeys(("swp1", "swp2"), PortSettings(untagged=100)), {})
    assert after.ports["bond7"] is None
    assert (after.ports["swp1"].lacp, after.ports["swp1"].bond_mode, after.ports["swp1"].tag) == (None, None, 100)


def test_a_member_that_is_off_leaves_the_vlans_of_its_lag_alone():
    _, after = change("sw", world(), {"swp1": lag(enabled=False), "swp2": lag(vlan=200)}, {})
    assert after.ports["bond7"].tag == 200
    there = Port("bond7", "br0", ("swp1", "swp2"), "access", 300, lacp="active")
    _, after = change("sw", world(there), {"swp1": lag(enabled=False)}, {})
    assert after.ports["bond7"].tag == 300
    assert after.up == {"swp1": False}


def test_a_lag_whose_members_are_all_off_is_in_no_vlan():
    _, after = change("sw", world(), dict.fromkeys(("swp1", "swp2"), lag(enabled=False)), {})
    assert after.ports["bond7"].trunks == NOWHERE


def test_a_port_that_a_mirror_holds_is_not_taken_apart_and_may_change_its_vlan():
    held = Port("swp1", "br0", ("swp1",), fixed="mirror tap")
    with pytest.raises(Refused, match="swp1 cannot go: mirror tap holds it"):
        change("sw", world(held), {"swp1": lag()}, {})
    _, after = change("sw", world(held), {"swp1": PortSettings(untagged=200)}, {})
    assert after.ports["swp1"].tag == 200


def test_the_switchs_own_port_is_no_port_to_change():
    with pytest.raises(Refused, match="no port br0"):
        change("sw", world(), {"br0": PortSettings(untagged=100)}, {})


def test_a_port_that_bears_the_name_of_a_wanted_lag_is_refused():
    with pytest.raises(Refused, match="bond7 is there and is no LAG"):
        change("sw", world(names=("swp1", "bond7")), {"swp1": lag()}, {})


def test_vlans_that_ports_name_are_there_and_reserved_ones_are_not():
    there = (Port("a", "br0", ("a",), tag=100), Port("b", "br0", ("b",), "trunk", None, NOWHERE))
    assert vlan_names(world(*there, names=("a", "b"))) == {100: "", 300: "old"}


def test_odd_words_reach_the_database_as_they_are():
    odd = "r1-n01:eth0 'left' \"$HOME\" `id` \\"
    before, after = change("sw", world(), {"swp1": PortSettings(untagged=100, description=odd)}, {})
    (word,) = [word for word in shlex.split(transaction(before, after)) if word.startswith("external_ids")]
    assert word == 'external_ids:"description"="r1-n01:eth0 \'left\' \\"$HOME\\" `id` \\\\"'
