"""IOS over the wire: each line takes effect at once; a file to go back to, and a timer where the archive is on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.switch import Confirm, LagWanted, PortSettings
from drivers.errors import Busy, Denied, IdentityChanged, NotApplied, Refused, UnknownOutcome
from drivers.switch.change import Change, bring
from drivers.virtual.twin.switch.command_line import copied
from inventory.secrets import Secret
from tests.drivers.switch.conftest import QUICK

HOST = PortSettings(untagged=100, description="r1-n01:eth0")
PORTS = {f"TwentyFiveGigE1/0/{at}": HOST for at in range(1, 3)}
ALLOWED = [f"TwentyFiveGigE1/0/{at}" for at in range(1, 9)]
CHANGE = Change(PORTS, {200: "storage"}, ALLOWED, serial="CAT2222L0CD", who="leaf2")


def archiving(box, archive):
    if not archive:
        del box.running["archive"]
        box.startup = copied(box.running)


@pytest.fixture
def run(bench):
    return lambda change=CHANGE, *intend: bring(bench.session, change, *intend, patience=QUICK)


def test_it_tells_what_the_switch_tells(bench, box):
    with bench.session() as switch:
        facts = switch.facts()
        assert (facts.serial, facts.version, facts.hostname) == ("CAT2222L0CD", "17.9.4a", "leaf2")
        assert {one.name: one.speed_mbps for one in switch.ports()}["HundredGigE1/0/49"] == 25000
        assert [one.name for one in switch.ports()][-1] == "GigabitEthernet0/0"
        assert (switch.vlans(), switch.learned()) == ({1: "default", 100: "provision"}, ())
        assert switch.assurance().confirm is Confirm.EMULATED
        del box.running["archive"]
        assert switch.assurance().confirm is Confirm.NONE


@pytest.mark.fault("F27", "switch")
def test_another_host_key_than_the_first_met_gets_no_password(bench, box):
    with bench.session():
        pass
    heard, name = list(box.chassis.heard), str(bench.address)
    kind, key = bench.pins.known[name].split()
    bench.pins.known[name] = f"{kind} {key[:-8]}AAAAAAAA"
    with pytest.raises(IdentityChanged), bench.session():
        pass
    assert (box.chassis.heard, box.chassis.logins_denied) == (heard, 0)


@pytest.mark.fault("F7", "switch")
def test_a_wrong_password_is_offered_once(bench, box):
    with pytest.raises(Denied), replace(bench, password=Secret("wrong")).session():
        pass
    assert box.chassis.logins_denied == 1


@pytest.mark.parametrize("archive", [True, False])
def test_all_ports_are_changed_confirmed_and_saved(run, box, archive):
    archiving(box, archive)
    assert run().ports == set(PORTS)
    assert "switchport access vlan 100" in box.running["interface TwentyFiveGigE1/0/2"]
    assert (box.kept, box.ends, box.startup) == ({}, None, box.running)
    assert ("configure terminal revert timer 2" in box.chassis.heard) is archive


@pytest.mark.fault("F19", "switch")
def test_anothers_timer_is_waited_for(run, box, strike):
    strike("F34.waits")
    with pytest.raises(Busy, match="revert timer of another"):
        run()
    assert box.ends == float("inf")


@pytest.mark.parametrize("archive", [True, False])
def test_a_line_that_is_rejected_half_way_leaves_all_as_it_was(run, box, archive):
    archiving(box, archive)
    before = copied(box.running)
    wanted = {**PORTS, "TwentyFiveGigE1/0/3": replace(HOST, mtu=64)}
    with pytest.raises(Refused, match="Invalid input"):
        run(replace(CHANGE, wanted=wanted))
    assert "switchport access vlan 100" in box.chassis.heard
    assert (box.running, box.kept, box.ends) == (before, {}, None)


@pytest.mark.fault("F35", "killed")
@pytest.mark.parametrize("archive", [True, False])
def test_what_a_dead_run_left_is_gone_back_from(bench, box, archive):
    archiving(box, archive)
    before = copied(box.running)
    box.kept["by-hand.cfg"] = {}
    with bench.session() as dead:
        staged = dead.stage({"TwentyFiveGigE1/0/7": HOST}, {})
        dead.commit(staged, timedelta(minutes=1))
        assert box.running != before
    with bench.session() as switch:
        assert switch.leftovers() == (staged.session,)
        switch.release(staged.session)
        switch.release("by-hand")
    assert (box.running, list(box.kept), box.ends) == (before, ["by-hand.cfg"], None)


@pytest.mark.fault("F3", "switch")
def test_a_commit_that_is_cut_off_half_way_is_taken_back_and_made_anew(run, box, strike):
    strike("F3.commit")
    with pytest.raises(NotApplied, match="does not read back"):
        run()  # cut off half way: not all of it is in force, and it is taken back
    assert (box.kept, box.ends) == ({}, None)
    assert box.running == box.startup
    assert run().ports == set(PORTS)


@pytest.mark.slow
@pytest.mark.fault("F33", "switch")
def test_a_commit_that_cuts_us_off_takes_itself_back_and_its_file_goes_too(run, box, strike):
    before = copied(box.running)
    strike("F33.path@20")
    with pytest.raises(NotApplied, match=r"could not be read .* the switch took it back"):
        run(replace(CHANGE, confirm_within=timedelta(seconds=4)))
    assert (box.running, box.kept, box.ends) == (before, {}, None)


def test_a_timer_that_ran_out_cannot_be_confirmed(bench, box):
    with bench.session() as switch:
        staged = switch.stage(PORTS, {})
        switch.commit(staged, timedelta(minutes=1))
        box.ends = 0
        with pytest.raises(NotApplied, match="does not run"):
            switch.confirm(staged)


def test_without_its_file_nothing_is_changed(run, box, strike):
    before = copied(box.running)
    strike("F16.commit")
    with pytest.raises(NotApplied, match="nothing was changed"):
        run()
    assert box.running == before


@pytest.mark.quirk(119)
def test_what_was_not_saved_is_said_not_to_be(run, strike):
    strike("F17.save")
    with pytest.raises(NotApplied, match="startup configuration differs"):
        run()


def test_a_lag_reads_back(run, bench, box):
    wanted = PortSettings(untagged=100, tagged=frozenset({200}), lag=LagWanted(7, fallback=True))
    run(replace(CHANGE, wanted={"TwentyFiveGigE1/0/3": wanted}))
    with bench.session() as switch:
        assert switch.settings(["TwentyFiveGigE1/0/3"]) == {"TwentyFiveGigE1/0/3": wanted}


def test_sessions_opened_are_closed(run, box):
    run()
    for _ in QUICK.looks(timedelta(seconds=10)):
        if not box.chassis.sessions:
            return
    raise AssertionError("a session is still open")


def test_a_way_back_that_is_told_and_not_gone_keeps_its_file(bench, box, strike):
    with bench.session() as switch:
        staged = switch.stage(PORTS, {})
        switch.commit(staged, timedelta(minutes=1))
        strike("F17.lines")
        with pytest.raises(UnknownOutcome, match=r"did not go back .* TwentyFiveGigE1/0/1"):
            switch.roll_back(staged)
    assert list(box.kept) == [f"{staged.session}.cfg"]


MOVED = "description moved by noc"


def test_going_back_leaves_what_somebody_else_changed_meanwhile(bench, box):
    then = copied(box.running)
    with bench.session() as switch:
        wanted = {"TwentyFiveGigE1/0/2": PortSettings(untagged=100, lag=LagWanted(9, fallback=True))}
        staged = switch.stage(wanted, {})
        switch.commit(staged, timedelta(minutes=1))
        box.running["interface HundredGigE1/0/49"].append(MOVED)
        switch.roll_back(staged)
    then["interface HundredGigE1/0/49"].append(MOVED)
    assert (box.running, box.kept, box.ends) == (then, {}, None)
