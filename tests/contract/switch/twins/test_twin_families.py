"""What a driver of each family does at a switch of a twin, which was written from the maker's documents."""

from datetime import timedelta

import pytest

from drivers.ability.switch import Configure, LagWanted, PortSettings, Switch
from drivers.errors import Busy, NotApplied, Refused

LONG = timedelta(minutes=5)
VLANS = {100: "provision", 200: "storage"}
PROV = PortSettings(untagged=100)
STORAGE = PortSettings(untagged=200)


def change(switch, wanted, within=LONG):
    staged = switch.stage(wanted, VLANS)
    switch.commit(staged, within)
    return staged


def test_it_is_a_switch_that_can_be_configured_and_says_what_it_is(rig):
    with rig.open() as switch:
        assert isinstance(switch, Switch)
        assert isinstance(switch, Configure)
        facts = switch.facts()
    assert (facts.hostname, facts.serial) == ("leaf1", "SN-LEAF1")


def test_every_port_is_there_by_its_name_and_nobody_is_heard_where_nothing_is_plugged(rig):
    with rig.open() as switch:
        ports = {port.name: port for port in switch.ports()}
        assert switch.neighbours() == switch.learned() == ()
    assert {*rig.family.ports, rig.family.uplink} <= set(ports)
    assert {name: ports[name].up for name in rig.ports} == dict.fromkeys(rig.ports, False)
    assert ports[rig.family.uplink].up


def test_what_is_staged_is_shown_and_not_in_force(rig):
    with rig.open() as switch:
        staged = switch.stage({rig.ports[0]: STORAGE}, VLANS)
        assert "200" in staged.diff
        assert switch.settings([rig.ports[0]])[rig.ports[0]].untagged == rig.family.blank
        switch.roll_back(staged)
    assert (rig.lines(), rig.left()) == (rig.before, [])


def test_a_commit_is_in_force_where_frames_go_and_saved_once_it_is_saved(rig):
    one, two = rig.ports[:2]
    with rig.open() as switch:
        staged = change(switch, {one: STORAGE, two: PROV})
        switch.confirm(staged)
        assert rig.saved() is not rig.family.restarts_as_saved
        switch.save()
    assert [rig.box.lane(port).vlan for port in (one, two)] == [200, 100]
    assert (rig.saved(), rig.left()) == (True, [])


def test_rolling_back_restores_what_was(rig):
    with rig.open() as switch:
        staged = change(switch, {rig.ports[0]: PortSettings(tagged=frozenset({200})), rig.ports[1]: STORAGE})
        switch.roll_back(staged)
        switch.roll_back(staged)
        assert switch.leftovers() == ()
    assert [one for one in rig.lines() if not one.startswith("vlan")] == [
        one for one in rig.before if not one.startswith("vlan")
    ]
    assert rig.left() == []


SETTINGS = {
    "access": STORAGE,
    "no edge": PortSettings(untagged=200, edge=False),
    "trunk": PortSettings(tagged=frozenset({100, 200})),
    "trunk with a native VLAN": PortSettings(untagged=100, tagged=frozenset({200})),
    "nothing at all": PortSettings(),
    "off": PortSettings(enabled=False, untagged=100),
    "described": PortSettings(untagged=100, description="r1-n01:eth0 left"),
    "bundled": PortSettings(untagged=100, tagged=frozenset({200}), lag=LagWanted(7, fallback=True)),
    "bundled, and no fallback": PortSettings(untagged=100, lag=LagWanted(7, fallback=False)),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_port_reads_back_as_it_was_told_and_lets_through_what_it_was_told(rig, name):
    wanted, one = SETTINGS[name], rig.ports[0]
    with rig.open() as switch:
        switch.confirm(change(switch, {one: wanted}))
        found = switch.settings([one])[one]
    told = (wanted.enabled, wanted.untagged, wanted.tagged, wanted.lag, wanted.description)
    assert (found.enabled, found.untagged, found.tagged, found.lag, found.description) == told
    lane = rig.box.lane(one)
    assert (lane.untagged, lane.tagged) == (wanted.untagged, wanted.tagged)
    assert (lane.enabled, lane.edge) == (wanted.enabled, wanted.edge)
    assert lane.alone is (wanted.lag is None or wanted.lag.fallback)


def test_an_unknown_port_is_refused_and_nothing_is_staged(rig):
    with rig.open() as switch, pytest.raises(Refused, match=r"no port Ethernet99/9|no port"):
        switch.stage({rig.ports[0]: STORAGE, "Ethernet99/9": STORAGE}, VLANS)
    assert (rig.lines(), rig.left()) == (rig.before, [])


def test_what_a_dead_run_committed_is_found_and_taken_back(rig):
    with rig.open() as dead:
        staged = change(dead, {rig.ports[0]: STORAGE})
    with rig.open() as switch:
        assert switch.leftovers() == (staged.session,)
        switch.release(staged.session)
        switch.release(staged.session)
        assert switch.leftovers() == ()
        with pytest.raises(NotApplied):
            switch.confirm(staged)
    assert (rig.box.lane(rig.ports[0]).vlan, rig.left()) == (rig.family.blank, [])


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(rig):
    if rig.family.exclusive:
        pytest.skip("nobody else changes what we hold the lock of")
    with rig.open() as switch:
        staged = switch.stage({rig.ports[0]: STORAGE}, VLANS)
        rig.meddle(rig.family.strange)
        if rig.family.candidates:
            with pytest.raises(Busy, match="changed by somebody else"):
                switch.commit(staged, LONG)
        else:
            switch.commit(staged, LONG)
        switch.roll_back(staged)
    assert not rig.box.lane(rig.family.strange).enabled
    assert rig.left() == []
