"""A shutdown by the OS, which may never come, and by force only where that is allowed."""

import itertools
from datetime import timedelta

import pytest

from drivers.errors import NotApplied, Refused, UnknownOutcome, Unreachable, Unsupported
from drivers.facts import PowerState
from drivers.patience import Patience

SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
ALLOWED = "ResetType@Redfish.AllowableValues"
SOON = timedelta(milliseconds=200)


@pytest.fixture
def host(lab, new_reply):
    """A host that is on; `obeys` says which reset types turn it off."""
    lab.resources[SYSTEM]["PowerState"] = "On"
    lab.resources[SYSTEM]["Actions"]["#ComputerSystem.Reset"][ALLOWED] = [
        "On", "ForceOff", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PushPowerButton",
    ]  # fmt: skip
    lab.obeys = {"GracefulShutdown", "PushPowerButton", "ForceOff"}

    def act(heard):
        if heard.json()["ResetType"] in lab.obeys:
            lab.resources[SYSTEM]["PowerState"] = "Off"
        return new_reply(204)

    lab.acts["POST", RESET] = act
    return lab


@pytest.fixture
def machine(host):
    made = host.connect()
    yield made
    made.close()
    assert host.live == set()


def kinds(lab):
    return [heard.json()["ResetType"] for heard in lab.sent("POST", RESET)]


def allow(lab, *words):
    lab.resources[SYSTEM]["Actions"]["#ComputerSystem.Reset"][ALLOWED] = list(words)


@pytest.mark.quirk(22)
def test_an_os_that_shuts_down_is_not_forced(host, machine):
    machine.shut_down(SOON, force=True)
    assert kinds(host) == ["GracefulShutdown"]
    assert machine.power() is PowerState.OFF


def test_from_off_nothing_is_sent(host, machine):
    host.resources[SYSTEM]["PowerState"] = "Off"
    machine.shut_down(SOON, force=True)
    assert kinds(host) == []


@pytest.mark.quirk(22)
@pytest.mark.fault("F22", "power")
def test_an_os_that_hangs_is_forced_off_after_the_deadline(host, machine):
    host.obeys = {"ForceOff"}
    machine.shut_down(SOON, force=True)
    assert kinds(host) == ["GracefulShutdown", "ForceOff"]
    assert machine.power() is PowerState.OFF


@pytest.mark.quirk(22)
@pytest.mark.fault("F22", "power")
@pytest.mark.fault("F22", "bios")
def test_an_os_that_hangs_is_left_on_where_force_is_not_allowed(host, machine):
    host.obeys = {"ForceOff"}
    with pytest.raises(NotApplied, match=r"GracefulShutdown was accepted, .* reads on .* its OS does not shut down"):
        machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.quirk(22)
def test_the_button_is_pressed_only_where_nothing_better_is_offered(host, machine):
    allow(host, "On", "ForceOff", "PushPowerButton")
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["PushPowerButton"]


@pytest.mark.quirk(21)
@pytest.mark.quirk(25)
def test_neither_a_restart_nor_a_power_cycle_is_ever_asked_for(host, machine):
    allow(host, "On", "ForceOff", "ForceRestart", "GracefulRestart", "PowerCycle", "Nmi")
    with pytest.raises(Unsupported, match="cannot be shut down by its OS"):
        machine.shut_down(SOON, force=False)
    assert kinds(host) == []
    machine.shut_down(SOON, force=True)
    assert kinds(host) == ["ForceOff"]


def test_where_no_types_are_listed_the_standard_one_is_asked_for(host, machine):
    del host.resources[SYSTEM]["Actions"]["#ComputerSystem.Reset"][ALLOWED]
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


def test_a_refusal_is_forced_where_that_is_allowed_and_said_where_not(host, machine, new_reply, refusal):
    no = new_reply(400, refusal("Base.1.8.ActionNotSupported", "no OS"))
    host.next("POST", RESET, no, no)
    with pytest.raises(Refused, match="no OS"):
        machine.shut_down(SOON, force=False)
    machine.shut_down(SOON, force=True)
    assert kinds(host) == ["GracefulShutdown", "GracefulShutdown", "ForceOff"]


@pytest.mark.quirk(18)
@pytest.mark.fault("F11", "power")
@pytest.mark.parametrize("status", [400, 409, 204])
def test_a_host_that_went_off_meanwhile_is_off(host, machine, new_reply, status):
    def gone(_heard):
        host.resources[SYSTEM]["PowerState"] = "Off"
        return new_reply(status)

    host.next("POST", RESET, gone)
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.quirk(20)
@pytest.mark.fault("F12", "power")
def test_too_soon_after_another_change_is_asked_again(host, machine, new_reply, refusal):
    soon = new_reply(400, refusal("iLO.2.14.InvalidOperationForSystemState", "not now"))
    host.next("POST", RESET, soon, soon)
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"] * 3


@pytest.mark.fault("F3", "power")
def test_a_lost_answer_is_settled_by_reading_back_and_never_sent_again(host, machine, new_reply):
    def applied_and_lost(_heard):
        host.resources[SYSTEM]["PowerState"] = "Off"
        return new_reply(silent=True)

    host.next("POST", RESET, applied_and_lost)
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.fault("F4", "power")
def test_an_answer_that_does_not_come_in_time_is_settled_by_reading_back(host, machine, new_reply):
    def applied_and_held(_heard):
        host.resources[SYSTEM]["PowerState"] = "Off"
        return new_reply(held=True)

    host.next("POST", RESET, applied_and_held)
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.fault("F20", "power")
def test_a_bmc_that_is_away_for_ever_leaves_an_unknown_outcome_and_forces_nothing(host, machine, new_reply):
    def then_away(_heard):
        host.acts["GET", SYSTEM] = lambda _heard: new_reply(503)
        return new_reply(204)

    host.next("POST", RESET, then_away)
    with pytest.raises(UnknownOutcome, match="its power state cannot be read"):
        machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.fault("F20", "power")
def test_a_bmc_that_is_away_for_a_while_is_waited_for(host, machine, new_reply):
    def then_away(_heard):
        host.next("GET", SYSTEM, new_reply(503), new_reply(503))
        host.resources[SYSTEM]["PowerState"] = "Off"
        return new_reply(204)

    host.next("POST", RESET, then_away)
    machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.mark.quirk(23)
@pytest.mark.fault("F23", "power")
@pytest.mark.parametrize("word", ["PoweringOff", "Unknown", None, "Reset", 3])
def test_a_state_that_is_none_is_never_taken_for_off(host, machine, word):
    host.obeys = {"ForceOff"}
    on = host.resources[SYSTEM] | {"PowerState": "On"}
    host.acts["GET", SYSTEM] = lambda _heard: host.make(200, on if not kinds(host) else on | {"PowerState": word})
    with pytest.raises(NotApplied):
        machine.shut_down(SOON, force=False)
    assert kinds(host) == ["GracefulShutdown"]


@pytest.fixture(autouse=True)
def make(lab, new_reply):
    lab.make = new_reply


@pytest.mark.quirk(23)
@pytest.mark.fault("F23", "power")
def test_powering_off_for_ever_is_forced_after_the_deadline(host, machine, new_reply):
    def hangs(_heard):
        host.resources[SYSTEM]["PowerState"] = "PoweringOff"
        return new_reply(204)

    host.next("POST", RESET, hangs)
    machine.shut_down(SOON, force=True)
    assert kinds(host) == ["GracefulShutdown", "ForceOff"]


@pytest.mark.quirk(27)
@pytest.mark.parametrize(("within", "poll"), [(timedelta(minutes=10), 20), (timedelta(seconds=30), 5)])
def test_a_long_wait_looks_seldom_and_a_short_one_as_the_driver_always_does(within, poll):
    patience = Patience().for_power(within)
    assert (patience.power, patience.poll) == (within, timedelta(seconds=poll))


@pytest.mark.quirk(24)
def test_it_returns_only_when_off_reads_back(host, machine, new_reply):
    words = itertools.chain(["On", "On", "PoweringOff", "Off"], itertools.repeat("Off"))
    host.acts["GET", SYSTEM] = lambda _heard: new_reply(200, host.resources[SYSTEM] | {"PowerState": next(words)})
    machine.shut_down(timedelta(seconds=5), force=False)
    assert next(words) == "Off"
    assert len(host.sent("GET", SYSTEM)) >= 4


@pytest.mark.fault("F14", "power")
@pytest.mark.fault("F13", "power")
@pytest.mark.parametrize("headers", [{}, {"Location": "/redfish/v1/TaskService/Tasks/1"}])
def test_a_202_is_no_end_and_the_state_decides(host, machine, new_reply, headers):
    host.next("POST", RESET, new_reply(202, None, headers))
    with pytest.raises(NotApplied):
        machine.shut_down(SOON, force=False)
    host.next("POST", RESET, lambda heard: (host.acts["POST", RESET](heard), new_reply(202, None, headers))[1])
    machine.shut_down(SOON, force=False)
    assert machine.power() is PowerState.OFF


@pytest.mark.fault("F2", "power")
def test_a_bmc_that_nobody_reaches_is_said_and_nothing_was_sent(host, machine, new_reply):
    host.acts["GET", SYSTEM] = lambda _heard: new_reply(silent=True)
    with pytest.raises(Unreachable):
        machine.shut_down(SOON, force=True)
    assert kinds(host) == []
