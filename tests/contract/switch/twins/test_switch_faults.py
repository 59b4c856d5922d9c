"""F33 to F36 at each family: how it ends, what is said of it, what is in force then, and that nobody else's is touched.

Numbers as the rack file has them. The next run, once the fault is over, converges.
"""

from datetime import timedelta

import pytest

from drivers.ability.switch import PortSettings
from drivers.errors import Busy, DriverError, NotApplied, Refused, Transient, UnknownOutcome
from drivers.switch.change import Change, bring, lacking
from drivers.virtual.twin.switch.faults import check, parse
from tests.contract.switch.twins.conftest import QUICK

VLANS = {100: "provision", 200: "storage"}
HOST = PortSettings(untagged=200, description="r1-n01:eth0")
WITHIN = timedelta(seconds=10)


@pytest.fixture
def wanted(rig):
    return dict.fromkeys(rig.ports, HOST)


@pytest.fixture
def run(rig, wanted):
    """One change as the engine makes it."""
    change = Change(wanted, VLANS, rig.ports, serial="SN-LEAF1", confirm_within=WITHIN, who="leaf1")
    return lambda: bring(rig.open, change, patience=QUICK)


@pytest.fixture
def untouched(rig):
    """At the end, whatever came of it: what is nobody's of ours is as it was."""
    outside = rig.outside()
    yield
    assert rig.outside() == outside


@pytest.fixture
def blank(rig):
    return {rig.family.blank}


def told_to_lack(rig, wanted):
    """Which of our ports the driver itself finds wanting, over a new session: the evidence."""
    with rig.open() as switch:
        return {says.split(":")[0] for says in lacking(switch, wanted, {})}


def in_force(rig):
    return {rig.box.lane(port).vlan for port in rig.ports}


def can_have(rig, fault):
    """Whether a family knows such a thing at all; where it does not, the twin refuses to play it."""
    try:
        check(rig.name, parse(fault))
    except ValueError:
        return False
    return True


def converges(rig, run, wanted):
    run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == ({200}, set())
    assert (rig.saved(), rig.left()) == (True, [])


@pytest.mark.fault("F33", "switch")
@pytest.mark.parametrize(
    ("word", "says"),
    [("early", "does not read back"), ("confirmed", "gone again"), ("path@3", "")],
)
def test_a_commit_that_silently_goes_back_is_no_success(rig, run, wanted, blank, untouched, word, says):
    if word.startswith("path") and not rig.family.timer:
        pytest.skip("nothing takes it back there: another test")
    rig.strike(f"F33.{word}")  # after so many seconds its timer is over, where minutes are all it counts
    with pytest.raises(NotApplied, match=says or rig.family.took):
        run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == (blank, set(rig.ports))
    assert (rig.lines(), rig.left(), rig.saved()) == (rig.before, [], True)
    rig.mend(f"F33.{word.partition('@')[0]}")
    converges(rig, run, wanted)


@pytest.mark.fault("F33", "switch")
def test_where_nothing_takes_it_back_a_way_that_is_lost_is_an_unknown_outcome_and_the_next_run_goes_back(
    rig, run, wanted, untouched
):
    if rig.family.timer:
        pytest.skip("the switch takes it back: another test")
    rig.strike("F33.path")
    with pytest.raises(UnknownOutcome, match="nothing takes it back"):
        run()
    assert (in_force(rig), len(rig.left())) == ({200}, 1)
    rig.mend("F33.path")
    with rig.open() as switch:
        (left,) = switch.leftovers()
        switch.release(left)
    assert (rig.lines(), rig.left()) == (rig.before, [])
    converges(rig, run, wanted)


@pytest.mark.fault("F34", "switch")
@pytest.mark.parametrize("word", ["open", "waits"])
def test_anothers_candidate_is_waited_for_and_left_alone(rig, run, wanted, blank, untouched, word):
    if not can_have(rig, f"F34.{word}"):
        pytest.skip("its command line knows no such thing")
    rig.strike(f"F34.{word}")
    with pytest.raises(Busy):
        run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == (blank, set(rig.ports))
    assert rig.lines() == rig.before
    assert len(rig.left()) == 1
    rig.mend(f"F34.{word}")
    converges(rig, run, wanted)


@pytest.mark.fault("F34", "switch")
def test_what_another_does_to_an_uplink_while_ours_is_staged_is_not_undone(rig, run, wanted, blank):
    if not can_have(rig, "F34.meddles"):
        pytest.skip("nobody else changes what we hold the lock of")
    if not rig.family.candidates:
        pytest.skip("nothing is staged there that would be overwritten: another test")
    rig.strike("F34.meddles")
    with pytest.raises((Busy, Refused)):
        run()
    theirs = rig.outside()
    assert any("moved by noc" in line for line in theirs)
    assert (in_force(rig), rig.left()) == (blank, [])
    rig.mend("F34.meddles")
    converges(rig, run, wanted)
    assert rig.outside() == theirs


@pytest.mark.fault("F34", "switch")
@pytest.mark.parametrize("refused", [False, True])
def test_what_another_does_to_an_uplink_as_ours_takes_effect_is_not_undone(rig, run, wanted, blank, refused):
    if rig.family.candidates:
        pytest.skip("what is staged there is compared first: another test")
    rig.strike("F34.meddles", *["F16.stage"] * refused)
    if refused:
        with pytest.raises(Refused):
            run()
    else:
        run()
    theirs = rig.outside()
    assert any("moved by noc" in line for line in theirs)
    assert (in_force(rig), rig.left()) == (blank if refused else {200}, [])
    rig.mend("F34.meddles")
    converges(rig, run, wanted)
    assert rig.outside() == theirs


@pytest.mark.fault("F35", "switch")
def test_a_locked_configuration_is_waited_for_with_nothing_of_ours_left(rig, run, wanted, blank, untouched):
    rig.strike("F35")
    with pytest.raises(Busy, match="lock"):
        run()
    assert (rig.lines(), [one for one in rig.left() if one != "lock"]) == (rig.before, [])
    assert told_to_lack(rig, wanted) == set(rig.ports)
    rig.mend("F35")
    converges(rig, run, wanted)


@pytest.mark.fault("F36", "switch")
@pytest.mark.parametrize(("at", "left"), [("stage", None), ("commit", None), ("confirm", None), ("save", 200)])
def test_a_reload_in_the_midst_ends_in_one_error_and_the_next_run_converges(
    rig, run, wanted, blank, untouched, at, left
):
    if not rig.family.restarts_as_saved:
        pytest.skip("what is committed there is saved: another test")
    rig.strike(f"F36.{at}@0.5")
    with pytest.raises(DriverError) as ended:
        run()
    assert isinstance(ended.value, UnknownOutcome | NotApplied | Transient)
    assert rig.box.chassis.reloads == 1
    assert in_force(rig) == ({left} if left is not None else blank)
    rig.back()
    converges(rig, run, wanted)


@pytest.mark.fault("F36", "switch")
@pytest.mark.parametrize("at", ["stage", "commit", "confirm"])
def test_where_a_reload_keeps_what_was_committed_no_more_than_a_candidate_is_lost(
    rig, run, wanted, blank, untouched, at
):
    if rig.family.restarts_as_saved:
        pytest.skip("a reload loses what was not saved: another test")
    rig.strike(f"F36.{at}@0.5")
    if at == "commit":
        run()
    else:
        with pytest.raises(DriverError):
            run()
    assert in_force(rig) == (blank if at == "stage" else {200})
    assert rig.box.chassis.reloads == 1
    rig.back()
    converges(rig, run, wanted)


@pytest.mark.fault("F17", "switch")
def test_a_switch_whose_hardware_does_not_follow_shows_what_it_was_told_and_lets_through_what_it_did(
    rig, run, wanted, blank
):
    """No switch driver can know: the proof of the network finds it."""
    rig.strike("F17.hardware")
    run()
    assert (told_to_lack(rig, wanted), in_force(rig)) == (set(), blank)
    rig.mend("F17.hardware")
    assert in_force(rig) == {200}
