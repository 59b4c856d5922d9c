"""BIOS settings: refused before they are sent, staged once, in force only when they read back with no job left."""

import pytest

from drivers.ability.bios import BiosState, in_force, not_in_force
from drivers.ability.progress import Phase
from drivers.errors import Busy, DriverError, Garbled, NotApplied, Refused, UnknownOutcome, Unsupported

SYSTEM = "/redfish/v1/Systems/1"
MANAGER = "/redfish/v1/Managers/1"
BIOS = "/redfish/v1/Systems/1/Bios"
SETTINGS = "/odd/place/for/bios/settings"
QUEUE = "/redfish/v1/Managers/1/Oem/Dell/Jobs"
REGISTRY = "/odd/place/for/the/registry"
ON = {"Sriov": "Enabled"}
MORE = {"Sriov": "Enabled", "ProcCores": 8}


def writes(lab):
    return [(heard.method, heard.path) for heard in lab.heard if heard.method in ("PATCH", "DELETE")] + [
        (heard.method, heard.path) for heard in lab.sent("POST", QUEUE)
    ]


@pytest.mark.quirk(67)
def test_settings_are_found_by_their_link_and_read(firmware, machine):
    state = machine.bios()
    assert (state.version, state.current["Sriov"], state.pending_uri) == ("1.2", "Disabled", SETTINGS)
    assert (state.pending, state.jobs, state.messages) == ({}, (), ())


def test_what_is_in_force_already_sends_nothing(lab, firmware, machine):
    assert machine.stage_bios({"Sriov": "Disabled", "QuietBoot": True}) is None
    assert writes(lab) == []


def test_only_what_differs_is_staged_in_one_write_and_waits_for_a_reset(firmware, machine):
    left = machine.stage_bios({"Sriov": "Enabled", "QuietBoot": True, "ProcCores": 8})
    assert firmware.patches() == [{"Attributes": MORE}]
    assert (left.path, left.needs_reset) == (None, True)
    assert machine.bios().pending == MORE
    assert not in_force(machine.bios(), MORE)


def test_after_the_reset_it_is_in_force_and_nothing_more_is_sent(lab, firmware, machine):
    machine.stage_bios(ON)
    firmware.reset()
    assert in_force(machine.bios(), ON)
    assert machine.stage_bios(ON) is None
    assert len(firmware.patches()) == 1


@pytest.mark.fault("F35", "bios")
def test_what_is_staged_already_is_not_sent_again(firmware, machine):
    machine.stage_bios(MORE)
    assert machine.stage_bios(MORE).needs_reset
    assert machine.stage_bios(ON | {"ProcCores": 8}).needs_reset
    assert len(firmware.patches()) == 1


def test_what_is_still_missing_is_added_to_what_of_ours_is_staged(firmware, machine):
    machine.stage_bios(ON)
    machine.stage_bios(MORE)
    assert firmware.patches()[1] == {"Attributes": {"ProcCores": 8}}


def test_a_bios_that_applies_at_once_needs_no_reset(firmware, machine):
    firmware.applies_at_once = True
    assert machine.stage_bios(ON) is None
    assert in_force(machine.bios(), ON)


WRONG = {
    "AssetTag": 7,
    "ProcCores": 65,
    "ProcHyperthreading": "Perhaps",
    "QuietBoot": "true",
    "Sriov": None,
    "SetupPassword": "Canary-7f3a",
    "Status": "Good",
    "Nonsense": 1,
}


@pytest.mark.quirk(65)
def test_every_value_that_the_registry_does_not_allow_is_named_and_nothing_is_sent(lab, firmware, machine):
    with pytest.raises(Refused) as caught:
        machine.stage_bios(WRONG | {"BootMode": "LegacyBios"})
    text = str(caught.value)
    assert [name for name in WRONG if f"{name}:" not in text] == []
    assert "BootMode" not in text
    assert "ProcHyperthreading: Perhaps is not one of Enabled, Disabled" in text
    assert "ProcCores: 65 is not from 0 to 64" in text
    assert "Canary" not in text
    assert writes(lab) == []


def test_an_attribute_of_another_model_that_the_registry_knows_is_refused(lab, firmware, machine):
    del firmware.current["AssetTag"]
    firmware.show()
    with pytest.raises(Refused, match="AssetTag: the registry knows it, and this BIOS does not have it"):
        machine.stage_bios({"AssetTag": "x"})
    firmware.current.clear()
    firmware.show()
    assert machine.stage_bios({"AssetTag": "x"}).needs_reset  # it has told nothing yet


def test_values_are_in_the_words_that_the_bios_itself_uses(lab, firmware, machine):
    for entry in lab.resources[REGISTRY]["RegistryEntries"]["Attributes"]:
        values = entry.get("Value", [])
        entry |= {"Value": [{"ValueName": str(i), "ValueDisplayName": v["ValueName"]} for i, v in enumerate(values)]}
    assert machine.bios_registry()["Sriov"].values == ("Enabled", "Disabled")
    with pytest.raises(Refused, match="Sriov: 0 is not one of Enabled, Disabled"):
        machine.stage_bios({"Sriov": "0"})
    assert machine.stage_bios(ON).needs_reset


@pytest.mark.quirk(61)
def test_settings_that_no_job_takes_up_are_not_staged(lab, idrac, machine, new_reply):
    lab.resources[BIOS]["@Redfish.Settings"]["SupportedApplyTimes"] = []
    idrac.shows_staged = False
    lab.acts["POST", QUEUE] = lambda _heard: new_reply(405)
    with pytest.raises(NotApplied, match="no job takes up what is staged"):
        machine.stage_bios(ON)


@pytest.mark.parametrize("value", [True, 8.0, "8", [8]])
def test_a_number_is_a_whole_number(firmware, machine, value):
    with pytest.raises(Refused, match=r"ProcCores: .* is no Integer"):
        machine.stage_bios({"ProcCores": value})


@pytest.mark.quirk(73)
def test_a_read_only_value_is_refused_with_what_it_depends_on(lab, firmware, machine):
    with pytest.raises(Refused, match=r"TurboMode: it is read-only \(it depends on Sriov, ProcCores: set that"):
        machine.stage_bios({"TurboMode": "Enabled"})
    assert machine.bios_registry()["Sriov"].depends_on == ()
    assert writes(lab) == []


@pytest.mark.quirk(73)
def test_a_value_that_is_read_only_for_now_is_refused_with_what_it_depends_on(
    lab, firmware, machine, new_reply, refusal
):
    entries = lab.resources[REGISTRY]["RegistryEntries"]["Attributes"]
    lab.resources[REGISTRY]["RegistryEntries"]["Attributes"] = [entry | {"ReadOnly": False} for entry in entries]
    lab.next("PATCH", SETTINGS, new_reply(400, refusal("IDRAC.2.8.SYS410", "read-only")))
    with pytest.raises(Refused, match=r"read-only.*TurboMode depends on Sriov, ProcCores. set those first"):
        machine.stage_bios({"TurboMode": "Enabled"})


def test_the_registry_tells_kinds_bounds_and_values(firmware, machine):
    registry = machine.bios_registry()
    assert registry["Sriov"].values == ("Enabled", "Disabled")
    assert (registry["ProcCores"].lower, registry["ProcCores"].upper) == (0, 64)
    assert registry["Status"].read_only


@pytest.mark.parametrize("name", ["BiosAttributeRegistry.v1_0_3", "BiosAttributeRegistryU46.v9_9", "Nobody.v1_0_0"])
def test_a_registry_is_found_by_its_name_and_never_another_one_taken(lab, firmware, machine, name):
    lab.resources[BIOS]["AttributeRegistry"] = name
    assert bool(machine.bios_registry()) is (name == "BiosAttributeRegistry.v1_0_3")


def test_without_a_registry_values_must_be_like_the_present_ones(lab, firmware, machine):
    lab.resources[BIOS]["AttributeRegistry"] = None
    assert machine.bios_registry() == {}
    with pytest.raises(Refused, match=r"Nonsense: this BIOS has no such.*ProcCores: 8 is of another type than 0"):
        machine.stage_bios({"Nonsense": 1, "ProcCores": "8"})
    assert machine.stage_bios(ON).needs_reset


@pytest.mark.fault("F24", "bios")
@pytest.mark.parametrize("shape", [None, [], "x", {"Attributes": [None, 3, {"AttributeName": 4}, {}]}])
def test_a_registry_of_any_shape_reads_as_none(lab, firmware, machine, shape):
    lab.resources[REGISTRY]["RegistryEntries"] = shape
    assert machine.bios_registry() == {}
    assert machine.stage_bios(ON).needs_reset


@pytest.mark.quirk(72)
def test_a_settings_object_without_attributes_has_nothing_pending(lab, firmware, machine):
    del lab.resources[SETTINGS]["Attributes"]
    assert machine.bios().pending == {}


@pytest.mark.quirk(67)
def test_a_settings_object_that_copies_all_tells_what_is_pending_by_what_differs(ilo, machine):
    assert machine.bios().pending == {}
    machine.stage_bios(ON)
    assert machine.bios().pending == ON


def test_a_host_without_a_bios_resource_reads_empty_and_takes_nothing(lab, firmware, machine):
    del lab.resources[SYSTEM]["Bios"]
    assert machine.bios().current == {}
    with pytest.raises(Unsupported, match="tells no attributes"):
        machine.stage_bios(ON)


@pytest.mark.fault("F24", "bios")
def test_a_bios_that_is_no_json_is_garbled_and_nothing_is_sent(lab, firmware, machine, new_reply):
    lab.next("GET", BIOS, new_reply(200, b'{"Attributes": {'))
    with pytest.raises(Garbled):
        machine.stage_bios(ON)
    assert writes(lab) == []


@pytest.mark.quirk(61)
@pytest.mark.fault("F13", "bios")
def test_an_idrac_is_told_when_to_apply_and_its_job_is_followed(idrac, machine):
    left = machine.stage_bios(ON)
    assert idrac.patches() == [{"Attributes": ON, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}]
    assert (left.path, left.needs_reset) == (f"{QUEUE}/JID_1", True)
    assert machine.follow(left).phase is Phase.SCHEDULED
    idrac.reset()
    assert machine.follow(left).phase is Phase.DONE


@pytest.mark.quirk(61)
def test_where_no_time_to_apply_is_offered_none_is_sent(firmware, machine):
    machine.stage_bios(ON)
    assert "@Redfish.SettingsApplyTime" not in firmware.patches()[0]


@pytest.mark.quirk(62)
def test_a_job_that_came_with_the_write_is_not_made_twice(lab, idrac, machine):
    machine.stage_bios(ON)
    assert writes(lab) == [("PATCH", SETTINGS)]


@pytest.mark.quirk(62)
def test_a_job_is_made_where_the_write_made_none(lab, idrac, machine):
    lab.resources[BIOS]["@Redfish.Settings"]["SupportedApplyTimes"] = []
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    assert writes(lab) == [("PATCH", SETTINGS), ("POST", QUEUE)]


@pytest.mark.quirk(62)
@pytest.mark.fault("F35", "bios")
def test_settings_that_a_dead_run_left_without_a_job_get_one(lab, idrac, machine):
    idrac.staged = dict(ON)
    idrac.show()
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    assert writes(lab) == [("POST", QUEUE)]


@pytest.mark.quirk(64)
def test_values_that_read_right_while_their_job_waits_are_not_in_force(idrac, machine):
    machine.stage_bios(ON)
    state = machine.bios()
    assert state.current["Sriov"] == "Enabled"
    assert not in_force(state, ON)
    assert "JID_1 is not over" in not_in_force(state, ON)
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    idrac.reset()
    assert in_force(machine.bios(), ON)


@pytest.mark.quirk(63)
def test_our_own_waiting_job_is_withdrawn_and_written_again_with_all_of_it(lab, idrac, machine):
    machine.stage_bios(ON)
    left = machine.stage_bios(MORE)
    assert writes(lab)[1:] == [("DELETE", f"{QUEUE}/JID_1"), ("PATCH", SETTINGS)]
    assert idrac.patches()[1]["Attributes"] == MORE
    assert left.path == f"{QUEUE}/JID_2"
    idrac.reset()
    assert in_force(machine.bios(), MORE)


@pytest.mark.quirk(63)
@pytest.mark.fault("F19", "bios")
def test_settings_of_somebody_else_are_left_alone_and_said(lab, idrac, machine):
    idrac.staged = {"AssetTag": "theirs"}
    idrac.shows_staged = False
    idrac.show()
    idrac.new_job()
    with pytest.raises(Busy, match=r"other settings wait for the host's reset \(AssetTag=theirs by .*JID_1\)"):
        machine.stage_bios(ON)
    assert writes(lab) == []
    idrac.reset()
    assert machine.stage_bios(ON).needs_reset


@pytest.mark.quirk(63)
@pytest.mark.fault("F19", "bios")
def test_a_job_whose_settings_do_not_show_is_somebody_elses(lab, idrac, machine):
    idrac.new_job()
    with pytest.raises(Busy, match=r"settings that it does not show wait for the host's reset by .*JID_1"):
        machine.stage_bios(ON)
    assert writes(lab) == []


@pytest.mark.quirk(63)
@pytest.mark.fault("F19", "bios")
def test_another_value_for_one_of_ours_is_somebody_elses(lab, ilo, machine):
    ilo.staged = {"Sriov": "Enabled", "ProcCores": 4}
    ilo.show()
    with pytest.raises(Busy, match="ProcCores=4"):
        machine.stage_bios(MORE)
    assert writes(lab) == []


@pytest.mark.fault("F19", "bios")
def test_a_job_that_runs_now_is_waited_for_and_not_deleted(lab, idrac, machine):
    machine.stage_bios(ON)
    idrac.open_jobs()[0]["JobState"] = "Running"
    with pytest.raises(Busy, match="being applied by"):
        machine.stage_bios(MORE)
    assert len(writes(lab)) == 1


@pytest.mark.fault("F19", "bios")
def test_a_job_that_cannot_be_withdrawn_is_busy(lab, idrac, machine, new_reply, refusal):
    machine.stage_bios(ON)
    lab.next("DELETE", f"{QUEUE}/JID_1", new_reply(400, refusal("IDRAC.2.8.SYS425", "lockdown")))
    with pytest.raises(Busy, match=r"cannot be withdrawn.*lockdown"):
        machine.stage_bios(MORE)


@pytest.mark.quirk(63)
@pytest.mark.fault("F19", "bios")
def test_somebody_who_stages_between_our_look_and_our_write_is_waited_for(lab, idrac, machine):
    def overtaken(heard):
        idrac.staged = {"AssetTag": "theirs"}
        idrac.new_job()
        idrac.show()
        return idrac.patched(heard)

    lab.next("PATCH", SETTINGS, overtaken)
    with pytest.raises(Busy, match=r"settings wait by .*JID_1 that were staged meanwhile"):
        machine.stage_bios(ON)
    assert idrac.staged == {"AssetTag": "theirs"}


@pytest.mark.quirk(71)
def test_a_storage_job_excludes_bios_settings_and_a_firmware_job_does_not(lab, idrac, machine):
    idrac.new_job(kind="FirmwareUpdate")
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_2"
    idrac.reset()
    idrac.new_job(kind="RAIDConfiguration")
    with pytest.raises(Busy, match=r"storage job is not over by .*JID_3"):
        machine.stage_bios(MORE)
    assert len(writes(lab)) == 1


@pytest.mark.quirk(64)
def test_a_job_list_that_cannot_be_read_is_not_an_empty_one(lab, idrac, machine, new_reply):
    machine.stage_bios(ON)
    lab.next("GET", f"{QUEUE}/JID_1", new_reply(503))
    with pytest.raises(Busy, match="its jobs cannot be read"):
        machine.bios()
    lab.next("GET", QUEUE, new_reply(200, b"<html>"))
    with pytest.raises(Busy, match="its jobs cannot be read"):
        machine.bios()


def test_a_job_in_the_standard_lists_is_known_by_what_it_writes(lab, firmware):
    lab.resources["/redfish/v1/"]["Tasks"] = {"@odata.id": "/redfish/v1/TaskService"}
    lab.resources["/redfish/v1/TaskService"] = {"Tasks": {"@odata.id": "/t"}}
    tasks = {
        "/t/1": {"TaskState": "Pending", "Payload": {"TargetUri": f"{SETTINGS}/"}},
        "/t/2": {"TaskState": "Pending", "Name": "something else"},
        "/t/3": {"TaskState": "Pending", "Name": "Firmware Update: BIOS"},
        "/t/4": {"TaskState": "Pending", "Name": "ConfigBIOS:BIOS.Setup.1-1"},
        "/t/5": {"TaskState": "Completed", "Name": "ConfigBIOS:BIOS.Setup.1-1"},
        "/t/6": {"Name": "no task at all, for all its BIOS"},
    }
    lab.resources |= tasks | {"/t": {"Members": [{"@odata.id": path} for path in tasks]}}
    machine = lab.connect()
    assert [job.path for job in machine.bios().jobs] == ["/t/1", "/t/4"]
    machine.close()


@pytest.mark.fault("F14", "bios")
def test_a_202_without_a_location_is_found_in_the_queue(lab, idrac, machine):
    def accepted(heard):
        idrac.patched(heard)
        return idrac.reply(202)

    lab.next("PATCH", SETTINGS, accepted)
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    assert len(idrac.open_jobs()) == 1


@pytest.mark.quirk(68)
@pytest.mark.fault("F15", "bios")
def test_a_job_that_reads_404_at_first_is_waited_for(lab, idrac, machine, new_reply):
    lab.next("GET", f"{QUEUE}/JID_1", new_reply(404), new_reply(404), new_reply(404))
    lab.next("GET", f"{QUEUE}/JID_1/", new_reply(404))
    left = machine.stage_bios(ON)
    assert machine.follow(left).phase is Phase.SCHEDULED


@pytest.mark.quirk(11)
def test_it_is_staged_only_when_its_job_waits_for_the_reset(lab, idrac, machine):
    looks = []

    def told(_heard):
        looks.append(1)
        idrac.open_jobs()[0]["JobState"] = "Scheduled" if len(looks) > 1 else "New"
        return idrac.reply(200, idrac.open_jobs()[0])

    lab.acts["GET", f"{QUEUE}/JID_1"] = told
    left = machine.stage_bios(ON)
    assert len(looks) > 1
    assert machine.follow(left).phase is Phase.SCHEDULED


@pytest.mark.quirk(69)
@pytest.mark.fault("F16", "bios")
def test_a_job_that_fails_is_a_refusal_in_its_words(lab, idrac, machine):
    def fails(heard):
        reply = idrac.patched(heard)
        idrac.open_jobs()[0] |= {"JobState": "CompletedWithErrors", "Message": "could not set Sriov"}
        return reply

    lab.next("PATCH", SETTINGS, fails)
    with pytest.raises(Refused, match="JID_1 failed: CompletedWithErrors: could not set Sriov"):
        machine.stage_bios(ON)


@pytest.mark.fault("F17", "bios")
def test_a_bmc_that_says_yes_and_stages_nothing_is_found_out(lab, firmware, machine, new_reply):
    lab.next("PATCH", SETTINGS, new_reply(204))
    with pytest.raises(NotApplied, match="Sriov reads Disabled"):
        machine.stage_bios(ON)
    assert len(firmware.patches()) == 1


@pytest.mark.quirk(66)
@pytest.mark.fault("F18", "bios")
def test_a_value_that_was_dropped_at_post_is_named_with_what_the_bmc_said(ilo, machine):
    ilo.drops = {"Sriov"}
    machine.stage_bios(MORE)
    ilo.reset()
    reason = not_in_force(machine.bios(), MORE)
    assert reason == "Sriov reads Disabled, wanted Enabled; the BMC said: SettingsFailed (Sriov)"


@pytest.mark.quirk(65)
def test_the_verdict_of_the_last_reset_is_read_and_a_success_is_none(ilo, machine):
    machine.stage_bios(ON)
    ilo.reset()
    assert machine.bios().messages == ()
    ilo.drops = {"ProcCores"}
    machine.stage_bios(MORE)
    ilo.reset()
    assert machine.bios().messages == ("SettingsFailed (ProcCores)",)


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "bios")
def test_nothing_is_sent_while_the_host_is_in_its_self_test(lab, ilo, machine):
    lab.resources[SYSTEM]["Oem"]["Hpe"]["PostState"] = "InPost"
    with pytest.raises(Busy, match="in its self-test for"):
        machine.stage_bios(ON)
    assert writes(lab) == []


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "bios")
def test_a_refusal_in_a_self_test_that_began_meanwhile_is_repeated_when_it_is_over(
    lab, ilo, machine, new_reply, refusal
):
    def in_post(_heard):
        system = lab.resources[SYSTEM]
        states = [system | {"Oem": {"Hpe": {"PostState": "InPost"}}}] * 2
        lab.next("GET", SYSTEM, *[new_reply(200, state) for state in states])
        return new_reply(400, refusal("iLO.2.14.UnableToModifyDuringSystemPOST", "wait"))

    lab.next("PATCH", SETTINGS, in_post)
    assert machine.stage_bios(ON).needs_reset
    assert len(ilo.patches()) == 2


@pytest.mark.fault("F3", "bios")
def test_a_lost_answer_is_settled_by_reading_what_is_staged(lab, firmware, machine, new_reply):
    lab.next("PATCH", SETTINGS, lambda heard: (firmware.patched(heard), new_reply(silent=True))[1])
    assert machine.stage_bios(ON).needs_reset
    assert len(firmware.patches()) == 1


@pytest.mark.fault("F3", "bios")
def test_a_lost_answer_of_an_idrac_is_settled_by_its_new_job(lab, idrac, machine, new_reply):
    lab.next("PATCH", SETTINGS, lambda heard: (idrac.patched(heard), new_reply(silent=True))[1])
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    assert writes(lab) == [("PATCH", SETTINGS)]


@pytest.mark.fault("F3", "bios")
def test_a_write_that_was_lost_on_the_way_is_not_believed(lab, firmware, machine, new_reply):
    lab.next("PATCH", SETTINGS, new_reply(silent=True))
    with pytest.raises(NotApplied):
        machine.stage_bios(ON)
    assert len(firmware.patches()) == 1


@pytest.mark.quirk(43)
@pytest.mark.fault("F4", "bios")
def test_a_write_that_is_held_open_and_applied_is_read_back_and_not_repeated(lab, firmware, machine, new_reply):
    lab.next("PATCH", SETTINGS, lambda heard: (firmware.patched(heard), new_reply(held=True))[1])
    assert machine.stage_bios(ON).needs_reset
    assert len(firmware.patches()) == 1


@pytest.mark.fault("F20", "bios")
def test_a_bmc_that_is_away_after_the_write_and_does_not_come_back_is_an_unknown_outcome(
    lab, firmware, machine, new_reply
):
    def then_away(heard):
        lab.next("GET", SYSTEM, *[new_reply(503)] * 99)
        return firmware.patched(heard)

    lab.next("PATCH", SETTINGS, then_away)
    with pytest.raises(UnknownOutcome, match="stage BIOS Sriov was sent, and it cannot be read"):
        machine.stage_bios(ON)


@pytest.mark.fault("F20", "bios")
def test_a_bmc_that_is_away_for_a_while_after_the_write_is_waited_for(lab, firmware, machine, new_reply):
    def then_away(heard):
        lab.next("GET", SYSTEM, new_reply(503), new_reply(503))
        return firmware.patched(heard)

    lab.next("PATCH", SETTINGS, then_away)
    assert machine.stage_bios(ON).needs_reset


@pytest.mark.quirk(33)
@pytest.mark.fault("F10", "bios")
def test_the_etag_of_the_settings_object_is_sent_and_a_new_one_taken(lab, firmware, machine, new_reply):
    lab.resources[SETTINGS]["@odata.etag"] = '"1"'

    def changed(_heard):
        lab.resources[SETTINGS]["@odata.etag"] = '"2"'
        return new_reply(412)

    lab.next("PATCH", SETTINGS, changed)
    machine.stage_bios(ON)
    assert [heard.headers["if-match"] for heard in lab.sent("PATCH", SETTINGS)] == ['"1"', '"2"']


@pytest.mark.fault("F29", "bios")
def test_the_clock_of_the_bmc_has_no_say(idrac, machine):
    left = machine.stage_bios(ON)
    idrac.open_jobs()[0] |= {"StartTime": "1970-01-01T00:00:00", "EndTime": "2099-01-01T00:00:00"}
    assert machine.follow(left).phase is Phase.SCHEDULED


@pytest.mark.fault("F32", "bios")
def test_a_host_that_lost_power_in_the_middle_is_judged_by_what_reads_back(idrac, machine):
    machine.stage_bios(MORE)
    idrac.lab.resources[SYSTEM]["PowerState"] = "Off"
    idrac.reset()
    idrac.current["ProcCores"] = 0
    idrac.show()
    assert not_in_force(machine.bios(), MORE) == "ProcCores reads 0, wanted 8"
    assert machine.stage_bios(MORE).needs_reset
    assert idrac.patches()[-1]["Attributes"] == {"ProcCores": 8}


def test_true_is_not_one_and_one_in_quotes_is():
    assert not in_force(BiosState(None, {"A": True, "B": 1}), {"A": 1})
    assert not in_force(BiosState(None, {"A": True, "B": 1}), {"B": True})
    assert in_force(BiosState(None, {"A": True, "B": 1}), {"A": True, "B": 1})
    assert in_force(BiosState(None, {"B": "1"}), {"B": 1})
    assert not in_force(BiosState(None, {"B": "True"}), {"B": True})


def test_a_value_that_something_staged_will_change_is_not_in_force():
    state = BiosState(None, {"A": "x"}, pending={"A": "y", "B": "z"})
    assert not_in_force(state, {"A": "x"}) == "A becomes y at the next reset, wanted x"
    assert in_force(state, {"A": "x"}) is False
    assert in_force(BiosState(None, {"A": "x"}, pending={"B": "z"}), {"A": "x"})


def test_no_error_of_staging_shows_a_secret(lab, firmware, machine, new_reply):
    tokens = set(lab.live)
    lab.next("PATCH", SETTINGS, new_reply(400, b"<html>"))
    with pytest.raises(DriverError) as caught:
        machine.stage_bios(ON)
    assert [secret for secret in ("Canary-7f3a", *tokens) if secret in str(caught.value)] == []


@pytest.mark.quirk(7)
def test_an_ilo_4_tells_its_self_test_under_its_old_name(lab, ilo, machine):
    lab.resources[SYSTEM]["Oem"] = {"Hp": {"PostState": "InPost"}}
    with pytest.raises(Busy, match="in its self-test for"):
        machine.stage_bios(ON)
    assert writes(lab) == []


@pytest.mark.quirk(51)
def test_of_two_managers_the_one_that_names_the_system_has_its_queue(lab, idrac, machine):
    lab.resources["/redfish/v1/Managers"] = {
        "Members": [{"@odata.id": "/redfish/v1/Managers/0"}, {"@odata.id": MANAGER}]
    }
    lab.resources["/redfish/v1/Managers/0"] = {"Links": {"ManagerForServers": [{"@odata.id": "/other"}]}}
    lab.resources[MANAGER]["Links"]["ManagerForServers"] = [{"@odata.id": SYSTEM}]
    assert machine.stage_bios(ON).path == f"{QUEUE}/JID_1"
    assert [job.path for job in machine.bios().jobs] == [f"{QUEUE}/JID_1"]
