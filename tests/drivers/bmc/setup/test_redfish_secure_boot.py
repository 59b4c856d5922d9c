"""Secure Boot: set for the next boot, and told from what the running one enforces."""

import pytest

from drivers.ability.boot import SecureBootState
from drivers.ability.progress import Phase
from drivers.errors import Busy, Refused, Unsupported

SYSTEM = "/redfish/v1/Systems/1"
SECURE = "/odd/place/for/secure/boot"
QUEUE = "/redfish/v1/Managers/1/Oem/Dell/Jobs"


@pytest.fixture
def secure(lab, new_reply):
    """Off; what is set reads back at once, and is enforced after a reset."""
    lab.resources[SYSTEM]["SecureBoot"] = {"@odata.id": SECURE}
    lab.resources[SECURE] = {
        "SecureBootEnable": False,
        "SecureBootCurrentBoot": "Disabled",
        "SecureBootMode": "UserMode",
    }
    lab.acts["PATCH", SECURE] = lambda heard: (lab.resources[SECURE].update(heard.json()), new_reply(200))[1]
    return lab.resources[SECURE]


def test_what_is_set_and_what_is_enforced_are_told_apart(machine, secure):
    secure["SecureBootEnable"] = True
    assert machine.secure_boot() == SecureBootState(enabled=True, active=False, mode="UserMode")


def test_a_machine_without_it_has_none_and_takes_none(lab, machine):
    assert machine.secure_boot() is None
    with pytest.raises(Unsupported):
        machine.set_secure_boot(enabled=True)
    assert lab.sent("PATCH") == []


@pytest.mark.fault("F24", "boot")
@pytest.mark.parametrize("shape", [{}, {"SecureBootEnable": "true", "SecureBootCurrentBoot": 1, "SecureBootMode": []}])
def test_what_is_not_told_is_unknown(lab, machine, secure, shape):
    lab.resources[SECURE] = shape
    assert machine.secure_boot() == SecureBootState(None, None, None)


def test_what_holds_sends_nothing(lab, machine, secure):
    assert machine.set_secure_boot(enabled=False) is None
    assert lab.sent("PATCH") == []


@pytest.mark.quirk(12)
def test_a_change_waits_for_a_reset_and_is_in_force_after_it(lab, machine, secure):
    left = machine.set_secure_boot(enabled=True)
    assert (left.path, left.needs_reset) == (None, True)
    assert machine.set_secure_boot(enabled=True).needs_reset
    secure["SecureBootCurrentBoot"] = "Enabled"
    assert machine.set_secure_boot(enabled=True) is None
    assert [heard.json() for heard in lab.sent("PATCH", SECURE)] == [{"SecureBootEnable": True}]


@pytest.mark.quirk(12)
def test_a_change_that_does_not_show_before_the_reset_is_not_claimed(lab, machine, secure, new_reply):
    lab.acts["PATCH", SECURE] = lambda _heard: new_reply(200)
    assert machine.set_secure_boot(enabled=True).needs_reset
    assert machine.secure_boot().enabled is False


@pytest.mark.quirk(12)
@pytest.mark.fault("F9", "boot")
def test_errors_of_the_service_meanwhile_are_waited_out(lab, machine, secure, new_reply):
    lab.next("GET", SECURE, new_reply(500), new_reply(500))
    assert machine.secure_boot().enabled is False
    lab.next("PATCH", SECURE, new_reply(503))
    lab.next("GET", SECURE, new_reply(200, dict(secure)), new_reply(200, dict(secure)), new_reply(500))
    assert machine.set_secure_boot(enabled=True).needs_reset
    assert secure["SecureBootEnable"] is True


@pytest.mark.quirk(12)
def test_errors_of_the_service_that_last_are_busy(lab, machine, secure, new_reply):
    lab.acts["GET", SECURE] = lambda _heard: new_reply(500)
    with pytest.raises(Busy, match="500"):
        machine.secure_boot()
    with pytest.raises(Busy, match="500"):
        machine.set_secure_boot(enabled=True)
    assert lab.sent("PATCH") == []


@pytest.mark.fault("F3", "boot")
def test_a_lost_answer_is_settled_by_reading_back(lab, machine, secure, new_reply):
    lab.next("PATCH", SECURE, lambda heard: (secure.update(heard.json()), new_reply(silent=True))[1])
    assert machine.set_secure_boot(enabled=True).needs_reset
    assert len(lab.sent("PATCH", SECURE)) == 1


def test_a_refusal_is_said(lab, machine, secure, new_reply, refusal):
    lab.next("PATCH", SECURE, new_reply(400, refusal("Base.1.0.PropertyNotWritable", "no platform key")))
    with pytest.raises(Refused, match="no platform key"):
        machine.set_secure_boot(enabled=True)


@pytest.mark.fault("F13", "boot")
def test_a_job_is_followed(lab, machine, secure, new_reply):
    lab.resources["/jobs/1"] = {"JobState": "Scheduled"}
    lab.next("PATCH", SECURE, new_reply(202, None, {"Location": "/jobs/1"}))
    left = machine.set_secure_boot(enabled=True)
    assert left.path == "/jobs/1"
    assert machine.follow(left).phase is Phase.SCHEDULED


def test_an_idrac_that_stages_it_among_the_bios_settings_gets_a_job_for_them(lab, idrac, secure, machine, new_reply):
    def stages(_heard):
        idrac.staged["SecureBoot"] = "Enabled"
        idrac.show()
        return new_reply(200)

    lab.acts["PATCH", SECURE] = stages
    assert machine.set_secure_boot(enabled=True).path == f"{QUEUE}/JID_1"
    assert len(lab.sent("POST", QUEUE)) == 1


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "boot")
def test_nothing_is_sent_in_the_self_test(lab, ilo, secure, machine):
    lab.resources[SYSTEM]["Oem"]["Hpe"]["PostState"] = "InPost"
    with pytest.raises(Busy, match="self-test"):
        machine.set_secure_boot(enabled=True)
    assert lab.sent("PATCH") == []
