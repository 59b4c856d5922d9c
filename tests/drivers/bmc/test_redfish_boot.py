"""The boot device of the next boot: what was sent, where, and that it stayed."""

import pytest

from drivers.errors import Busy, NotApplied, Refused, Unsupported
from drivers.facts import Boot, BootTarget

SYSTEM = "/redfish/v1/Systems/1"
SETTINGS = "/redfish/v1/Systems/1/Settings"
ONCE_PXE = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}


@pytest.fixture
def machine(lab):
    made = lab.connect()
    yield made
    made.close()


def patches(lab, path=SYSTEM):
    return [heard.json()["Boot"] for heard in lab.sent("PATCH", path)]


@pytest.mark.quirk(1)
def test_the_next_boot_is_armed_once_and_reads_back(lab, machine):
    assert machine.boot_once(BootTarget.PXE) == Boot(BootTarget.PXE, once=True, mode="uefi")
    assert patches(lab) == [ONCE_PXE]


def test_disarming_reads_back_as_none(lab, machine):
    machine.boot_once(BootTarget.PXE)
    assert machine.boot_once(BootTarget.NONE).target is BootTarget.NONE
    assert machine.boot().target is BootTarget.NONE


@pytest.mark.fault("F17", "boot")
def test_a_bmc_that_says_yes_and_keeps_nothing_is_found_out(lab, machine):
    lab.obeys = False
    with pytest.raises(NotApplied, match="took boot-once pxe and after 0s reads back none"):
        machine.boot_once(BootTarget.PXE)


@pytest.mark.quirk(16)
def test_once_that_was_kept_as_continuous_is_told_and_not_judged(lab, machine, new_reply):
    def kept(heard):
        lab.resources[SYSTEM]["Boot"] |= {**heard.json()["Boot"], "BootSourceOverrideEnabled": "Continuous"}
        return new_reply(204)

    lab.next("PATCH", SYSTEM, kept)
    assert machine.boot_once(BootTarget.PXE).once is False


@pytest.mark.quirk(3)
def test_a_bmc_that_wants_the_mode_as_well_gets_the_present_one(lab, machine, new_reply):
    lab.next("PATCH", SYSTEM, new_reply(400))
    machine.boot_once(BootTarget.PXE)
    assert patches(lab) == [ONCE_PXE, {**ONCE_PXE, "BootSourceOverrideMode": "UEFI"}]


def test_a_bmc_that_takes_no_form_is_a_refusal(lab, machine, new_reply, refusal):
    lab.next("PATCH", SYSTEM, new_reply(400), new_reply(400, refusal("Base.1.0.PropertyNotWritable", "never")))
    with pytest.raises(Refused, match="PropertyNotWritable never"):
        machine.boot_once(BootTarget.PXE)


def test_another_mode_is_sent_along_and_read_back(lab, machine):
    assert machine.boot_once(BootTarget.PXE, "bios").mode == "bios"
    assert patches(lab) == [{**ONCE_PXE, "BootSourceOverrideMode": "Legacy"}]


@pytest.mark.quirk(9)
def test_a_bmc_that_shows_no_mode_is_sent_none(lab, machine):
    del lab.resources[SYSTEM]["Boot"]["BootSourceOverrideMode"]
    assert machine.boot_once(BootTarget.PXE, "uefi") == Boot(BootTarget.PXE, once=True, mode=None)
    assert patches(lab) == [ONCE_PXE]


@pytest.mark.quirk(8)
def test_a_mode_that_changed_with_the_device_is_set_back(lab, machine, new_reply):
    def flips(heard):
        lab.resources[SYSTEM]["Boot"] |= {**heard.json()["Boot"], "BootSourceOverrideMode": "Legacy"}
        return new_reply(204)

    lab.next("PATCH", SYSTEM, flips)
    assert machine.boot_once(BootTarget.PXE).mode == "uefi"
    assert patches(lab)[-1]["BootSourceOverrideMode"] == "UEFI"


@pytest.mark.quirk(5)
def test_a_settings_resource_that_holds_boot_is_where_it_is_written(lab, machine):
    lab.resources[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": SETTINGS}}
    lab.resources[SETTINGS] = {"Boot": dict(lab.resources[SYSTEM]["Boot"])}
    machine.boot_once(BootTarget.PXE)
    assert patches(lab) == []
    assert patches(lab, SETTINGS) == [ONCE_PXE]


@pytest.mark.quirk(5)
def test_a_settings_resource_without_boot_is_not(lab, machine):
    lab.resources[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": SETTINGS}}
    lab.resources[SETTINGS] = {"Other": 1}
    machine.boot_once(BootTarget.PXE)
    assert patches(lab) == [ONCE_PXE]


def test_a_device_that_is_not_offered_is_unsupported_and_nothing_is_sent(lab, machine):
    lab.resources[SYSTEM]["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"] = ["Hdd"]
    with pytest.raises(Unsupported, match="offers Hdd"):
        machine.boot_once(BootTarget.PXE)
    assert patches(lab) == []


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "boot")
def test_a_change_during_post_is_busy(lab, machine, new_reply, refusal):
    lab.next("PATCH", SYSTEM, new_reply(400, refusal("iLO.2.14.UnableToModifyDuringSystemPOST", "wait")))
    with pytest.raises(Busy):
        machine.boot_once(BootTarget.PXE)


@pytest.mark.fault("F3", "boot")
def test_a_lost_answer_is_settled_by_reading_back(lab, machine, new_reply):
    def kept_and_lost(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"]
        return new_reply(silent=True)

    lab.next("PATCH", SYSTEM, kept_and_lost)
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    assert len(patches(lab)) == 1


def matches(lab):
    return [heard.headers.get("if-match") for heard in lab.sent("PATCH")]


def test_the_etag_of_the_header_goes_into_if_match(lab, machine, new_reply):
    tagged = new_reply(200, lab.resources[SYSTEM], {"ETag": '"abc"'})
    lab.next("GET", SYSTEM, tagged, tagged)
    machine.boot_once(BootTarget.PXE)
    assert matches(lab) == ['"abc"']


@pytest.mark.quirk(33)
def test_where_the_header_has_none_the_body_has_it(lab, machine):
    lab.resources[SYSTEM]["@odata.etag"] = 'W/"5"'
    machine.boot_once(BootTarget.PXE)
    assert matches(lab) == ['W/"5"']


@pytest.mark.quirk(34)
def test_an_empty_etag_is_none(lab, machine):
    lab.resources[SYSTEM]["@odata.etag"] = ""
    machine.boot_once(BootTarget.PXE)
    assert matches(lab) == [None]


@pytest.mark.quirk(34)
@pytest.mark.fault("F10", "boot")
def test_a_412_tries_the_other_form_and_then_none(lab, machine, new_reply):
    lab.resources[SYSTEM]["@odata.etag"] = 'W/"5"'
    lab.next("PATCH", SYSTEM, new_reply(412), new_reply(412))
    machine.boot_once(BootTarget.PXE)
    assert matches(lab) == ['W/"5"', '"5"', None]


@pytest.mark.quirk(33)
def test_a_service_that_gives_no_etag_and_wants_one_gets_any(lab, machine, new_reply, refusal):
    lab.next("PATCH", SYSTEM, new_reply(400, refusal("Base.1.0.PreconditionHeaderMissing", "")))
    machine.boot_once(BootTarget.PXE)
    assert matches(lab) == [None, "*"]


def test_a_service_that_takes_no_form_at_all_is_refused_after_few_tries(lab, machine, new_reply):
    lab.next("PATCH", SYSTEM, *[new_reply(412) for _ in range(99)])
    with pytest.raises(Refused, match="412"):
        machine.boot_once(BootTarget.PXE)
    assert len(matches(lab)) <= 8
