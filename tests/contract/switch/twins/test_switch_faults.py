"""F33 to F36 at each family: how it ends, what is said of it, what is in force then, and that nobody else's is touched.

Numbers as the rack file has them. The next run, once the fault is over, converges.
"""

from datetime import timedelta

import pytest

from drivers.ability.switch import PortSettings
from drivers.errors import Busy, DriverError, NotApplied, Refused, UnknownOutcome
from drivers.switch.change import Change, bring, lacking
from tests.contract.switch.twins.conftest import QUICK

VLANS = {100: "provision", 200: "storage"}
HOST = PortSettings(untagged=200, description="r1-n01:eth0")
WITHIN = timedelta(seconds=3)


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


def told_to_lack(rig, wanted):
    """Which of our ports the driver itself finds wanting, over a new session: the evidence."""
    with rig.open() as switch:
        return {says.split(":")[0] for says in lacking(switch, wanted, {})}


def in_force(rig):
    return {rig.box.lane(port).vlan for port in rig.ports}


def converges(rig, run, wanted):
    run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == ({200}, set())
    assert (rig.saved(), rig.left()) == (True, [])


@pytest.mark.fault("F33", "switch")
@pytest.mark.parametrize(
    ("word", "says"),
    [("early", "does not read back"), ("confirmed", "gone again"), ("path", "the switch took it back")],
)
def test_a_commit_that_silently_goes_back_is_no_success(rig, run, wanted, untouched, word, says):
    rig.strike(f"F33.{word}")
    with pytest.raises(NotApplied, match=says):
        run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == ({1}, set(rig.ports))
    assert (rig.lines(), rig.left(), rig.saved()) == (rig.before, [], True)
    rig.mend(f"F33.{word}")
    converges(rig, run, wanted)


@pytest.mark.fault("F34", "switch")
@pytest.mark.parametrize("word", ["open", "waits"])
def test_anothers_candidate_is_waited_for_and_left_alone(rig, run, wanted, untouched, word):
    rig.strike(f"F34.{word}")
    with pytest.raises(Busy):
        run()
    assert (in_force(rig), told_to_lack(rig, wanted)) == ({1}, set(rig.ports))
    assert (rig.lines(), rig.left()) == (rig.before, ["change-4711"])
    rig.mend(f"F34.{word}")
    converges(rig, run, wanted)


@pytest.mark.fault("F34", "switch")
def test_what_another_does_to_an_uplink_while_ours_is_staged_is_not_undone(rig, run, wanted):
    rig.strike("F34.meddles")
    with pytest.raises((Busy, Refused)):
        run()
    theirs = rig.outside()[f"interface {rig.family.uplink}"]
    assert "description moved by noc" in theirs
    assert (in_force(rig), rig.left()) == ({1}, [])
    rig.mend("F34.meddles")
    converges(rig, run, wanted)
    assert rig.outside()[f"interface {rig.family.uplink}"] == theirs


@pytest.mark.fault("F35", "switch")
def test_a_locked_configuration_is_waited_for_with_nothing_of_ours_left(rig, run, wanted, untouched):
    rig.strike("F35")
    with pytest.raises(Busy, match="lock"):
        run()
    assert (rig.lines(), rig.left()) == (rig.before, [])
    assert told_to_lack(rig, wanted) == set(rig.ports)
    rig.mend("F35")
    converges(rig, run, wanted)


@pytest.mark.fault("F36", "switch")
@pytest.mark.parametrize(("at", "left"), [("stage", 1), ("commit", 1), ("confirm", 1), ("save", 200)])
def test_a_reload_in_the_midst_ends_in_one_error_and_the_next_run_converges(rig, run, wanted, untouched, at, left):
    rig.strike(f"F36.{at}@0.5")
    with pytest.raises(DriverError) as ended:
        run()
    assert isinstance(ended.value, UnknownOutcome | NotApplied | Busy) or ended.value.retryable
    assert rig.box.chassis.reloads == 1
    assert in_force(rig) == {left}
    converges(rig, run, wanted)
