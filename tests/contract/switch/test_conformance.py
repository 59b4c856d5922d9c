"""What every switch driver with a timer left on its switch must do, by the switch's own ears."""

from datetime import timedelta

import pytest

from drivers.ability.switch import Configure, Confirm, LagWanted, PortIdKind, PortSettings, Staged, Switch
from drivers.errors import Busy, DriverError, NotApplied, Refused, UnknownOutcome

LONG = timedelta(minutes=5)
VLANS = {100: "prov", 200: "storage"}
PROV = PortSettings(untagged=100)
STORAGE = PortSettings(untagged=200)


@pytest.fixture(
    params=[
        "sonic",
        pytest.param("ovs", marks=pytest.mark.qemu),
        pytest.param("linux", marks=[pytest.mark.qemu, pytest.mark.slow]),
    ]
)
def rig(request, rig_of):
    return rig_of(request.param)


def change(switch, wanted, within=LONG):
    staged = switch.stage(wanted, VLANS)
    switch.commit(staged, within)
    return staged


def test_it_is_a_switch_that_can_be_configured(rig):
    with rig.open() as switch:
        assert isinstance(switch, Switch)
        assert isinstance(switch, Configure)
        assert switch.assurance().confirm is Confirm.EMULATED


def test_it_tells_its_version_and_its_name(rig):
    with rig.open() as switch:
        facts = switch.facts()
    assert facts.version is not None
    assert facts.version[0].isdigit()
    assert facts.hostname == rig.hostname
    assert facts.uptime_s is not None
    assert facts.uptime_s > 0


def test_ports_are_those_with_cables_and_not_the_switchs_own(rig):
    with rig.open() as switch:
        ports = {port.name: port for port in switch.ports()}
    assert set(rig.ports) <= set(ports)
    assert not {"br0", "mgmt0", "lo", "eth0", "bridge"} & set(ports)
    assert [(ports[name].enabled, ports[name].up, ports[name].mtu) for name in rig.ports] == [(True, True, 1500)] * 4


def test_a_port_whose_far_end_goes_down_is_told_to_be_down(rig, until):
    rig.far_end(rig.ports[0], "down")
    try:
        with rig.open() as switch:
            until(lambda: [p.up for p in switch.ports() if p.name == rig.ports[0]] == [False], "its link is down")
            assert [port.enabled for port in switch.ports() if port.name == rig.ports[0]] == [True]
    finally:
        rig.far_end(rig.ports[0], "up")


def test_each_host_is_heard_at_its_port_by_the_name_of_its_interface(rig, until):
    with rig.open() as switch:
        until(lambda: len(switch.neighbours()) >= 4, "all hosts are heard")
        heard = {one.port: (one.system, one.kind, one.port_id) for one in switch.neighbours()}
    assert heard == {port: (f"host-{port}", PortIdKind.NAME, "eth0") for port in rig.ports}


def test_a_mac_is_learned_at_the_port_and_in_the_vlan_of_its_host(rig):
    assert rig.reaches(rig.ports[0], "10.9.0.2")
    with rig.open() as switch:
        learned = {(one.port, one.vlan, str(one.mac)) for one in switch.learned()}
    assert (rig.ports[0], 100, rig.mac(rig.ports[0])) in learned
    assert (rig.ports[1], 100, rig.mac(rig.ports[1])) in learned


def test_what_is_staged_is_shown_and_not_in_force(rig):
    with rig.open() as switch:
        staged = switch.stage({rig.ports[0]: STORAGE}, VLANS)
        assert rig.ports[0] in staged.diff
        assert "200" in staged.diff
        assert switch.settings([rig.ports[0]])[rig.ports[0]].untagged == 100
        assert rig.reaches(rig.ports[0], "10.9.0.2")
        switch.roll_back(staged)
        assert rig.left_on_the_switch() == []


def test_what_is_so_already_has_no_difference(rig):
    wanted = {rig.ports[0]: PortSettings(untagged=100, mtu=1500)}
    with rig.open() as switch:
        switch.confirm(change(switch, wanted))
        staged = switch.stage(wanted, VLANS)
        assert staged.diff == ""
        switch.roll_back(staged)


def test_a_commit_moves_the_traffic_of_the_port(rig, until):
    one, two, three, _ = rig.ports
    with rig.open() as switch:
        staged = change(switch, {one: STORAGE, two: STORAGE})
        until(lambda: rig.reaches(one, "10.9.0.2"), "both are in one VLAN")
        assert not rig.reaches(one, "10.9.0.3")
        assert switch.settings([one, two, three])[two].untagged == 200
        switch.confirm(staged)
        switch.save()
    assert rig.left_on_the_switch() == []
    with rig.open() as switch:
        assert 200 in switch.vlans()
        assert switch.leftovers() == ()
        assert {name: told.untagged for name, told in switch.settings(rig.ports).items()} == dict(
            zip(rig.ports, (200, 200, 100, 100), strict=True)
        )


def test_what_is_not_confirmed_takes_itself_back(rig, until):
    one = rig.ports[0]
    with rig.open() as switch:
        staged = change(switch, {one: STORAGE}, timedelta(seconds=3))
        assert switch.settings([one])[one].untagged == 200
    with rig.open() as switch:
        until(lambda: switch.settings([one])[one].untagged == 100, "it is as before")
        assert rig.reaches(one, "10.9.0.2")
        with pytest.raises(NotApplied, match="taken back"):
            switch.confirm(staged)
        assert switch.settings([one])[one].untagged == 100


def test_what_is_confirmed_stays_when_the_time_is_over(rig, until):
    one = rig.ports[0]
    with rig.open() as switch:
        staged = change(switch, {one: STORAGE}, timedelta(seconds=15))
    with rig.open() as switch:
        switch.confirm(staged)
        until(lambda: not rig.timers(), "the timer ends")
        assert switch.settings([one])[one].untagged == 200
        switch.confirm(staged)  # an answer may get lost


def test_rolling_back_restores_what_was(rig):
    one, two, _, _ = rig.ports
    with rig.open() as switch:
        before = switch.settings(rig.ports), switch.running()
        wanted = {one: PortSettings(tagged=frozenset({200, 300}), mtu=9000), two: PortSettings(enabled=False)}
        staged = change(switch, wanted)
        assert switch.settings([one])[one].mtu == 9000
    with rig.open() as switch:
        switch.roll_back(staged)
        assert (switch.settings(rig.ports), switch.running()) == before
        switch.roll_back(staged)
        assert switch.leftovers() == ()
        assert rig.left_on_the_switch() == []


SETTINGS = {
    "access": PortSettings(untagged=200, mtu=1500),
    "trunk": PortSettings(tagged=frozenset({200, 300}), mtu=9000),
    "trunk with a native VLAN": PortSettings(untagged=100, tagged=frozenset({200, 300}), mtu=9000),
    "nothing at all": PortSettings(),
    "off": PortSettings(enabled=False),
    "described": PortSettings(untagged=100, description="r1-n01:eth0 'left' \"$HOME\""),
}


def test_each_port_reads_back_as_it_was_told(rig):
    """In one commit: on a machine that is emulated each takes its time."""
    wanted = dict(zip(rig.all_ports, SETTINGS.values(), strict=False))
    assert len(wanted) == len(SETTINGS)
    with rig.open() as switch:
        switch.confirm(change(switch, wanted))
        found = switch.settings(wanted)
    for told, (port, one) in zip(SETTINGS, wanted.items(), strict=True):
        there = found[port]
        assert there.enabled == one.enabled, told
        assert there.edge is not False, told
        if one.enabled:
            assert (there.untagged, there.tagged, there.lag) == (one.untagged, one.tagged, None), told
        assert one.mtu in (None, there.mtu), told
        assert one.description in (None, there.description), told


def test_a_port_that_is_off_lets_nothing_through(rig, until):
    with rig.open() as switch:
        switch.confirm(change(switch, {rig.ports[0]: PortSettings(enabled=False)}))
        assert [port.enabled for port in switch.ports() if port.name == rig.ports[0]] == [False]
        assert not rig.reaches(rig.ports[0], "10.9.0.2")
        switch.confirm(change(switch, {rig.ports[0]: PROV}))
        until(lambda: rig.reaches(rig.ports[0], "10.9.0.2"), "it forwards again")
        assert rig.reaches(rig.ports[0], "10.9.0.2")


def test_an_unknown_port_is_refused_and_nothing_is_staged(rig):
    with rig.open() as switch:
        with pytest.raises(Refused, match="no port swp99"):
            switch.stage({rig.ports[0]: STORAGE, "swp99": STORAGE}, VLANS)
        assert rig.left_on_the_switch() == []
        assert switch.settings(["swp99"]) == {}


def test_what_a_dead_run_staged_or_committed_is_found_and_released(rig):
    one, two, _, _ = rig.ports
    with rig.open() as dead:
        staged = dead.stage({two: STORAGE}, VLANS)
        committed = change(dead, {one: STORAGE})
        assert dead.leftovers() == ()
    with rig.open() as switch:
        assert set(switch.leftovers()) == {staged.session, committed.session}
        with pytest.raises(Busy, match="waits for its word"):
            switch.stage({one: PROV}, VLANS)
        for leftover in switch.leftovers():
            switch.release(leftover)
            switch.release(leftover)
        assert switch.leftovers() == ()
        assert rig.left_on_the_switch() == []
        assert switch.settings([one])[one].untagged == 100


def test_a_lock_of_another_is_waited_for(rig):
    with rig.locked(2), rig.open() as switch:
        staged = switch.stage({rig.ports[0]: STORAGE}, VLANS)
        switch.roll_back(staged)
    assert staged.ports == {rig.ports[0]}


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(rig):
    one = rig.ports[0]
    with rig.open() as switch:
        staged = switch.stage({one: STORAGE}, VLANS)
        rig.meddle(one, 300)
        with pytest.raises(Busy, match="changed by somebody else"):
            switch.commit(staged, LONG)
        assert switch.settings([one])[one].untagged == 300
        assert rig.left_on_the_switch() == []


@pytest.mark.slow
def test_a_commit_that_cuts_management_takes_itself_back(rig, until):
    """Asked for by its name here; which ports are nobody's to touch is judged above the driver."""
    with rig.open(rig.through, timedelta(seconds=4)) as switch:
        staged = switch.stage({rig.way_in: STORAGE}, VLANS)
        with pytest.raises(UnknownOutcome, match=staged.session):
            switch.commit(staged, timedelta(seconds=8))

    def answers():
        try:
            with rig.open(rig.through) as switch:
                return switch.settings([rig.way_in])[rig.way_in].untagged == 900
        except DriverError:
            return False

    until(answers, "it is reached again", 60)
    with rig.open(rig.through) as switch:
        assert switch.leftovers() == ()
        with pytest.raises(NotApplied):
            switch.confirm(staged)


def test_all_ports_of_a_switch_change_in_one_commit(rig):
    wanted = {name: PortSettings(untagged=200, tagged=frozenset({300}), mtu=9000) for name in rig.all_ports}
    with rig.open() as switch:
        changes = rig.changes()
        staged = switch.stage(wanted, VLANS)
        switch.commit(staged, LONG)
        switch.confirm(staged)
        switch.save()
        found = switch.settings(rig.all_ports)
    assert rig.changes() - changes == 1
    assert len(found) == len(rig.all_ports)
    assert {(one.untagged, one.tagged, one.mtu) for one in found.values()} == {(200, frozenset({300}), 9000)}


def test_every_session_that_was_opened_is_closed(rig, until):
    for _ in range(3):
        with rig.open() as switch:
            switch.facts()
            assert rig.sessions() == 1
    until(lambda: rig.sessions() == 0, "no session is open")


def test_a_lag_is_made_and_taken_apart_a_member_at_a_time(rig):
    three, four = rig.ports[2:]
    bundled = PortSettings(untagged=100, tagged=frozenset({200}), lag=LagWanted(7, fallback=True))
    with rig.open() as switch:
        before = switch.running()
        switch.confirm(change(switch, {three: bundled}))
        assert [set(lag.members) for lag in switch.lags()] == [{three}]
        switch.confirm(change(switch, {four: bundled}))
        assert [set(lag.members) for lag in switch.lags()] == [{three, four}]
        assert {port.lag for port in switch.ports() if port.name in (three, four)} == {switch.lags()[0].name}
        found = switch.settings([three, four])
        assert found[three].lag == found[four].lag == LagWanted(7, fallback=True)
        assert (found[four].untagged, found[four].tagged) == (100, frozenset({200}))
        switch.confirm(change(switch, {three: PROV}))
        switch.confirm(change(switch, {four: PROV}))
        assert switch.lags() == ()
        assert "bond" not in switch.running() or switch.running() == before


def test_members_of_a_lag_with_different_vlans_are_refused(rig):
    lag = LagWanted(7, fallback=False)
    with rig.open() as switch, pytest.raises(Refused, match="different VLANs"):
        switch.stage({rig.ports[2]: PortSettings(untagged=100, lag=lag), rig.ports[3]: PortSettings(lag=lag)}, VLANS)
    assert rig.left_on_the_switch() == []


def test_a_rolled_back_lag_leaves_the_ports_as_they_were(rig):
    wanted = dict.fromkeys(rig.ports[2:], PortSettings(untagged=200, lag=LagWanted(7, fallback=False)))
    with rig.open() as switch:
        before = switch.running()
        staged = change(switch, wanted)
        assert len(switch.lags()) == 1
        switch.roll_back(staged)
        assert switch.running() == before
        assert rig.reaches(rig.ports[2], "10.9.0.4")


def test_a_made_up_session_cannot_be_confirmed(rig):
    with rig.open() as switch, pytest.raises(NotApplied):
        switch.confirm(Staged("anneal-00000000", "", frozenset()))
