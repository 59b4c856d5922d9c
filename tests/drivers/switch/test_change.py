"""One safe change: in every way that it can go wrong it ends in one error, with nothing of ours left open."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Busy, DriverError, IdentityChanged, NotApplied, Refused, UnknownOutcome
from drivers.switch.change import Change, bring

HOST = PortSettings(untagged=100, description="r1-n01:eth0")
PORTS = {f"Ethernet{at}": HOST for at in range(1, 5)}
ALLOWED = [f"Ethernet{at}" for at in range(1, 9)]
CHANGE = Change(PORTS, {200: "storage"}, ALLOWED, serial="ssj17115862", who="leaf1")
SHORT = replace(CHANGE, confirm_within=timedelta(seconds=2))


@pytest.fixture
def run(bench, quick):
    return lambda change=CHANGE, **more: bring(bench.session, change, **more, patience=quick)


def left_open(box):
    return [*box.sessions, *([box.timed] if box.timed else [])]


def sent(box, *begins):
    return [line for line in box.chassis.heard if line.startswith(begins)]


def test_all_ports_go_in_one_commit_that_is_confirmed_and_saved(run, box):
    brought = run()
    assert brought.ports == set(PORTS)
    assert "switchport access vlan 100" in brought.diff
    assert len([line for line in box.chassis.heard if "commit timer" in line]) == 1
    assert box.startup == box.running
    assert "switchport access vlan 100" in box.running["interface Ethernet4"]
    assert box.running["vlan 200"] == ["name storage"]
    assert left_open(box) == []


def test_what_holds_already_opens_no_session(run, box):
    run()
    box.chassis.heard.clear()
    assert run().ports == frozenset()
    assert sent(box, "configure") == []


@pytest.mark.fault("F35", "killed")
def test_what_was_confirmed_and_not_saved_by_a_dead_run_is_saved(run, box):
    run()
    box.startup = {"hostname leaf1": []}
    run()
    assert box.startup == box.running


@pytest.mark.parametrize("port", ["Ethernet49/1", "Management1", "Ethernet8"])
def test_a_port_that_is_not_allowed_is_refused_before_the_switch_is_asked(run, box, port):
    change = replace(CHANGE, wanted={**PORTS, port: HOST}, allowed=[one for one in ALLOWED if one != "Ethernet8"])
    with pytest.raises(Refused, match=f"{port}: not ours"):
        run(change)
    assert box.chassis.heard == []


@pytest.mark.fault("F28", "switch")
def test_another_switch_at_its_address_is_not_changed(run, box):
    box.chassis.serial = "JPE00000000"
    with pytest.raises(IdentityChanged, match="JPE00000000"):
        run()
    assert sent(box, "configure", "write") == []


def test_a_lag_that_holds_somebody_elses_port_is_not_touched(run, box):
    box.running["interface Ethernet49/1"].append("channel-group 7 mode active")
    change = replace(CHANGE, wanted={"Ethernet1": replace(HOST, lag=LagWanted(7, fallback=True))})
    with pytest.raises(Refused, match="Port-Channel7 holds Ethernet49/1"):
        run(change)
    assert sent(box, "configure") == []


def test_a_vlan_that_nobody_makes_is_refused(run, box):
    with pytest.raises(Refused, match="VLAN 300"):
        run(replace(CHANGE, wanted={"Ethernet1": replace(HOST, untagged=300)}))
    assert sent(box, "configure") == []


@pytest.mark.fault("F19", "switch")
def test_anothers_session_is_waited_for_and_left_alone(run, box):
    box.sessions["change-4711"] = {}
    with pytest.raises(Busy, match="change-4711"):
        run()
    assert left_open(box) == ["change-4711"]


@pytest.mark.parametrize("syntax", ["4.31.1F", "4.32.2F"])
@pytest.mark.fault("F35", "killed")
def test_what_a_dead_run_committed_is_taken_back_and_begun_anew(run, box, bench, syntax):
    box.version = syntax
    with bench.session() as dead:
        staged = dead.stage({"Ethernet1": replace(HOST, untagged=1)}, {})
        dead.commit(staged, timedelta(minutes=10))
    run()
    assert sent(box, f"configure session {staged.session} abort")
    assert left_open(box) == []
    assert box.startup == box.running


@pytest.mark.fault("F17", "switch")
def test_a_candidate_that_changes_nothing_is_not_committed(run, box, strike):
    strike("F17.lines")
    with pytest.raises(NotApplied, match="changes nothing"):
        run(replace(CHANGE, vlans={}))
    assert (sent(box, "configure session x commit"), left_open(box)) == ([], [])


@pytest.mark.fault("F3", "switch")
def test_a_commit_whose_answer_is_lost_is_read_back_and_kept(run, box, strike):
    strike("F3.commit")
    assert run().ports == set(PORTS)
    assert box.chassis.strikes == {}
    assert len([line for line in box.chassis.heard if "commit timer" in line]) == 1
    assert (left_open(box), box.startup) == ([], box.running)


@pytest.mark.fault("F4", "switch")
def test_a_confirmation_whose_answer_is_lost_is_not_taken_for_one_that_failed(run, box, strike):
    strike("F3.confirm")
    run()
    assert box.chassis.strikes == {}
    assert (left_open(box), box.startup) == ([], box.running)


@pytest.mark.fault("F33", "switch")
def test_a_commit_that_cuts_us_off_takes_itself_back_and_is_said_to(run, box, strike):
    strike("F33.path")
    before = {head: list(lines) for head, lines in box.running.items()}
    with pytest.raises(NotApplied, match="the switch took it back"):
        run(SHORT)
    assert box.running == before == box.startup
    assert left_open(box) == []


@pytest.mark.quirk(115)
def test_a_commit_that_silently_goes_back_after_its_confirmation_is_no_success(run, box, strike):
    strike("F33.confirmed")
    with pytest.raises(NotApplied, match="gone again"):
        run()
    assert left_open(box) == []
    assert box.startup == box.running


def test_what_does_not_read_back_is_taken_back(run, box):
    def intend(key, do, seen):
        do()
        if key.startswith("commit"):
            box.running["interface Ethernet2"] = ["shutdown"]

    with pytest.raises(NotApplied, match="Ethernet2: enabled is False, wanted True"):
        run(intend=intend)
    assert (left_open(box), box.running["interface Ethernet1"]) == ([], [])


@pytest.mark.quirk(119)
def test_what_was_not_saved_is_said_not_to_be(run, box, strike):
    strike("F17.save")
    with pytest.raises(NotApplied, match="startup configuration differs"):
        run()
    assert left_open(box) == []


def test_a_reload_in_mid_commit_ends_in_one_error(run, box):
    def intend(key, do, seen):
        do()
        if key.startswith("commit"):
            box.reload()

    with pytest.raises(NotApplied, match="does not read back"):
        run(intend=intend)
    assert (left_open(box), box.running) == ([], box.startup)


class Killed(BaseException):
    pass


@pytest.mark.fault("F35", "killed")
@pytest.mark.parametrize("at", ["release", "commit", "confirm", "save"])
@pytest.mark.parametrize("done", [False, True])
def test_a_kill_at_any_write_costs_nothing(run, box, at, done):
    box.sessions["anneal-00000000"] = {}

    def intend(key, do, seen):
        if key.startswith(at):
            if done:
                do()
            raise Killed
        do()

    with pytest.raises(Killed):
        run(intend=intend)
    run()
    assert left_open(box) == []
    assert box.startup == box.running
    assert "switchport access vlan 100" in box.running["interface Ethernet3"]


@pytest.mark.fault("F1", "switch")
@pytest.mark.parametrize("fault", ["F9x2", "F5x2"])
def test_a_switch_that_falters_is_asked_again(run, box, fault, strike):
    def intend(key, do, seen):
        do()
        if key.startswith("commit"):
            strike(fault)

    assert run(intend=intend).ports == set(PORTS)
    assert box.chassis.strikes == {}


def test_each_write_is_announced_before_it_is_sent(run, box):
    box.sessions["anneal-00000000"] = {}
    announced = []

    def intend(key, do, seen):
        announced.append((key.split()[0], len(sent(box, "write")), box.timed is not None))
        do()

    run(intend=intend)
    assert announced == [("release", 0, False), ("commit", 0, False), ("confirm", 0, True), ("save", 0, False)]


@pytest.mark.fault("F16", "switch")
@pytest.mark.parametrize("what", ["stage", "commit", "diff"])
def test_whatever_is_rejected_leaves_nothing_open(run, box, what, strike):
    strike(f"F16.{what}")
    with pytest.raises(DriverError) as error:
        run()
    assert not isinstance(error.value, UnknownOutcome)
    assert (left_open(box), box.chassis.strikes) == ([], {})
