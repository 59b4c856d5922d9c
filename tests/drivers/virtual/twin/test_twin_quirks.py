"""Each quirk that can be switched on shows the behaviour that its number stands for, and nothing shows it without."""

import time

import httpx
import pytest

RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
SYSTEM = "/redfish/v1/Systems/1"
SECURE = f"{SYSTEM}/SecureBoot"
SETTINGS = f"{SYSTEM}/Bios/Settings"
LOGIN = {"UserName": "admin", "Password": "Canary-1"}
SESSIONS = "/redfish/v1/SessionService/Sessions"


LATER = 3600  # seconds; what happened then is no time ago, however slow this host is


def acted(bmc, since):
    """Have the last power action be so many seconds ago; 0: just now, and for as long as the test takes."""
    bmc.machine.powered_at = time.monotonic() + (LATER if since == 0 else -since)


def boot(bmc, **told):
    return bmc.patch(SYSTEM, {"Boot": {f"BootSourceOverride{key}": value for key, value in told.items()}})


def shown(bmc, path=SYSTEM):
    told = bmc.get(path)["Boot"]
    return tuple(told.get(f"BootSourceOverride{key}") for key in ("Enabled", "Target", "Mode"))


@pytest.mark.quirk(2)
def test_continuous_is_refused(bmc_of):
    bmc = bmc_of(quirks=[2])
    assert boot(bmc, Enabled="Continuous", Target="Pxe").status_code == 400
    assert boot(bmc, Enabled="Once", Target="Pxe").status_code == 200
    assert shown(bmc) == ("Once", "Pxe", "UEFI")


@pytest.mark.quirk(4)
def test_a_null_in_boot_is_unexpected(bmc_of):
    bmc = bmc_of(quirks=[4])
    refused = boot(bmc, Enabled="Once", Target="Pxe", Mode=None)
    assert (refused.status_code, "unexpected property" in bmc.messages(refused)) == (400, True)


@pytest.mark.quirk(5)
def test_boot_is_written_at_the_settings_object_alone(bmc_of):
    bmc = bmc_of(quirks=[5])
    assert boot(bmc, Enabled="Once", Target="Pxe").status_code == 400
    settings = bmc.get(SYSTEM)["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    body = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
    assert bmc.patch(settings, body).status_code == 200
    assert shown(bmc) == shown(bmc, settings) == ("Once", "Pxe", "UEFI")


@pytest.mark.quirk(6)
def test_the_targets_stand_in_the_settings_object_alone(bmc_of):
    bmc = bmc_of(quirks=[6])
    key = "BootSourceOverrideTarget@Redfish.AllowableValues"
    assert key not in bmc.get(SYSTEM)["Boot"]
    assert "Pxe" in bmc.get(f"{SYSTEM}/Settings")["Boot"][key]


@pytest.mark.quirk(8)
def test_a_boot_device_turns_the_mode_round(bmc_of):
    bmc = bmc_of(quirks=[8])
    boot(bmc, Enabled="Once", Target="Pxe")
    assert shown(bmc) == ("Once", "Pxe", "Legacy")
    boot(bmc, Mode="UEFI")
    assert shown(bmc) == ("Once", "Pxe", "UEFI")


@pytest.mark.quirk(9)
def test_the_mode_is_absent_and_refused(bmc_of):
    bmc = bmc_of(quirks=[9])
    assert "BootSourceOverrideMode" not in bmc.get(SYSTEM)["Boot"]
    assert boot(bmc, Mode="UEFI").status_code == 400


@pytest.mark.quirk(12)
def test_mode_and_secure_boot_change_at_the_next_reset_and_secure_boot_is_a_500_until_then(bmc_of, within):
    bmc = bmc_of(quirks=[12])
    assert boot(bmc, Mode="Legacy").status_code == 200
    assert shown(bmc)[2] == "UEFI"
    assert bmc.call("PATCH", SECURE, {"SecureBootEnable": True}).status_code in (200, 500)
    assert bmc.call("GET", SECURE).status_code == 500
    bmc.boots(within)
    assert shown(bmc)[2] == "Legacy"
    assert bmc.get(SECURE)["SecureBootCurrentBoot"] == "Enabled"


@pytest.mark.quirk(13)
def test_disabling_wants_the_mode(bmc_of):
    bmc = bmc_of(quirks=[13])
    assert boot(bmc, Enabled="Disabled").status_code == 400
    assert boot(bmc, Enabled="Disabled", Mode="UEFI").status_code == 200


@pytest.mark.quirk(14)
def test_a_uefi_target_is_not_continuous(bmc_of):
    bmc = bmc_of("ilo", quirks=[14])
    body = {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": "UefiTarget"}
    refused = bmc.patch(bmc.system, {"Boot": body})
    assert (refused.status_code, "PropertyValueConflict" in bmc.messages(refused)) == (400, True)


@pytest.mark.quirk(16)
def test_once_is_kept_as_continuous(bmc_of):
    bmc = bmc_of(quirks=[16])
    assert boot(bmc, Enabled="Once", Target="Pxe").status_code == 200
    assert shown(bmc)[0] == "Continuous"


@pytest.mark.quirk(17)
def test_entries_of_the_boot_order_bear_a_name_and_are_taken_by_their_first_word(bmc_of):
    bmc = bmc_of(quirks=[17])
    order = bmc.get(SYSTEM)["Boot"]["BootOrder"]
    assert order[0].startswith("Boot0001: ")
    assert bmc.patch(SYSTEM, {"Boot": {"BootOrder": ["Boot0003", "Boot0001", "Boot0002"]}}).status_code == 200
    assert [one[:8] for one in bmc.get(SYSTEM)["Boot"]["BootOrder"]] == ["Boot0003", "Boot0001", "Boot0002"]


@pytest.mark.quirk(18)
def test_what_is_off_already_is_an_error(bmc_of):
    bmc = bmc_of(quirks=[18])
    assert bmc.post(RESET, {"ResetType": "ForceOff"}).status_code == 400


@pytest.mark.quirk(19)
def test_on_is_refused_for_a_while_after_off(bmc_of, within):
    bmc = bmc_of(quirks=[19])
    assert bmc.post(RESET, {"ResetType": "On"}).status_code == 204
    assert bmc.post(RESET, {"ResetType": "ForceOff"}).status_code == 204
    acted(bmc, since=0)
    refused = bmc.post(RESET, {"ResetType": "On"})
    assert (refused.status_code, "ActionParameterValueConflict" in bmc.messages(refused)) == (409, True)
    acted(bmc, since=60)
    assert bmc.post(RESET, {"ResetType": "On"}).status_code == 204


@pytest.mark.quirk(20)
def test_a_power_action_right_after_another_is_refused(bmc_of, within):
    bmc = bmc_of(quirks=[20])
    assert bmc.post(RESET, {"ResetType": "On"}).status_code == 204
    acted(bmc, since=0)
    assert bmc.post(RESET, {"ResetType": "ForceOff"}).status_code == 400
    acted(bmc, since=60)
    assert bmc.post(RESET, {"ResetType": "ForceOff"}).status_code == 204


@pytest.mark.quirk(21)
def test_graceful_restart_is_listed_and_refused(bmc_of):
    bmc = bmc_of(quirks=[21])
    action = bmc.get(SYSTEM)["Actions"]["#ComputerSystem.Reset"]
    assert "GracefulRestart" in action["ResetType@Redfish.AllowableValues"]
    assert bmc.post(RESET, {"ResetType": "GracefulRestart"}).status_code == 400


@pytest.mark.quirk(22)
@pytest.mark.fault("F22", "power")
@pytest.mark.parametrize("how", [{"quirks": [22]}, {"faults": ["F22"]}])
def test_a_graceful_shutdown_is_taken_and_nothing_happens(bmc_of, within, how):
    bmc = bmc_of(**how)
    bmc.boots(within)
    bmc.twin.do(lambda: setattr(bmc.machine, "stage", type(bmc.machine.stage).OS))
    assert bmc.post(RESET, {"ResetType": "GracefulShutdown"}).status_code == 204
    assert (bmc.get(SYSTEM)["PowerState"], bmc.machine.power_actions) == ("On", 1)


@pytest.mark.quirk(23)
def test_power_on_its_way_reads_null_and_unknown(bmc_of, within):
    bmc = bmc_of(quirks=[23], speed=1)
    bmc.post(RESET, {"ResetType": "On"})
    seen = []

    def is_on():
        seen.append(bmc.get(SYSTEM)["PowerState"])
        return seen[-1] == "On"

    within(is_on)
    assert list(dict.fromkeys(seen)) == [None, "Unknown", "PoweringOn", "On"]


@pytest.mark.quirk(26)
def test_the_bmcs_reset_lists_nothing_and_takes_one_value(bmc_of):
    bmc = bmc_of(quirks=[26])
    action = bmc.get(bmc.manager)["Actions"]["#Manager.Reset"]
    assert set(action) == {"target"}
    assert bmc.post(action["target"], {"ResetType": "ForceRestart"}).status_code == 400
    assert bmc.post(action["target"], {"ResetType": "GracefulRestart"}).status_code == 204


@pytest.mark.quirk(28)
@pytest.mark.parametrize(("name", "message"), [("idrac", "RAC0218"), ("ilo", "SessionLimitExceeded")])
def test_few_sessions_and_the_vendors_words_at_the_limit(bmc_of, name, message):
    bmc = bmc_of(name, quirks=[28])
    opened = [bmc.call("POST", SESSIONS, LOGIN) for _ in range(4)]
    assert {one.status_code for one in opened} == {201}
    full = bmc.call("POST", SESSIONS, LOGIN)
    assert (full.status_code, message in bmc.messages(full)) == (503, True)
    assert bmc.call("DELETE", opened[0].headers["location"]).status_code == 204
    assert bmc.call("POST", SESSIONS, LOGIN).status_code == 201


@pytest.mark.quirk(29)
def test_a_token_dies_with_a_cut_body(bmc_of):
    bmc = bmc_of(quirks=[29])
    token = bmc.call("POST", SESSIONS, LOGIN).headers["x-auth-token"]
    bmc.auth = None
    assert {bmc.call("GET", SYSTEM, X_Auth_Token=token).status_code for _ in range(8)} == {200}
    with pytest.raises(httpx.RemoteProtocolError):
        bmc.call("GET", SYSTEM, X_Auth_Token=token)
    assert bmc.machine.sessions_live == set()


@pytest.mark.quirk(30)
def test_every_fifth_login_is_refused_though_it_is_right(bmc_of):
    bmc = bmc_of(quirks=[30])
    assert [bmc.call("GET", SYSTEM).status_code for _ in range(6)] == [200, 200, 200, 200, 401, 200]


@pytest.mark.quirk(32)
def test_a_kept_alive_connection_is_reset_at_its_second_request_and_nothing_was_done(bmc_of):
    bmc = bmc_of(quirks=[32])
    with bmc.client() as client:
        assert client.get(SYSTEM).status_code == 200
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.post(RESET, json={"ResetType": "On"})
    assert bmc.machine.writes == []


@pytest.mark.quirk(33)
def test_a_patch_without_an_etag_is_428(bmc_of):
    bmc = bmc_of(quirks=[33])
    assert bmc.call("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Pxe"}}).status_code == 428
    assert bmc.call("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Pxe"}}, If_Match="*").status_code == 200


@pytest.mark.quirk(34)
def test_the_etag_that_is_sent_is_weak_and_the_one_that_is_taken_is_strong(bmc_of):
    bmc = bmc_of(quirks=[34])
    tag = bmc.call("GET", SYSTEM, Accept_Encoding="identity").headers["etag"]
    body = {"Boot": {"BootSourceOverrideTarget": "Pxe"}}
    assert tag.startswith('W/"')
    assert bmc.call("GET", SYSTEM, Accept_Encoding="gzip").headers["etag"].endswith('-gzip"')
    assert [bmc.call("PATCH", SYSTEM, body, If_Match=one).status_code for one in (tag, "*", '""')] == [412] * 3
    assert bmc.call("PATCH", SYSTEM, body, If_Match=tag.removeprefix("W/")).status_code == 200


@pytest.mark.quirk(35)
def test_if_match_on_an_action_is_412(bmc_of):
    bmc = bmc_of(quirks=[35])
    assert bmc.call("POST", RESET, {"ResetType": "On"}, If_Match="*").status_code == 412
    assert bmc.call("POST", RESET, {"ResetType": "On"}).status_code == 204


@pytest.mark.quirk(36)
def test_the_root_redirects_to_its_slash_and_other_slashes_lead_nowhere(bmc_of):
    bmc = bmc_of(quirks=[36])
    moved = bmc.call("GET", "/redfish/v1")
    assert (moved.status_code, moved.headers["location"]) == (308, "/redfish/v1/")
    assert bmc.call("GET", f"{SYSTEM}/").status_code == 404


@pytest.mark.quirk(40)
def test_a_post_without_a_body_is_415(bmc_of):
    bmc = bmc_of(quirks=[40])
    eject = "/redfish/v1/Managers/1/VirtualMedia/CD1/Actions/VirtualMedia.EjectMedia"
    assert bmc.call("POST", eject).status_code == 415
    assert bmc.call("POST", eject, {}).status_code == 204


@pytest.mark.quirk(41)
def test_errors_are_of_no_shape_that_was_agreed_on(bmc_of):
    bmc = bmc_of(quirks=[41])
    told = bmc.call("GET", "/redfish/v1/Nothing").json()["error"]["@Message.ExtendedInfo"]
    assert told["MessageId"] == "ResourceMissingAtURI"
    bmc.auth = ("admin", "wrong")
    refused = bmc.call("GET", SYSTEM)
    assert (refused.status_code, refused.text[:5]) == (401, "<?xml")


@pytest.mark.quirk(42)
def test_every_fourth_read_is_unavailable(bmc_of):
    bmc = bmc_of(quirks=[42])
    replies = [bmc.call("GET", SYSTEM) for _ in range(4)]
    assert [one.status_code for one in replies] == [200, 200, 200, 503]
    assert (replies[3].headers["retry-after"], "SYS518" in bmc.messages(replies[3])) == ("1", True)


@pytest.mark.quirk(43)
def test_a_write_is_held_and_done_though_nobody_listens_any_more(bmc_of, within):
    bmc = bmc_of(quirks=[43])
    with bmc.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post(RESET, json={"ResetType": "On"}, timeout=0.5)
    assert bmc.machine.power_actions == 0
    within(lambda: bmc.machine.power_actions == 1)


@pytest.mark.quirk(44)
def test_logging_out_is_refused_and_done(bmc_of):
    bmc = bmc_of(quirks=[44])
    opened = bmc.call("POST", SESSIONS, LOGIN)
    assert bmc.call("DELETE", opened.headers["location"]).status_code == 401
    assert (bmc.machine.sessions_closed, bmc.machine.sessions_live) == (1, set())


@pytest.mark.quirk(45)
@pytest.mark.parametrize(("quirks", "status"), [([], 401), ([45], 200)])
def test_a_session_outlives_the_bmcs_restart_only_with_the_quirk(bmc_of, within, quirks, status):
    bmc = bmc_of(quirks=quirks)
    token = bmc.call("POST", SESSIONS, LOGIN).headers["x-auth-token"]
    bmc.post("/redfish/v1/Managers/1/Actions/Manager.Reset", {"ResetType": "ForceRestart"})
    within(lambda: bmc.machine.bmc_restarts == 1 and bmc.machine.bmc_up)
    bmc.auth = None
    assert bmc.call("GET", SYSTEM, X_Auth_Token=token).status_code == status


@pytest.mark.quirk(46)
def test_too_many_requests_are_429(bmc_of):
    bmc = bmc_of(quirks=[46])
    with bmc.client() as client:
        statuses = [client.get("/redfish").status_code for _ in range(60)]
    assert (statuses[0], statuses[30]) == (200, 429)


@pytest.mark.quirk(47)
def test_a_clock_that_is_right_already_is_not_set_again(bmc_of):
    bmc = bmc_of(quirks=[47])
    now = bmc.get(bmc.manager)["DateTime"]
    assert bmc.patch(bmc.manager, {"DateTime": now}).status_code == 400
    assert bmc.patch(bmc.manager, {"DateTime": "2031-01-01T00:00:00+00:00"}).status_code == 200
    assert bmc.get(bmc.manager)["DateTime"].startswith("2031-01-01")


@pytest.mark.quirk(48)
def test_collections_come_in_pages_with_their_members_inlined(bmc_of):
    bmc = bmc_of(quirks=[48], disks=[{"serial": f"D{number}", "gib": 1} for number in range(3)])
    told, seen = bmc.get("/redfish/v1/Chassis/1/Sensors"), []
    while True:
        seen += [one["Reading"] is not None and one["Id"] for one in told["Members"]]
        if "Members@odata.nextLink" not in told:
            break
        told = bmc.get(told["Members@odata.nextLink"])
    assert seen == ["CPU1Temp", "Fan1", "Power"]


@pytest.mark.quirk(49)
def test_nothing_is_counted_and_an_empty_collection_is_null(bmc_of):
    bmc = bmc_of(quirks=[49])
    told = bmc.get("/redfish/v1/TaskService/Tasks")
    assert (told["Members"], "Members@odata.count" in told) == (None, False)
    (member,) = bmc.get("/redfish/v1/Systems?$expand=.")["Members"]
    assert "SerialNumber" not in member


@pytest.mark.quirk(50)
def test_the_root_lacks_its_systems_until_the_bmc_restarts(bmc_of, within):
    bmc = bmc_of(quirks=[50])
    assert not {"Systems", "Managers"} & set(bmc.get("/redfish/v1/"))
    first, second = (one["@odata.id"] for one in bmc.get("/redfish/v1/Systems")["Members"])
    assert (bmc.call("GET", first).status_code, second) == (404, SYSTEM)
    bmc.post("/redfish/v1/Managers/1/Actions/Manager.Reset", {"ResetType": "ForceRestart"})
    within(lambda: bmc.machine.bmc_restarts == 1 and bmc.machine.bmc_up)
    assert "Systems" in bmc.get("/redfish/v1/")


@pytest.mark.quirk(51)
def test_the_system_does_not_say_who_manages_it(bmc_of):
    assert "ManagedBy" not in bmc_of(quirks=[51]).get(SYSTEM)["Links"]


@pytest.mark.quirk(52)
def test_numbers_ids_and_times_are_none(bmc_of):
    bmc = bmc_of(quirks=[52])
    assert bmc.get(f"{SYSTEM}/Storage/1/Drives/1")["CapacityBytes"] is None
    assert bmc.get(f"{SYSTEM}/Processors/CPU1")["Socket"] == 1
    assert bmc.get(SYSTEM)["LastResetTime"].startswith("0000")
    assert bmc.get(bmc.manager)["UUID"] == ""


@pytest.mark.quirk(53)
def test_ports_of_all_adapters_have_one_id_and_one_mac(bmc_of):
    bmc = bmc_of(quirks=[53])
    ports = [bmc.get(f"/redfish/v1/Chassis/1/NetworkAdapters/NIC{number}/Ports/1") for number in (1, 2)]
    assert {(port["Id"], port["Ethernet"]["AssociatedMACAddresses"][0]) for port in ports} == {
        ("1", "52:54:00:01:01:00")
    }
    function = bmc.get("/redfish/v1/Chassis/1/NetworkAdapters/NIC2/NetworkDeviceFunctions/2")
    assert function["Ethernet"]["MACAddress"] == "52:54:00:01:01:01"


@pytest.mark.quirk(54)
def test_interfaces_are_missing_one_function_has_no_mac_and_one_is_infiniband(bmc_of):
    bmc = bmc_of(quirks=[54])
    assert bmc.get(f"{SYSTEM}/EthernetInterfaces")["Members"] == []
    adapters = "/redfish/v1/Chassis/1/NetworkAdapters"
    first = bmc.get(f"{adapters}/NIC1/NetworkDeviceFunctions/1")["Ethernet"]
    assert first == {"MACAddress": "00:00:00:00:00:00", "PermanentMACAddress": ""}
    second = bmc.get(f"{adapters}/NIC2/NetworkDeviceFunctions/2")
    assert (second["NetDevFuncType"], "PortGUID" in second["InfiniBand"]) == ("InfiniBand", True)


@pytest.mark.quirk(56)
def test_controllers_stand_inline_without_volumes_and_with_a_wrong_count(bmc_of):
    told = bmc_of(quirks=[56]).get(f"{SYSTEM}/Storage/1")
    assert (told["StorageControllers"][0]["MemberId"], "Volumes" in told, "Controllers" in told) == ("0", False, False)
    assert told["Drives@odata.count"] == len(told["Drives"]) + 3


@pytest.mark.quirk(58)
def test_versions_are_null_or_absent(bmc_of):
    bmc = bmc_of(quirks=[58])
    inventory = "/redfish/v1/UpdateService/FirmwareInventory"
    assert bmc.get(f"{inventory}/NIC")["Version"] is None
    assert "Version" not in bmc.get(f"{inventory}/RAID")


@pytest.mark.quirk(64)
def test_bios_shows_what_is_pending_as_though_it_held(bmc_of):
    bmc = bmc_of("idrac", quirks=[64])
    bios = f"{bmc.system}/Bios"
    body = {"Attributes": {"ProcTurboMode": "Disabled"}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}
    assert bmc.patch(f"{bios}/Settings", body).status_code == 202
    assert bmc.get(bios)["Attributes"]["ProcTurboMode"] == "Disabled"
    assert bmc.machine.settings.bios.current == {}


@pytest.mark.quirk(66)
def test_a_value_that_the_profile_rules_is_dropped_without_a_word(bmc_of, within):
    bmc = bmc_of(quirks=[66])
    bmc.patch(SETTINGS, {"Attributes": {"WorkloadProfile": "LowLatency", "ProcTurboMode": "Disabled"}})
    bmc.boots(within)
    told = bmc.get(f"{SYSTEM}/Bios")
    assert (told["Attributes"]["WorkloadProfile"], told["Attributes"]["ProcTurboMode"]) == ("LowLatency", "Enabled")
    assert told["@Redfish.Settings"]["Messages"] == [{"MessageId": "Base.1.18.Success"}]


@pytest.mark.quirk(67)
def test_pending_settings_are_where_only_the_link_tells(bmc_of, within):
    bmc = bmc_of(quirks=[67])
    assert bmc.call("GET", SETTINGS).status_code == 404
    path = bmc.get(f"{SYSTEM}/Bios")["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    assert bmc.patch(path, {"Attributes": {"ProcTurboMode": "Disabled"}}).status_code == 200
    bmc.boots(within)
    assert bmc.get(f"{SYSTEM}/Bios")["Attributes"]["ProcTurboMode"] == "Disabled"


@pytest.mark.quirk(68)
@pytest.mark.quirk(69)
def test_a_job_is_not_there_at_first_and_gone_some_time_after_it_failed(bmc_of, within):
    bmc = bmc_of("idrac", quirks=[68], faults=["F16.bios"])
    body = {"Attributes": {"ProcTurboMode": "Disabled"}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}
    job = bmc.patch(f"{bmc.system}/Bios/Settings", body).headers["location"]
    task = bmc.machine.work.tasks[job.rpartition("/")[2]]
    task.born += LATER
    assert bmc.call("GET", job).status_code == 404
    task.born -= 2 * LATER
    assert bmc.call("GET", job).status_code == 200
    bmc.boots(within)
    task.ended += LATER
    assert bmc.get(job)["JobState"] == "CompletedWithErrors"
    task.ended -= 2 * LATER
    assert bmc.call("GET", job).status_code == 404


@pytest.mark.quirk(70)
def test_the_lifecycle_controller_is_busy_for_a_while_after_a_job(bmc_of, within):
    bmc = bmc_of("idrac", quirks=[70])
    body = {"Attributes": {"ProcTurboMode": "Disabled"}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}}
    settings = f"{bmc.system}/Bios/Settings"
    assert bmc.patch(settings, body).status_code == 202
    bmc.boots(within)
    (task,) = bmc.machine.work.tasks.values()
    task.ended += LATER
    status = bmc.get(bmc.at("Managers", "0", "Links.Oem.Dell.DellLCService"))
    assert status["LCStatus"] == "InUse"
    target = status["Actions"]["#DellLCService.GetRemoteServicesAPIStatus"]["target"]
    assert bmc.post(target).json()["LCStatus"] == "Recovery"
    assert bmc.patch(settings, body).status_code == 503
    task.ended -= 2 * LATER
    assert bmc.patch(settings, body).status_code == 202


@pytest.mark.quirk(72)
def test_no_attributes_where_nothing_is_pending(bmc_of):
    bmc = bmc_of(quirks=[72])
    assert "Attributes" not in bmc.get(SETTINGS)
    bmc.patch(SETTINGS, {"Attributes": {"ProcTurboMode": "Disabled"}})
    assert bmc.get(SETTINGS)["Attributes"] == {"ProcTurboMode": "Disabled"}


def test_the_boot_order_and_the_http_location_are_kept(bmc_of):
    bmc = bmc_of()
    boot_told = {"BootOrder": ["Boot0002"], "HttpBootUri": "http://127.0.0.1/boot.efi"}
    told = bmc.patch(SYSTEM, {"Boot": boot_told}).json()["Boot"]
    assert (told["BootOrder"], told["HttpBootUri"]) == (["Boot0002", "Boot0001", "Boot0003"], boot_told["HttpBootUri"])
    assert bmc.patch(SYSTEM, {"Boot": {"BootOrder": ["Boot9999"]}}).status_code == 400
    options = [bmc.get(one["@odata.id"]) for one in bmc.get(f"{SYSTEM}/BootOptions")["Members"]]
    assert {one["BootOptionReference"] for one in options} == set(told["BootOrder"])


def test_a_hundred_tasks_that_ended_are_kept_and_no_more(bmc_of, within):
    bmc = bmc_of("openbmc", faults=["F13.boot@0"])
    system = bmc.system
    body = {"Boot": {"BootSourceOverrideTarget": "Pxe"}}
    with bmc.client() as client:
        assert {client.patch(system, json=body).status_code for _ in range(104)} == {202}
        within(lambda: not bmc.machine.work.open())
        client.patch(system, json=body)
    kept = [one["@odata.id"].rpartition("/")[2] for one in bmc.get("/redfish/v1/TaskService/Tasks")["Members"]]
    assert kept == [str(number) for number in range(5, 106)]


def test_a_quirk_comes_and_goes_while_the_twin_runs(bmc_of):
    bmc = bmc_of()
    bmc.twin.set_quirk("n1", 51)
    assert "ManagedBy" not in bmc.get(SYSTEM)["Links"]
    bmc.twin.clear_quirk("n1", 51)
    assert "ManagedBy" in bmc.get(SYSTEM)["Links"]
    with pytest.raises(ValueError, match="5000: no such quirk"):
        bmc.twin.set_quirk("n1", 5000)
