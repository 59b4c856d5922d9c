"""What the wire and a BMC may do in the middle of any change: power, boot and BIOS alike.

Of every case: no success before it reads back, nothing destructive twice, every session ended, no secret told.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from drivers.errors import (
    Busy,
    Denied,
    DriverError,
    Garbled,
    IdentityChanged,
    NotApplied,
    Refused,
    UnknownOutcome,
    Unreachable,
)
from drivers.facts import BootTarget, PowerState
from drivers.redfish.session import ROOT

SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
SETTINGS = "/odd/place/for/bios/settings"
SESSIONS = "/redfish/v1/SessionService/Sessions"
ON = {"Sriov": "Enabled"}
BOUND = 5  # seconds, on a laden machine; the driver's own bounds in these tests are under one


@dataclass(frozen=True)
class Change:
    """One ability's change: how it is made, where it is written, and whether it came to be."""

    make: Callable
    write: tuple[str, str]
    came: Callable


CHANGES = {
    "power": Change(
        lambda machine: machine.turn(PowerState.ON),
        ("POST", RESET),
        lambda lab, _: lab.resources[SYSTEM]["PowerState"] == "On",
    ),
    "boot": Change(
        lambda machine: machine.boot_once(BootTarget.PXE),
        ("PATCH", SYSTEM),
        lambda lab, _: lab.resources[SYSTEM]["Boot"]["BootSourceOverrideTarget"] == "Pxe",
    ),
    "bios": Change(
        lambda machine: machine.stage_bios(ON),
        ("PATCH", SETTINGS),
        lambda _, firmware: firmware.staged == ON,
    ),
}


class Case:
    """One change under one fault, from the login to the logout."""

    def __init__(self, lab, firmware, change):
        self.lab, self.firmware, self.change = lab, firmware, change
        self.texts = []
        self.began = time.monotonic()
        self.tokens = set()

    def run(self, fault=None):
        """The error that ended it, or None."""
        machine = None
        try:
            machine = self.lab.connect()
            self.tokens |= self.lab.live
            if fault:
                fault()
            self.change.make(machine)
        except DriverError as error:
            self.texts.append(str(error))
            return error
        finally:
            if machine is not None:
                machine.close()
        return None

    def writes(self):
        return len(self.lab.sent(*self.change.write))

    def came(self):
        return self.change.came(self.lab, self.firmware)

    def check(self):
        assert self.lab.live == set()
        assert [s for s in ("Canary-7f3a", *self.tokens) for text in self.texts if s in text] == []
        assert time.monotonic() - self.began < BOUND


def cells(code, *abilities):
    return [pytest.param(name, marks=pytest.mark.fault(code, name)) for name in abilities or CHANGES]


@pytest.fixture
def case(lab, firmware, ability):
    made = Case(lab, firmware, CHANGES[ability])
    yield made
    made.check()


def obeyed(case, heard):
    """What the lab would do of itself."""
    act = case.lab.acts.get((heard.method, heard.path))
    return act(heard) if act else case.lab._obey(heard)


@pytest.mark.parametrize("ability", CHANGES)
def test_without_a_fault_it_comes_to_be_by_one_write(case):
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.parametrize("ability", cells("F1"))
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_bmc_that_cannot_be_reached_at_first_is_done_at_the_next_try(case, new_reply, times):
    case.lab.next("GET", ROOT, *[new_reply(silent=True)] * 2 * times)
    refused = [case.run() for _ in range(times)]
    assert [(type(error), error.retryable) for error in refused] == [(Unreachable, True)] * times
    assert case.writes() == 0
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.parametrize("ability", cells("F2"))
def test_a_bmc_that_is_never_reached_is_said_and_nothing_written(case, new_reply):
    error = case.run(lambda: case.lab.acts.update({("GET", SYSTEM): lambda _heard: new_reply(silent=True)}))
    assert isinstance(error, Unreachable)
    assert case.writes() == 0


@pytest.mark.parametrize("ability", cells("F3"))
def test_a_reset_after_the_write_was_applied_is_settled_by_reading_back(case, new_reply):
    case.lab.next(*case.change.write, lambda heard: (obeyed(case, heard), new_reply(silent=True))[1])
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.parametrize("ability", cells("F3"))
def test_a_reset_before_the_write_was_applied_is_no_success_and_not_repeated(case, new_reply):
    case.lab.next(*case.change.write, new_reply(silent=True))
    error = case.run()
    assert isinstance(error, NotApplied)
    assert (case.writes(), case.came()) == (1, False)
    assert case.run() is None
    assert (case.writes(), case.came()) == (2, True)


@pytest.mark.parametrize("ability", cells("F4"))
@pytest.mark.quirk(43)
def test_a_reply_that_comes_too_late_is_settled_by_reading_back(case, new_reply):
    case.lab.next(*case.change.write, lambda heard: (obeyed(case, heard), new_reply(held=True))[1])
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.parametrize("ability", cells("F5"))
def test_a_reply_that_is_cut_is_settled_by_reading_back(case, new_reply):
    cut = new_reply(200, b'{"a', {"Content-Length": "500", "Connection": "close"})
    case.lab.next(*case.change.write, lambda heard: (obeyed(case, heard), cut)[1])
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.quirk(29)
@pytest.mark.parametrize("ability", cells("F6"))
def test_a_stale_token_is_replaced_once_and_the_write_sent_again(case, new_reply):
    case.lab.next(*case.change.write, new_reply(401))
    assert case.run() is None
    assert (case.lab.made, case.writes(), case.came()) == (2, 2, True)


@pytest.mark.parametrize("ability", cells("F7"))
def test_a_login_that_stays_refused_is_denied_and_not_tried_a_third_time(case, new_reply):
    case.lab.next(*case.change.write, *[new_reply(401)] * 9)
    error = case.run()
    assert isinstance(error, Denied)
    assert not error.retryable
    assert case.lab.made == 2
    assert case.came() is False


@pytest.mark.quirk(28)
@pytest.mark.parametrize("ability", cells("F8"))
def test_a_bmc_out_of_sessions_is_spoken_to_without_one(case, new_reply, refusal):
    case.lab.next("POST", SESSIONS, *[new_reply(503, refusal("IDRAC.2.8.RAC0218", "too many"))] * 99)
    assert case.run() is None
    assert (case.lab.made, case.writes(), case.came()) == (0, 1, True)


@pytest.mark.parametrize("ability", cells("F9", "boot", "bios"))
@pytest.mark.parametrize("status", [500, 503])
def test_a_service_that_cannot_now_is_busy_and_done_at_the_next_try(case, new_reply, status):
    case.lab.next(*case.change.write, new_reply(status, None, {"Retry-After": "1"}))
    error = case.run()
    assert isinstance(error, Busy)
    assert case.run() is None
    assert (case.writes(), case.came()) == (2, True)


@pytest.mark.parametrize("ability", cells("F9", "power"))
@pytest.mark.parametrize("status", [500, 503])
def test_a_service_that_cannot_reset_now_is_asked_again(case, new_reply, status):
    case.lab.next(*case.change.write, new_reply(status, None, {"Retry-After": "1"}))
    assert case.run() is None
    assert (case.writes(), case.came()) == (2, True)


@pytest.mark.quirk(33)
@pytest.mark.parametrize("ability", cells("F10", "boot", "bios"))
def test_a_missing_etag_is_sent_and_a_changed_one_fetched_again(case, new_reply):
    resource = case.lab.resources[case.change.write[1]]

    def stale(_heard):
        resource["@odata.etag"] = '"2"'
        return new_reply(412)

    case.lab.next(*case.change.write, stale)
    assert case.run() is None
    assert [heard.headers.get("if-match") for heard in case.lab.sent(*case.change.write)] == [None, '"2"']


@pytest.mark.quirk(35)
@pytest.mark.parametrize("ability", cells("F10", "power"))
def test_an_action_never_carries_an_etag(case):
    case.lab.resources[SYSTEM]["@odata.etag"] = '"1"'
    assert case.run() is None
    assert [heard.headers.get("if-match") for heard in case.lab.sent("POST", RESET)] == [None]


@pytest.mark.parametrize("ability", cells("F17"))
def test_a_yes_without_a_deed_is_not_applied(case, new_reply):
    case.lab.next(*case.change.write, new_reply(204))
    error = case.run()
    assert isinstance(error, NotApplied)
    assert (case.writes(), case.came()) == (1, False)


@pytest.mark.parametrize("ability", cells("F20"))
def test_a_bmc_that_restarts_after_the_write_is_waited_for(case, new_reply):
    def then_away(heard):
        reply = obeyed(case, heard)
        case.lab.next("GET", SYSTEM, *[new_reply(503)] * 2)
        return reply

    case.lab.next(*case.change.write, then_away)
    assert case.run() is None
    assert (case.writes(), case.came()) == (1, True)


@pytest.mark.parametrize("ability", cells("F20"))
def test_a_bmc_that_does_not_come_back_after_the_write_leaves_an_unknown_outcome(case, new_reply):
    def then_gone(heard):
        reply = obeyed(case, heard)
        case.lab.acts["GET", SYSTEM] = lambda _heard: new_reply(503)
        return reply

    case.lab.next(*case.change.write, then_gone)
    error = case.run()
    assert isinstance(error, UnknownOutcome)
    assert "cannot be read" in str(error)
    assert case.writes() == 1


@pytest.mark.parametrize("ability", cells("F21"))
def test_a_bmc_that_forgot_our_login_is_denied_after_one_try(case, new_reply, refusal):
    case.lab.next("POST", SESSIONS, new_reply(401, refusal("Base.1.0.X", "Canary-7f3a is wrong")))
    assert isinstance(case.run(), Denied)
    assert (len(case.lab.sent("POST", SESSIONS)), case.writes()) == (1, 0)


@pytest.mark.parametrize("ability", cells("F24", "boot", "bios"))
@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
def test_a_system_that_is_no_json_is_garbled_before_anything_is_sent(case, new_reply, body):
    error = case.run(lambda: case.lab.next("GET", SYSTEM, new_reply(200, body)))
    assert isinstance(error, Garbled)
    assert case.writes() == 0


@pytest.mark.parametrize("ability", cells("F27"))
def test_a_changed_certificate_stops_before_anything_is_written(case, certificate):
    case.lab.connect().close()
    case.lab.context.load_cert_chain(certificate())
    assert isinstance(case.run(), IdentityChanged)
    assert case.writes() == 0


@pytest.mark.parametrize("ability", cells("F28"))
def test_another_machine_behind_the_address_is_not_written_to(case):
    with pytest.raises(IdentityChanged):
        case.lab.connect(serial="SN-8")
    assert case.writes() == 0


@pytest.mark.parametrize("ability", cells("F32", "power", "boot"))
def test_a_host_that_loses_power_meanwhile_is_judged_by_what_reads_back(case, new_reply):
    def then_dark(heard):
        reply = obeyed(case, heard)
        case.lab.resources[SYSTEM]["PowerState"] = "Off"
        return reply

    case.lab.next(*case.change.write, then_dark)
    error = case.run()
    assert isinstance(error, NotApplied) if case.change is CHANGES["power"] else error is None
    assert case.writes() == 1


@pytest.mark.parametrize("ability", CHANGES)
def test_a_refusal_is_final_and_said_in_the_words_of_the_bmc(case, new_reply, refusal):
    case.lab.next(*case.change.write, *[new_reply(400, refusal("Base.1.0.PropertyNotWritable", "never"))] * 2)
    error = case.run()
    assert isinstance(error, Refused)
    assert "never" in str(error)
    assert case.came() is False
