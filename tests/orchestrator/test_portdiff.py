"""What differs at a port, what would keep a host from booting there, and who must wait for whom."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ability.switch import Lag, LagWanted, MemberState, PortSettings
from orchestrator.portdiff import alive, in_words, lacking, occupied, takes_down, unbootable, waves
from orchestrator.ports import PortIntent, SwitchIntent

WANTED = PortSettings(untagged=100, tagged=frozenset({200}), mtu=9000, lag=LagWanted(3, fallback=True))


def intent(vlans=None, *, boots=True, **ports):
    """Ports of one bond each, named `bond_port`."""
    made = {}
    for name, told in ports.items():
        bond, port = name.split("_")
        made[port] = PortIntent(port, "n1", f"nic-{port}", bond, boots, told)
    return SwitchIntent(made, vlans or {})


def changed(**values):
    return PortSettings(**{**vars(WANTED), **values})


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (changed(untagged=None), "untagged VLAN is none, wanted 100"),
        (changed(tagged=frozenset({30, 200})), "tagged VLANs is 30, 200, wanted 200"),
        (changed(tagged=frozenset()), "tagged VLANs is none, wanted 200"),
        (changed(mtu=1500), "MTU is 1500, wanted 9000"),
        (changed(edge=False), "edge port is no, wanted yes"),
        (changed(lag=None), "LAG is none, wanted 3 with fallback"),
        (changed(lag=LagWanted(3, fallback=False)), "LAG is 3, wanted 3 with fallback"),
        (changed(enabled=False), "port is off, wanted on"),
    ],
)
def test_each_setting_that_differs_is_named_with_both_values(found, says):
    told = lacking(intent(bond0_swp1=WANTED), {"swp1": found}, ())
    assert in_words("sw1", told) == f"sw1 swp1: {says}"


@pytest.mark.parametrize("found", [WANTED, changed(mtu=None), changed(edge=None), changed(description="by hand")])
def test_what_a_switch_does_not_tell_and_what_is_for_people_is_not_held_against_it(found):
    assert lacking(intent(bond0_swp1=WANTED), {"swp1": found}, ()) == {}


def test_of_a_port_that_is_to_be_off_nothing_else_matters():
    off = PortSettings(enabled=False)
    assert lacking(intent(bond0_swp1=off), {"swp1": changed(enabled=False)}, ()) == {}
    assert list(lacking(intent(bond0_swp1=off), {"swp1": WANTED}, ())) == ["swp1"]


def test_a_missing_vlan_and_a_missing_port_are_named():
    told = lacking(intent({100: "prov", 200: "data"}, bond0_swp1=WANTED), {}, {100, 300})
    assert (
        in_words("sw1", told)
        == "sw1 VLAN 200: it is not there, wanted data; sw1 swp1: it is no port of the switch, wanted one"
    )


@pytest.mark.quirk(112)
@pytest.mark.quirk(113)
@pytest.mark.quirk(118)
@pytest.mark.parametrize(
    ("found", "says"),
    [
        (changed(edge=False), "is no edge port"),
        (changed(lag=LagWanted(3, fallback=False)), "is in LAG 3 without fallback"),
        (changed(untagged=None), "has no VLAN untagged, and it boots from 100"),
        (changed(untagged=7), "has 7 untagged, and it boots from 100"),
        (changed(enabled=False), "is off"),
    ],
)
def test_what_keeps_firmware_from_booting_is_said_by_what_is_read_back(found, says):
    assert [says in one for one in unbootable(intent(bond0_swp1=WANTED), {"swp1": found})] == [True]
    assert list(unbootable(intent(boots=False, bond0_swp1=WANTED), {"swp1": found})) == []


@pytest.mark.parametrize(
    "found", [WANTED, changed(edge=None), changed(lag=None), changed(tagged=frozenset({5}), mtu=1500)]
)
def test_what_firmware_does_not_care_for_keeps_nobody_from_booting(found):
    assert list(unbootable(intent(bond0_swp1=WANTED), {"swp1": found})) == []


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["swp1"], []),
        ([], []),
        (["swp1", "swp49"], ["LAG 3 is Port-Channel3 and has swp49 in it"]),
        (["swp7"], ["LAG 3 is Port-Channel3 and has swp7 in it"]),
    ],
)
def test_a_lag_with_strangers_in_it_is_not_taken_over(members, says):
    lag = Lag("Port-Channel3", dict.fromkeys(members, MemberState.BUNDLED))
    other = Lag("Port-Channel13", {"swp9": MemberState.BUNDLED})
    assert list(occupied(intent(bond0_swp1=WANTED), [lag, other])) == says


def test_a_member_that_is_down_in_its_lag_does_not_forward():
    lag = Lag("bond3", {"swp1": MemberState.DOWN, "swp2": MemberState.INDIVIDUAL})
    assert alive({"swp1", "swp2", "swp3"}, [lag]) == {"swp2", "swp3"}


def test_only_leaving_joining_and_going_off_interrupt():
    assert takes_down(changed(lag=None), WANTED)
    assert takes_down(changed(lag=LagWanted(4, fallback=True)), WANTED)
    assert takes_down(WANTED, changed(enabled=False))
    calm = [
        changed(untagged=7),
        changed(tagged=frozenset()),
        changed(mtu=1500),
        changed(lag=LagWanted(3, fallback=False)),
    ]
    assert not any(takes_down(found, WANTED) for found in (*calm, None, changed(enabled=False, lag=None)))


def test_members_that_would_both_go_down_go_one_after_the_other():
    wanted = intent(bond0_swp1=WANTED, bond0_swp2=WANTED, bond1_swp3=WANTED)
    found = dict.fromkeys(("swp1", "swp2", "swp3"), changed(lag=None))
    assert waves(wanted, found, {"swp1", "swp2", "swp3"}) == ({"swp1", "swp3"}, {"swp2"})


def test_where_nothing_forwards_or_nothing_goes_down_all_ports_change_at_once():
    wanted = intent(bond0_swp1=WANTED, bond0_swp2=WANTED)
    assert waves(wanted, dict.fromkeys(("swp1", "swp2"), changed(lag=None)), {"swp2"}) == ({"swp1", "swp2"},)
    assert waves(wanted, dict.fromkeys(("swp1", "swp2"), changed(untagged=7)), {"swp1", "swp2"}) == ({"swp1", "swp2"},)


LAGS = st.one_of(st.none(), st.builds(LagWanted, st.integers(1, 3), st.booleans()))
PORT = st.builds(PortSettings, enabled=st.booleans(), untagged=st.sampled_from([None, 10]), lag=LAGS)
NAMES = [f"swp{number}" for number in range(6)]


@given(
    found=st.dictionaries(st.sampled_from(NAMES), PORT),
    told=st.lists(PORT.filter(lambda one: one.enabled), min_size=6, max_size=6),
    bonds=st.lists(st.sampled_from(["a", "b"]), min_size=6, max_size=6),
    linked=st.sets(st.sampled_from(NAMES)),
)
@settings(max_examples=500, deadline=None)
def test_at_no_instant_are_all_members_of_a_bond_down(found, told, bonds, linked):
    wanted = SwitchIntent(
        {
            name: PortIntent(name, "n1", name, bond, boots=True, settings=one)
            for name, bond, one in zip(NAMES, bonds, told, strict=True)
        }
    )
    up = {name for name in linked if name in found and found[name].enabled}
    order = waves(wanted, found, up)
    assert sorted(name for wave in order for name in wave) == NAMES
    for wave in order:
        for bond in set(bonds):
            members = {name for name, one in wanted.ports.items() if one.interface == bond}
            forwarding = members & up
            down = {name for name in forwarding & wave if takes_down(found[name], wanted.ports[name].settings)}
            assert len(forwarding) < 2 or forwarding - down
