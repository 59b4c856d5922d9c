"""Power is believed only when it reads back."""

import pytest

from drivers.errors import Busy, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import PowerState

SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
ACTION = "#ComputerSystem.Reset"
ALLOWED = "ResetType@Redfish.AllowableValues"


@pytest.fixture
def machine(lab):
    made = lab.connect()
    yield made
    made.close()


def kinds(lab):
    return [heard.json()["ResetType"] for heard in lab.sent("POST", RESET)]


def test_turning_on_what_is_off_asks_once(lab, machine):
    machine.turn(PowerState.ON)
    assert kinds(lab) == ["On"]
    assert machine.power() is PowerState.ON


@pytest.mark.fault("F11", "power")
def test_asking_for_the_present_state_sends_nothing(lab, machine):
    machine.turn(PowerState.OFF)
    assert kinds(lab) == []


@pytest.mark.quirk(25)
def test_a_cycle_goes_by_off_and_on_and_never_by_power_cycle(lab, machine):
    lab.resources[SYSTEM]["PowerState"] = "On"
    machine.cycle()
    assert kinds(lab) == ["ForceOff", "On"]


@pytest.mark.quirk(24)
@pytest.mark.fault("F17", "power")
@pytest.mark.parametrize("state", [PowerState.ON, PowerState.OFF])
def test_a_bmc_that_says_yes_and_does_nothing_is_found_out(lab, machine, state):
    lab.obeys = False
    lab.resources[SYSTEM]["PowerState"] = "Off" if state is PowerState.ON else "On"
    with pytest.raises(NotApplied, match="was accepted, and its power still reads"):
        machine.turn(state)
    assert len(kinds(lab)) == 1


def test_a_cycle_that_never_goes_off_never_asks_for_on(lab, machine):
    lab.obeys = False
    lab.resources[SYSTEM]["PowerState"] = "On"
    with pytest.raises(NotApplied):
        machine.cycle()
    assert kinds(lab) == ["ForceOff"]


@pytest.mark.quirk(23)
def test_states_between_are_waited_out(lab, machine, new_reply):
    def reading(word):
        return new_reply(200, lab.resources[SYSTEM] | {"PowerState": word})

    lab.next("GET", SYSTEM, reading("PoweringOff"), reading("Off"), reading("PoweringOn"), reading("PoweringOn"))
    machine.turn(PowerState.ON)
    assert kinds(lab) == ["On"]
    assert not lab.script["GET", SYSTEM]


@pytest.mark.quirk(23)
@pytest.mark.fault("F23", "power")
@pytest.mark.parametrize("word", ["PoweringOn", "Reset", "Unknown", None, 7])
def test_a_state_that_is_neither_on_nor_off_for_ever_is_busy_and_nothing_is_sent(lab, machine, word):
    lab.resources[SYSTEM]["PowerState"] = word
    with pytest.raises(Busy, match="nothing was sent"):
        machine.turn(PowerState.ON)
    assert kinds(lab) == []


@pytest.mark.quirk(18)
@pytest.mark.fault("F11", "power")
@pytest.mark.parametrize("status", [400, 409])
def test_a_refusal_of_what_is_already_so_is_success(lab, machine, new_reply, status):
    def refuse(_heard):
        lab.resources[SYSTEM]["PowerState"] = "On"
        return new_reply(status)

    lab.next("POST", RESET, refuse)
    machine.turn(PowerState.ON)
    assert len(kinds(lab)) == 1


def test_a_refusal_of_what_is_not_so_is_said_in_the_words_of_the_bmc(lab, machine, new_reply, refusal):
    lab.next("POST", RESET, new_reply(400, refusal("Base.1.8.ActionNotSupported", "Not on this model")))
    with pytest.raises(Refused, match="ActionNotSupported Not on this model"):
        machine.turn(PowerState.ON)


@pytest.mark.quirk(19)
def test_a_conflict_that_passes_is_asked_again(lab, machine, new_reply, refusal):
    conflict = new_reply(409, refusal("Base.1.8.ActionParameterValueConflict", "too soon"))
    lab.next("POST", RESET, conflict, conflict)
    machine.turn(PowerState.ON)
    assert kinds(lab) == ["On", "On", "On"]


@pytest.mark.fault("F3", "power")
def test_a_lost_answer_is_settled_by_reading_back(lab, machine, new_reply):
    def applied_and_lost(_heard):
        lab.resources[SYSTEM]["PowerState"] = "On"
        return new_reply(silent=True)

    lab.next("POST", RESET, applied_and_lost)
    machine.turn(PowerState.ON)
    assert kinds(lab) == ["On"]


def test_a_lost_answer_and_a_state_that_cannot_be_read_is_an_unknown_outcome(lab, machine, new_reply):
    lab.next("POST", RESET, new_reply(silent=True))
    lab.next("GET", SYSTEM, new_reply(200, lab.resources[SYSTEM]), *[new_reply(503) for _ in range(99)])
    with pytest.raises(UnknownOutcome, match="answer lost, and its power state cannot be read"):
        machine.turn(PowerState.ON)
    assert kinds(lab) == ["On"]


def test_a_state_that_was_read_once_and_then_no_more_is_an_unknown_outcome_too(lab, machine, new_reply):
    off = new_reply(200, lab.resources[SYSTEM])
    lab.obeys = False
    lab.next("GET", SYSTEM, off, off, *[new_reply(503) for _ in range(99)])
    with pytest.raises(UnknownOutcome, match="On was accepted, and its power state cannot be read"):
        machine.turn(PowerState.ON)


def test_the_target_and_the_types_are_the_systems_own(lab, machine):
    action = lab.resources[SYSTEM]["Actions"][ACTION]
    action["target"] = "/odd/place"
    action[ALLOWED] = ["ForceOn", "ForceOff"]
    lab.obeys = False
    with pytest.raises(Unsupported):
        machine.turn(PowerState.ON)
    assert [heard.json() for heard in lab.sent("POST", "/odd/place")] == [{"ResetType": "ForceOn"}]


def test_the_types_may_stand_in_an_action_info(lab, machine):
    action = lab.resources[SYSTEM]["Actions"][ACTION]
    del action[ALLOWED]
    action["@Redfish.ActionInfo"] = "/redfish/v1/Systems/1/ResetActionInfo"
    parameters = [{"Name": "Other"}, {"Name": "ResetType", "AllowableValues": ["ForceOn"]}]
    lab.resources["/redfish/v1/Systems/1/ResetActionInfo"] = {"Parameters": parameters}
    machine.turn(PowerState.ON)
    assert kinds(lab) == ["ForceOn"]


def test_types_that_do_not_serve_are_unsupported_and_nothing_is_sent(lab, machine):
    lab.resources[SYSTEM]["Actions"][ACTION][ALLOWED] = ["PushPowerButton", "Nmi"]
    with pytest.raises(Unsupported, match="PushPowerButton, Nmi"):
        machine.turn(PowerState.ON)
    assert kinds(lab) == []


@pytest.mark.quirk(35)
@pytest.mark.fault("F10", "power")
def test_an_action_carries_no_etag(lab, machine):
    lab.resources[SYSTEM]["@odata.etag"] = '"7"'
    machine.turn(PowerState.ON)
    assert "if-match" not in lab.sent("POST", RESET)[0].headers
