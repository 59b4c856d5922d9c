"""Each personality is served like its vendor's BMC, and each staged setting takes effect where the vendor's would."""

import pytest

from drivers.virtual.twin.personality import PERSONALITIES

WHERE = {
    "generic": ("Systems/1", "Managers/1", "/redfish/v1/Systems/1/Bios/Settings"),
    "idrac": (
        "Systems/System.Embedded.1",
        "Managers/iDRAC.Embedded.1",
        "/redfish/v1/Systems/System.Embedded.1/Bios/Settings",
    ),
    "ilo": ("Systems/1", "Managers/1", "/redfish/v1/systems/1/bios/settings/"),
    "supermicro": ("Systems/1", "Managers/1", "/redfish/v1/Systems/1/Bios/SD"),
    "xcc": ("Systems/1", "Managers/1", "/redfish/v1/Systems/1/Bios/Pending"),
    "megarac": ("Systems/Self", "Managers/Self", "/redfish/v1/Systems/Self/Bios/SD"),
}
WITH_SETTINGS = [name for name in PERSONALITIES if name != "openbmc"]


def links(told: object):
    if isinstance(told, dict):
        for key, value in told.items():
            if key == "@odata.id":
                yield value
            else:
                yield from links(value)
    elif isinstance(told, list):
        for one in told:
            yield from links(one)


@pytest.mark.parametrize("name", PERSONALITIES)
def test_every_link_leads_to_a_resource_that_bears_its_own_path(bmc_of, name):
    bmc = bmc_of(name, disks=[{"serial": "D1", "gib": 4}, {"serial": "D2", "gib": 4}])
    waiting, seen = ["/redfish/v1"], set()
    with bmc.client() as client:
        while waiting:
            path = waiting.pop()
            reply = client.get(path)
            assert (path, reply.status_code, reply.json()["@odata.id"]) == (path, 200, path)
            assert reply.headers["etag"] == reply.json()["@odata.etag"]
            assert reply.headers["etag"].startswith("W/") == PERSONALITIES[name].weak_tags
            seen.add(path)
            waiting += set(links(reply.json())) - seen - set(waiting)
    assert len(seen) > 50
    assert bmc.machine.writes == []


@pytest.mark.quirk(67)
@pytest.mark.parametrize("name", WHERE)
def test_pending_settings_are_where_the_vendor_has_them(bmc_of, name):
    bmc = bmc_of(name)
    system, manager, settings = WHERE[name]
    assert (bmc.system, bmc.manager) == (f"/redfish/v1/{system}", f"/redfish/v1/{manager}")
    bios = bmc.get(bmc.get(bmc.system)["Bios"]["@odata.id"])
    assert bios["@Redfish.Settings"]["SettingsObject"]["@odata.id"] == settings
    assert bios["Attributes"]["ProcHyperthreading"] == "Enabled"


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_the_registry_that_bios_names_describes_its_attributes(bmc_of, name):
    bmc = bmc_of(name)
    bios = bmc.get(bmc.at("Systems", "0", "Bios"))
    file = bmc.get(bmc.at("Registries", "0"))
    assert file["Registry"] == bios["AttributeRegistry"]
    entries = bmc.get(file["Location"][0]["Uri"])["RegistryEntries"]["Attributes"]
    assert {entry["AttributeName"] for entry in entries} == set(bios["Attributes"])


def stage(bmc, values, apply_time=None):
    bios = bmc.get(bmc.at("Systems", "0", "Bios"))
    settings = bios["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    body = {"Attributes": values}
    if apply_time:
        body["@Redfish.SettingsApplyTime"] = {"ApplyTime": apply_time}
    return settings, bmc.patch(settings, body)


def current(bmc):
    return bmc.get(bmc.at("Systems", "0", "Bios"))["Attributes"]


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_a_staged_value_holds_after_the_next_post_and_not_before(bmc_of, within, name):
    bmc = bmc_of(name)
    settings, reply = stage(bmc, {"ProcHyperthreading": "Disabled"}, "OnReset" if name == "idrac" else None)
    assert reply.status_code == (202 if name == "idrac" else 200)
    assert bmc.get(settings)["Attributes"]["ProcHyperthreading"] == "Disabled"
    assert current(bmc)["ProcHyperthreading"] == "Enabled"
    bmc.boots(within)
    assert current(bmc)["ProcHyperthreading"] == "Disabled"
    pending = bmc.get(settings)
    if name == "supermicro":
        assert "Attributes" not in pending
    else:
        assert ("ProcTurboMode" in pending["Attributes"]) == (name == "ilo")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Nonsense": 1}, "PropertyUnknown"),
        ({"ProcHyperthreading": "Perhaps"}, "PropertyValueNotInList"),
        ({"ProcCoreDisable": 65}, "PropertyValueOutOfRange"),
        ({"ProcCoreDisable": "3"}, "PropertyValueTypeError"),
        ({"SystemModelName": "x"}, "PropertyNotWritable"),
    ],
)
def test_what_the_registry_does_not_allow_is_refused_and_not_staged(bmc_of, values, message):
    bmc = bmc_of()
    settings, reply = stage(bmc, values)
    assert reply.status_code == 400
    assert message in bmc.messages(reply)
    assert (bmc.get(settings)["Attributes"], bmc.machine.writes) == ({}, [])


@pytest.mark.quirk(62)
@pytest.mark.quirk(63)
def test_an_idrac_makes_one_job_that_runs_in_post_and_refuses_another_until_then(bmc_of, within):
    bmc = bmc_of("idrac")
    _, reply = stage(bmc, {"ProcHyperthreading": "Disabled"}, "OnReset")
    job = reply.headers["location"]
    assert job.rpartition("/")[2].startswith("JID_")
    within(lambda: bmc.get(job)["JobState"] == "Scheduled")
    _, again = stage(bmc, {"ProcTurboMode": "Disabled"}, "OnReset")
    assert (again.status_code, "already committed" in bmc.messages(again)) == (400, True)
    jobs = bmc.at("Managers", "0", "Links.Oem.Dell.Jobs")
    settings = f"{bmc.system}/Bios/Settings"
    assert bmc.post(jobs, {"TargetSettingsURI": settings}).status_code == 400
    bmc.boots(within)
    assert bmc.get(job)["JobState"] == "Completed"
    assert bmc.get(f"/redfish/v1/TaskService/Tasks/{job.rpartition('/')[2]}")["TaskState"] == "Completed"
    assert current(bmc)["ProcTurboMode"] == "Enabled"


@pytest.mark.quirk(63)
def test_deleting_an_idracs_job_loses_what_it_was_for(bmc_of, within):
    bmc = bmc_of("idrac")
    settings, reply = stage(bmc, {"ProcHyperthreading": "Disabled"}, "OnReset")
    assert bmc.call("DELETE", reply.headers["location"]).status_code == 204
    assert bmc.get(settings)["Attributes"] == {}
    bmc.boots(within)
    assert current(bmc)["ProcHyperthreading"] == "Enabled"


@pytest.mark.quirk(61)
def test_an_idrac_keeps_what_was_staged_without_an_apply_time_until_a_job_is_made(bmc_of, within):
    bmc = bmc_of("idrac")
    settings, reply = stage(bmc, {"ProcHyperthreading": "Disabled"})
    assert (reply.status_code, "location" in reply.headers) == (200, False)
    bmc.boots(within)
    assert current(bmc)["ProcHyperthreading"] == "Enabled"
    assert bmc.get(settings)["Attributes"] == {"ProcHyperthreading": "Disabled"}
    made = bmc.post(bmc.at("Managers", "0", "Links.Oem.Dell.Jobs"), {"TargetSettingsURI": settings})
    assert (made.status_code, "location" in made.headers) == (200, True)
    within(lambda: bmc.get(made.headers["location"])["JobState"] == "Scheduled")
    bmc.twin.do(bmc.machine.restart)
    within(lambda: current(bmc)["ProcHyperthreading"] == "Disabled")


@pytest.mark.quirk(65)
def test_an_ilo_takes_any_value_and_says_after_post_what_became_of_it(bmc_of, within):
    bmc = bmc_of("ilo")
    _, reply = stage(bmc, {"ProcHyperthreading": "Perhaps", "ProcTurboMode": "Disabled"})
    assert reply.status_code == 200
    bmc.boots(within)
    bios = bmc.get(bmc.at("Systems", "0", "Bios"))
    assert (bios["Attributes"]["ProcHyperthreading"], bios["Attributes"]["ProcTurboMode"]) == ("Enabled", "Disabled")
    assert [one["MessageArgs"] for one in bios["@Redfish.Settings"]["Messages"]] == [["ProcHyperthreading"]]


@pytest.mark.quirk(7)
def test_an_ilo_in_post_changes_nothing_and_tells_its_post_state(bmc_of, within):
    bmc = bmc_of("ilo", speed=5)

    def state():
        return bmc.get(bmc.system)["Oem"]["Hpe"]["PostState"]

    assert state() == "PowerOff"
    bmc.machine_on()
    within(lambda: state() == "InPost" and bmc.machine.stage.value == "post")
    boot = bmc.patch(bmc.system, {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Cd"}})
    assert (boot.status_code, "UnableToModifyDuringSystemPOST" in bmc.messages(boot)) == (400, True)
    assert stage(bmc, {"ProcTurboMode": "Disabled"})[1].status_code == 400
    within(lambda: state() == "InPostDiscoveryComplete")
    within(lambda: state() == "FinishedPost")
    assert stage(bmc, {"ProcTurboMode": "Disabled"})[1].status_code == 200
    assert [write.says for write in bmc.machine.writes] == ["BIOS ProcTurboMode"]


@pytest.mark.quirk(18)
@pytest.mark.parametrize(
    ("name", "status"), [("idrac", 409), ("ilo", 400), ("supermicro", 400), ("xcc", 204), ("generic", 204)]
)
def test_asking_for_the_power_that_is_there(bmc_of, name, status):
    bmc = bmc_of(name)
    target = bmc.get(bmc.system)["Actions"]["#ComputerSystem.Reset"]["target"]
    assert bmc.post(target, {"ResetType": "ForceOff"}).status_code == status
    assert bmc.machine.power_actions == 0


@pytest.mark.quirk(33)
@pytest.mark.parametrize(("name", "status"), [("xcc", 412), ("megarac", 428)])
def test_a_patch_without_an_etag_is_refused_where_the_vendor_wants_one(bmc_of, name, status):
    bmc = bmc_of(name)
    boot = {
        "Boot": {
            "BootSourceOverrideEnabled": "Once",
            "BootSourceOverrideTarget": "Pxe",
            "BootSourceOverrideMode": "UEFI",
        }
    }
    assert bmc.call("PATCH", bmc.system, boot).status_code == status
    assert bmc.machine.override.target.value == "None"
    assert bmc.patch(bmc.system, boot).status_code == 200
    assert bmc.machine.override.target.value == "Pxe"


@pytest.mark.quirk(3)
def test_a_megarac_wants_the_whole_triple(bmc_of):
    bmc = bmc_of("megarac")
    assert bmc.patch(bmc.system, {"Boot": {"BootSourceOverrideTarget": "Pxe"}}).status_code == 400
    assert bmc.machine.override.target.value == "None"


@pytest.mark.quirk(1)
@pytest.mark.quirk(10)
def test_a_supermicro_falls_back_to_once_and_boots_media_as_usbcd(bmc_of):
    bmc = bmc_of("supermicro")
    assert bmc.patch(bmc.system, {"Boot": {"BootSourceOverrideTarget": "Cd"}}).status_code == 400
    boot = {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "Pxe"}
    assert bmc.patch(bmc.system, {"Boot": boot}).json()["Boot"]["BootSourceOverrideEnabled"] == "Continuous"
    told = bmc.patch(bmc.system, {"Boot": {"BootSourceOverrideTarget": "UsbCd"}}).json()["Boot"]
    assert (told["BootSourceOverrideEnabled"], told["BootSourceOverrideTarget"]) == ("Once", "UsbCd")


def test_an_openbmc_has_no_attributes_and_no_registry(bmc_of):
    bmc = bmc_of("openbmc")
    assert (bmc.system, bmc.manager) == ("/redfish/v1/Systems/system", "/redfish/v1/Managers/bmc")
    bios = bmc.get(bmc.at("Systems", "0", "Bios"))
    assert "Attributes" not in bios
    assert bmc.get(bmc.at("Registries"))["Members"] == []


@pytest.mark.parametrize(("name", "levels"), [("generic", 6), ("idrac", 1), ("openbmc", 0)])
def test_expand_is_what_the_root_says_of_it(bmc_of, name, levels):
    bmc = bmc_of(name)
    features = bmc.get("/redfish/v1/")["ProtocolFeaturesSupported"]["ExpandQuery"]
    assert (features["ExpandAll"], features.get("MaxLevels", 0)) == (bool(levels), levels)
    reply = bmc.call("GET", "/redfish/v1/Systems?$expand=.($levels=1)")
    assert reply.status_code == (200 if levels else 501)
    if levels:
        assert reply.json()["Members"][0]["SerialNumber"] == "SN-1"
        assert bmc.call("GET", f"/redfish/v1/Systems?$expand=.($levels={levels + 1})").status_code == 400
