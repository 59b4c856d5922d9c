"""How a host starts, lastingly: what is offered, in which mode, in which order, and from which HTTP location."""

import pytest

from drivers.ability.boot import BootOption
from drivers.ability.progress import Phase
from drivers.errors import Busy, NotApplied, Refused, UnknownOutcome, Unsupported
from drivers.facts import Boot, BootTarget
from orchestrator.steps.boot_mode import mode_fault

SYSTEM = "/redfish/v1/Systems/1"
PLACE = "/redfish/v1/Systems/1/Settings"
SETTINGS = "/odd/place/for/bios/settings"
BIOS = "/redfish/v1/Systems/1/Bios"
REGISTRY = "/odd/place/for/the/registry"
OPTIONS = "/redfish/v1/Systems/1/BootOptions"
ALLOWED = "BootSourceOverrideTarget@Redfish.AllowableValues"
MODES = "BootSourceOverrideMode@Redfish.AllowableValues"
URI = "http://10.0.0.1/boot.efi"


@pytest.fixture
def boot(lab):
    return lab.resources[SYSTEM]["Boot"]


@pytest.fixture
def ordered(lab, boot):
    boot |= {"BootOrder": ["Boot0001", "Boot0002", "Boot0003"], "BootOptions": {"@odata.id": OPTIONS}}
    lab.resources[OPTIONS] = {"Members": [{"@odata.id": f"{OPTIONS}/{number}"} for number in (1, 2, 9)]}
    lab.resources[f"{OPTIONS}/1"] = {"BootOptionReference": "Boot0001", "DisplayName": "Disk"}
    lab.resources[f"{OPTIONS}/2"] = {"Id": "Boot0002", "DisplayName": "NIC", "BootOptionEnabled": False}
    return boot


@pytest.fixture
def place(lab, boot):
    """A settings object that holds Boot; the system's own is read-only."""
    lab.resources[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": PLACE}}
    lab.resources[PLACE] = {"Boot": dict(boot)}
    return lab.resources[PLACE]["Boot"]


def patches(lab, path=SYSTEM):
    return [heard.json()["Boot"] for heard in lab.sent("PATCH", path)]


def plain(boot, *left):
    for key in [key for key in boot if key not in left]:
        del boot[key]


@pytest.mark.quirk(6)
def test_targets_of_both_places_are_offered(machine, boot, place):
    boot[ALLOWED] = ["None", "Pxe"]
    place[ALLOWED] = ["Pxe", "UefiHttp"]
    assert machine.boot_settings().targets == ("None", "Pxe", "UefiHttp")


@pytest.mark.quirk(6)
def test_a_target_that_only_the_settings_object_lists_can_be_armed(lab, machine, boot, place):
    boot[ALLOWED] = []
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    assert (len(patches(lab)), len(patches(lab, PLACE))) == (0, 1)


@pytest.mark.quirk(10)
@pytest.mark.parametrize(
    ("offered", "word"), [(["Cd", "UsbCd"], "UsbCd"), (["Pxe", "Cd"], "Cd"), (["UsbCd"], "UsbCd"), ([], "Cd")]
)
def test_virtual_media_start_by_the_word_that_is_offered(lab, machine, boot, offered, word):
    boot[ALLOWED] = offered
    assert machine.boot_once(BootTarget.CD) == Boot(BootTarget.CD, once=True, mode="uefi")
    assert patches(lab)[0]["BootSourceOverrideTarget"] == word


@pytest.mark.quirk(10)
def test_virtual_media_that_are_not_offered_are_unsupported(lab, machine, boot):
    with pytest.raises(Unsupported, match="cannot boot once from cd"):
        machine.boot_once(BootTarget.CD)
    assert patches(lab) == []


@pytest.mark.quirk(1)
@pytest.mark.quirk(4)
def test_every_write_names_how_long_and_what_and_nothing_that_is_not_set(lab, machine, boot):
    boot |= {"UefiTargetBootSourceOverride": None, "BootNext": None, "HttpBootUri": None}
    machine.boot_once(BootTarget.PXE)
    machine.boot_once(BootTarget.PXE)
    assert [set(patch) for patch in patches(lab)] == [{"BootSourceOverrideEnabled", "BootSourceOverrideTarget"}] * 2


@pytest.mark.quirk(2)
@pytest.mark.quirk(14)
def test_nothing_is_ever_armed_for_longer_than_once(lab, machine, boot):
    boot[ALLOWED] += ["Cd", "UefiHttp"]
    boot["HttpBootUri"] = None
    for target in (BootTarget.PXE, BootTarget.DISK, BootTarget.CD, BootTarget.HTTP):
        machine.boot_once(target)
    machine.boot_http_once(URI)
    assert {patch["BootSourceOverrideEnabled"] for patch in patches(lab)} == {"Once"}


@pytest.mark.quirk(3)
@pytest.mark.quirk(13)
def test_disarming_that_wants_the_mode_gets_the_present_one(lab, machine, new_reply):
    lab.next("PATCH", SYSTEM, new_reply(400))
    machine.boot_once(BootTarget.NONE)
    assert patches(lab)[1] == {
        "BootSourceOverrideEnabled": "Disabled",
        "BootSourceOverrideTarget": "None",
        "BootSourceOverrideMode": "UEFI",
    }


@pytest.mark.quirk(16)
def test_an_override_that_was_kept_as_lasting_is_told(lab, machine, new_reply):
    def kept(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"] | {"BootSourceOverrideEnabled": "Continuous"}
        return new_reply(204)

    lab.next("PATCH", SYSTEM, kept)
    assert machine.boot_once(BootTarget.PXE).once is False
    assert machine.boot_settings().override.once is False


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "boot")
@pytest.mark.parametrize(
    "where", [{"BootProgress": {"LastState": "MemoryInitializationStarted"}}, {"BootProgress": {}}]
)
def test_nothing_is_armed_while_the_host_says_that_it_is_in_its_self_test(lab, machine, where):
    lab.resources[SYSTEM] |= {"PowerState": "On"} | where
    if not where["BootProgress"]:
        assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE  # it does not tell
        return
    with pytest.raises(Busy, match="self-test"):
        machine.boot_once(BootTarget.PXE)
    assert patches(lab) == []


@pytest.mark.quirk(7)
@pytest.mark.fault("F12", "boot")
def test_it_is_armed_when_the_self_test_is_over(lab, machine, new_reply):
    lab.resources[SYSTEM]["PowerState"] = "On"
    in_post = lab.resources[SYSTEM] | {"BootProgress": {"LastState": "PCIResourceConfigStarted"}}
    lab.next("GET", SYSTEM, new_reply(200, in_post), new_reply(200, in_post), new_reply(200, in_post))
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    assert len(patches(lab)) == 1


def test_an_ilo_tells_its_self_test_in_a_place_of_its_own(lab, ilo, machine):
    lab.resources[SYSTEM]["Oem"]["Hpe"]["PostState"] = "InPostDiscoveryComplete"
    with pytest.raises(Busy, match="self-test"):
        machine.boot_once(BootTarget.PXE)
    lab.resources[SYSTEM]["PowerState"] = "Off"
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE


@pytest.mark.quirk(11)
@pytest.mark.fault("F13", "boot")
def test_a_boot_device_that_is_a_job_is_armed_when_the_job_waits(lab, machine, new_reply):
    looks = []

    def job(_heard):
        looks.append(1)
        return new_reply(200, {"JobState": "New" if len(looks) < 3 else "Scheduled"})

    def accepted(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"]
        return new_reply(202, None, {"Location": "/jobs/1"})

    lab.next("PATCH", SYSTEM, accepted)
    lab.acts["GET", "/jobs/1"] = job
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    assert len(looks) >= 3


@pytest.mark.fault("F16", "boot")
def test_a_boot_device_whose_job_fails_is_refused_in_its_words(lab, machine, new_reply):
    lab.next("PATCH", SYSTEM, new_reply(202, None, {"Location": "/jobs/1"}))
    lab.resources["/jobs/1"] = {"JobState": "Failed", "Message": "no such device"}
    with pytest.raises(Refused, match="no such device"):
        machine.boot_once(BootTarget.PXE)


@pytest.mark.fault("F14", "boot")
@pytest.mark.fault("F15", "boot")
@pytest.mark.parametrize("headers", [{}, {"Location": "/jobs/nowhere"}])
def test_a_202_that_leads_nowhere_is_settled_by_reading_back(lab, machine, new_reply, headers):
    def accepted(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"]
        return new_reply(202, None, headers)

    lab.next("PATCH", SYSTEM, accepted, new_reply(202, None, headers))
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    with pytest.raises(NotApplied):
        machine.boot_once(BootTarget.DISK)


@pytest.mark.quirk(9)
def test_the_mode_is_that_of_the_bios_else_that_of_the_override_else_unknown(lab, firmware, machine, boot):
    lab.resources[BIOS]["Attributes"]["BootMode"] = "LegacyBios"
    assert machine.boot_settings().mode == "bios"
    del lab.resources[BIOS]["Attributes"]["BootMode"]
    assert machine.boot_settings().mode == "uefi"
    del boot["BootSourceOverrideMode"]
    assert machine.boot_settings().mode is None
    del lab.resources[SYSTEM]["Bios"]
    assert machine.boot_settings().mode is None


@pytest.mark.quirk(12)
def test_a_boot_mode_is_a_bios_setting_and_waits_for_a_reset(firmware, machine):
    left = machine.set_boot_mode("bios")
    assert firmware.patches() == [{"Attributes": {"BootMode": "LegacyBios"}}]
    assert left.needs_reset
    assert machine.set_boot_mode("bios").needs_reset
    firmware.reset()
    assert machine.set_boot_mode("bios") is None
    assert len(firmware.patches()) == 1


@pytest.mark.quirk(12)
def test_a_boot_mode_of_an_idrac_is_a_job(idrac, machine):
    assert machine.follow(machine.set_boot_mode("bios")).phase is Phase.SCHEDULED


@pytest.mark.fault("F19", "boot")
def test_a_boot_mode_waits_for_settings_of_somebody_else(lab, firmware, machine):
    firmware.staged = {"Sriov": "Enabled"}
    firmware.show()
    with pytest.raises(Busy, match="Sriov=Enabled"):
        machine.set_boot_mode("bios")
    assert lab.sent("PATCH") == []


NAMES = [
    ("BootModeSelect_00A5", ["LEGACY", "UEFI", "DUAL"], "LEGACY", "UEFI"),
    ("BootModes_SystemBootMode", ["LegacyMode", "UEFIMode"], "LegacyMode", "UEFIMode"),
    ("BootType", ["LegacyBoot", "UEFIBoot"], "LegacyBoot", "UEFIBoot"),
]


@pytest.mark.parametrize(("name", "values", "present", "word"), NAMES)
def test_a_boot_mode_has_another_name_and_other_words_with_each_maker(
    lab, firmware, machine, name, values, present, word
):
    del firmware.current["BootMode"]
    firmware.current |= {name: present, "SecureBootMode": "DeployedMode", "OneTimeBootMode": "Disabled"}
    firmware.show()
    entry = {"AttributeName": name, "Type": "Enumeration", "Value": [{"ValueName": value} for value in values]}
    lab.resources[REGISTRY]["RegistryEntries"]["Attributes"] = [entry]
    machine.set_boot_mode("uefi")
    assert firmware.patches() == [{"Attributes": {name: word}}]


def test_without_a_registry_no_word_is_guessed_for_a_mode(lab, firmware, machine, boot):
    lab.resources[BIOS]["AttributeRegistry"] = None
    plain(boot)
    with pytest.raises(Unsupported, match="neither its BIOS nor its boot settings"):
        machine.set_boot_mode("bios")
    assert machine.set_boot_mode("uefi") is None
    assert lab.sent("PATCH") == []


def test_where_the_bios_has_no_mode_the_mode_of_the_override_is_set_and_read_back(lab, machine):
    assert machine.set_boot_mode("bios") is None
    assert patches(lab) == [{"BootSourceOverrideMode": "Legacy"}]
    assert machine.set_boot_mode("bios") is None
    assert len(patches(lab)) == 1


@pytest.mark.quirk(3)
def test_a_bmc_that_takes_no_mode_alone_gets_the_present_rest_with_it(lab, machine, boot, new_reply):
    boot["BootSourceOverrideTarget"] = "Pxe"
    lab.next("PATCH", SYSTEM, new_reply(400))
    machine.set_boot_mode("bios")
    assert patches(lab)[1] == {
        "BootSourceOverrideEnabled": "Disabled",
        "BootSourceOverrideTarget": "Pxe",
        "BootSourceOverrideMode": "Legacy",
    }


@pytest.mark.fault("F17", "boot")
def test_a_mode_that_is_not_kept_is_not_applied_and_one_not_offered_not_sent(lab, machine, boot):
    lab.obeys = False
    with pytest.raises(NotApplied, match="took bios mode"):
        machine.set_boot_mode("bios")
    boot[MODES] = ["UEFI"]
    with pytest.raises(Unsupported, match="offers UEFI"):
        machine.set_boot_mode("bios")
    assert len(patches(lab)) == 1


@pytest.mark.quirk(8)
def test_a_device_that_changes_the_mode_has_it_set_back(lab, machine, new_reply):
    def flips(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"] | {"BootSourceOverrideMode": "Legacy"}
        return new_reply(204)

    lab.next("PATCH", SYSTEM, flips)
    assert machine.boot_once(BootTarget.DISK).mode == "uefi"


def test_the_order_is_told_with_what_is_known_of_each_option(machine, ordered):
    assert machine.boot_settings().order == (
        BootOption("Boot0001", "Disk", None),
        BootOption("Boot0002", "NIC", enabled=False),
        BootOption("Boot0003", None, None),
    )


@pytest.mark.fault("F24", "boot")
@pytest.mark.parametrize("shape", [None, {}, 7, ["x", None], "Boot0001"])
def test_an_order_of_any_shape_is_read_without_harm(lab, machine, boot, shape):
    boot |= {"BootOrder": shape, "BootOptions": {"@odata.id": "/nowhere"}}
    assert [option.id for option in machine.boot_settings().order] == (["x"] if isinstance(shape, list) else [])


def test_a_host_without_boot_settings_tells_none(lab, machine):
    del lab.resources[SYSTEM]["Boot"]
    told = machine.boot_settings()
    assert (told.override, told.mode, told.targets, told.order) == (Boot(None, None, None), None, (), ())


def test_those_not_named_keep_their_order_behind(lab, machine, ordered):
    assert machine.set_boot_order(["Boot0003", "Boot0002", "Boot0003"]) is None
    assert patches(lab) == [{"BootOrder": ["Boot0003", "Boot0002", "Boot0001"]}]


def test_an_order_that_holds_sends_nothing(lab, machine, ordered):
    assert machine.set_boot_order(["Boot0001"]) is None
    assert patches(lab) == []


@pytest.mark.quirk(17)
def test_entries_with_a_name_behind_are_matched_by_their_id_and_sent_as_they_are(lab, machine, ordered):
    ordered["BootOrder"] = ["Boot0001: Disk", "Boot0019: Ubuntu"]
    assert [(option.id, option.name) for option in machine.boot_settings().order][1] == ("Boot0019", "Ubuntu")
    assert machine.set_boot_order(["Boot0019"]) is None
    assert patches(lab) == [{"BootOrder": ["Boot0019: Ubuntu", "Boot0001: Disk"]}]


def test_an_option_that_is_not_there_is_refused_and_nothing_sent(lab, machine, ordered):
    with pytest.raises(Refused, match=r"no boot option Boot0007, x \(it has Boot0001, Boot0002, Boot0003\)"):
        machine.set_boot_order(["Boot0007", "Boot0001", "x"])
    assert patches(lab) == []


def test_a_host_that_tells_no_order_takes_none(machine):
    with pytest.raises(Unsupported, match="no boot order"):
        machine.set_boot_order(["Boot0001"])


@pytest.mark.quirk(5)
def test_an_order_goes_where_it_can_be_written_and_waits_there(lab, machine, ordered, place):
    left = machine.set_boot_order(["Boot0002"])
    assert (patches(lab), len(patches(lab, PLACE))) == ([], 1)
    assert left.needs_reset
    lab.resources[SYSTEM]["Boot"]["BootOrder"] = lab.resources[PLACE]["Boot"]["BootOrder"]
    assert machine.set_boot_order(["Boot0002"]) is None
    assert len(patches(lab, PLACE)) == 1


@pytest.mark.quirk(5)
def test_a_settings_object_without_an_order_is_not_where_it_goes(lab, machine, ordered, place):
    del place["BootOrder"]
    machine.set_boot_order(["Boot0002"])
    assert (len(patches(lab)), patches(lab, PLACE)) == (1, [])


@pytest.mark.quirk(5)
def test_a_settings_object_with_an_order_alone_is_not_where_the_override_goes(lab, machine, ordered, place):
    lab.resources[PLACE]["Boot"] = {"BootOrder": ordered["BootOrder"]}
    assert machine.boot_once(BootTarget.PXE).target is BootTarget.PXE
    assert (len(patches(lab)), patches(lab, PLACE)) == (1, [])


@pytest.mark.quirk(61)
def test_an_order_that_waits_is_told_when_to_apply_where_that_is_offered(lab, machine, ordered, place):
    lab.resources[SYSTEM]["@Redfish.Settings"]["SupportedApplyTimes"] = ["Immediate", "OnReset"]
    machine.set_boot_order(["Boot0002"])
    assert lab.sent("PATCH", PLACE)[0].json()["@Redfish.SettingsApplyTime"] == {"ApplyTime": "OnReset"}


@pytest.mark.fault("F13", "boot")
def test_an_order_that_is_a_job_is_followed(lab, machine, ordered, new_reply):
    lab.next("PATCH", SYSTEM, new_reply(202, None, {"Location": "/jobs/1"}))
    lab.resources["/jobs/1"] = {"JobState": "Scheduled"}
    left = machine.set_boot_order(["Boot0002"])
    assert (left.path, left.needs_reset) == ("/jobs/1", True)


@pytest.mark.fault("F16", "boot")
def test_an_order_whose_job_fails_is_refused(lab, machine, ordered, new_reply):
    lab.next("PATCH", SYSTEM, new_reply(202, None, {"Location": "/jobs/1"}))
    lab.resources["/jobs/1"] = {"JobState": "CompletedWithErrors", "Message": "bad device"}
    with pytest.raises(Refused, match="bad device"):
        machine.set_boot_order(["Boot0002"])


@pytest.mark.fault("F17", "boot")
def test_an_order_that_is_not_kept_is_not_applied(lab, machine, ordered):
    lab.obeys = False
    with pytest.raises(NotApplied, match="reads Boot0001, Boot0002, Boot0003"):
        machine.set_boot_order(["Boot0002"])


@pytest.mark.fault("F3", "boot")
def test_a_lost_answer_about_the_order_is_settled_by_reading_back(lab, machine, ordered, new_reply):
    def kept(heard):
        lab.resources[SYSTEM]["Boot"] |= heard.json()["Boot"]
        return new_reply(silent=True)

    lab.next("PATCH", SYSTEM, kept)
    assert machine.set_boot_order(["Boot0002"]) is None
    assert len(patches(lab)) == 1


@pytest.mark.fault("F20", "boot")
def test_a_bmc_that_is_away_after_the_order_was_sent_leaves_an_unknown_outcome(lab, machine, ordered, new_reply):
    def then_away(_heard):
        lab.acts["GET", SYSTEM] = lambda _heard: new_reply(503)
        return new_reply(204)

    lab.next("PATCH", SYSTEM, then_away)
    with pytest.raises(UnknownOutcome, match="cannot be read"):
        machine.set_boot_order(["Boot0002"])


@pytest.fixture
def http(boot):
    boot[ALLOWED].append("UefiHttp")
    boot["HttpBootUri"] = None
    return boot


def test_a_host_is_armed_to_start_once_from_a_location(lab, machine, http):
    assert machine.boot_http_once(URI) == Boot(BootTarget.HTTP, once=True, mode="uefi")
    assert patches(lab) == [
        {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "UefiHttp", "HttpBootUri": URI}
    ]
    assert machine.boot_settings().http_uri == URI
    lab.resources[SYSTEM]["Boot"]["HttpBootUri"] = "None"
    assert machine.boot_settings().http_uri is None


def test_http_boot_from_legacy_mode_asks_for_uefi(lab, machine, http):
    http["BootSourceOverrideMode"] = "Legacy"
    assert machine.boot_http_once(URI).mode == "uefi"


def test_a_location_that_is_not_offered_is_unsupported(lab, machine):
    with pytest.raises(Unsupported, match="cannot boot once from http"):
        machine.boot_http_once(URI)
    assert patches(lab) == []


@pytest.mark.fault("F17", "boot")
def test_a_location_that_is_not_kept_disarms_the_host(lab, machine, http, new_reply):
    def without(heard):
        lab.resources[SYSTEM]["Boot"] |= {**heard.json()["Boot"], "HttpBootUri": None}
        return new_reply(204)

    lab.next("PATCH", SYSTEM, without)
    with pytest.raises(NotApplied, match="reads back none"):
        machine.boot_http_once(URI)
    assert machine.boot().target is BootTarget.NONE


@pytest.mark.parametrize(
    ("power", "progress", "over"),
    [
        ("On", "MemoryInitializationStarted", False),
        ("On", "OSRunning", True),
        ("On", "AWordOfItsOwn", None),
        ("Off", "MemoryInitializationStarted", True),
    ],
)
def test_whether_the_self_test_is_over_is_told_with_the_boot_settings(lab, machine, power, progress, over):
    lab.resources[SYSTEM] |= {"PowerState": power, "BootProgress": {"LastState": progress}}
    assert machine.boot_settings().self_test_over is over


def test_the_mode_of_a_netboot_that_was_armed_is_not_the_mode_that_it_starts_by(lab, firmware, machine):
    lab.resources[BIOS]["Attributes"]["BootMode"] = "LegacyBios"
    assert machine.boot_once(BootTarget.PXE, "uefi").mode == "uefi"
    settings = machine.boot_settings()
    assert (settings.override.mode, settings.mode) == ("uefi", "bios")
    assert mode_fault(settings, machine.bios(), "uefi") == "it starts by bios, wanted uefi"


@pytest.mark.quirk(64)
@pytest.mark.parametrize("shows_staged", [False, True])
def test_a_mode_that_waits_for_a_reset_holds_after_it_and_not_before(idrac, machine, shows_staged):
    idrac.shows_staged = shows_staged
    assert mode_fault(machine.boot_settings(), machine.bios(), "uefi") is None
    machine.set_boot_mode("bios")
    for mode in ("uefi", "bios"):
        assert mode_fault(machine.boot_settings(), machine.bios(), mode) is not None
    idrac.reset()
    assert mode_fault(machine.boot_settings(), machine.bios(), "bios") is None


def test_a_mode_that_is_about_to_change_without_a_job_does_not_hold(firmware, machine):
    machine.set_boot_mode("bios")
    assert "after the next reset" in mode_fault(machine.boot_settings(), machine.bios(), "uefi")
