"""Each numbered fault strikes as its line says, as often as it was told to, and then no more."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from drivers.virtual.twin.faults import parse
from drivers.virtual.twin.states import Power

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SETTINGS = f"{SYSTEM}/Bios/Settings"
SESSIONS = "/redfish/v1/SessionService/Sessions"
VOLUMES = f"{SYSTEM}/Storage/1/Volumes"
LOGIN = {"UserName": "admin", "Password": "Canary-1"}
PXE = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
TURBO = {"Attributes": {"ProcTurboMode": "Disabled"}}
LOST = (httpx.RemoteProtocolError, httpx.ReadError)


def volume(*drives):
    return {
        "RAIDType": "RAID0",
        "Links": {"Drives": [{"@odata.id": f"{SYSTEM}/Storage/1/Drives/{one}"} for one in drives]},
    }


@pytest.mark.fault("F1", "discover")
def test_connections_are_reset_so_often_and_then_no_more(bmc_of, within):
    bmc = bmc_of()
    with bmc.client() as client:
        bmc.twin.set_fault("n1", "F1x2")
        for _ in range(2):
            with pytest.raises((httpx.ConnectError, *LOST)):
                client.get(SYSTEM)
        within(lambda: "F1" not in bmc.machine.manners.strikes)
        assert client.get(SYSTEM).status_code == 200


@pytest.mark.fault("F1", "power")
def test_nobody_listens_for_so_many_seconds(bmc_of, within):
    bmc = bmc_of()
    with bmc.client() as client:
        bmc.twin.set_fault("n1", "F1@0.5")
        with pytest.raises(httpx.ConnectError, match="refused"):
            client.get(SYSTEM)
        within(lambda: bmc.machine.manners.on("F1") is None, 5)

        def answers():
            try:
                return client.get(SYSTEM).status_code == 200
            except httpx.ConnectError:
                return False

        within(answers, 5)


@pytest.mark.fault("F2", "discover")
def test_nobody_listens_at_all(bmc_of):
    bmc = bmc_of()
    with bmc.client() as client:
        bmc.twin.set_fault("n1", "F2")
        with pytest.raises(httpx.ConnectError):
            client.get(SYSTEM)


@pytest.mark.fault("F3", "power")
def test_a_write_is_carried_out_and_its_reply_is_lost(bmc_of):
    bmc = bmc_of(faults=["F3.power"])
    assert bmc.get(SYSTEM)["PowerState"] == "Off"
    with pytest.raises(LOST):
        bmc.post(RESET, {"ResetType": "On"})
    assert bmc.machine.power_actions == 1
    assert bmc.post(RESET, {"ResetType": "ForceOff"}).status_code == 204


@pytest.mark.fault("F4", "boot")
def test_a_write_is_carried_out_and_its_reply_comes_late(bmc_of):
    bmc = bmc_of(faults=["F4.boot@1"])
    with bmc.client() as client, pytest.raises(httpx.ReadTimeout):
        client.patch(SYSTEM, json=PXE, timeout=0.3)
    assert bmc.machine.override.target.value == "Pxe"


@pytest.mark.fault("F5", "discover")
def test_a_body_is_cut_in_the_middle(bmc_of):
    bmc = bmc_of(faults=["F5"])
    with pytest.raises(LOST):
        bmc.call("GET", SYSTEM)
    assert bmc.call("GET", SYSTEM).status_code == 200


@pytest.mark.fault("F6", "discover")
def test_a_good_token_is_refused_once_and_gone(bmc_of):
    bmc = bmc_of()
    token = bmc.call("POST", SESSIONS, LOGIN).headers["x-auth-token"]
    bmc.auth = None
    bmc.twin.set_fault("n1", "F6")
    assert [bmc.call("GET", SYSTEM, X_Auth_Token=token).status_code for _ in range(2)] == [401, 401]
    again = bmc.call("POST", SESSIONS, LOGIN).headers["x-auth-token"]
    assert bmc.call("GET", SYSTEM, X_Auth_Token=again).status_code == 200


@pytest.mark.fault("F7", "accounts")
def test_after_three_refusals_the_account_is_locked_even_when_the_fault_is_over(bmc_of):
    bmc = bmc_of(faults=["F7"])
    assert {bmc.call("POST", SESSIONS, LOGIN).status_code for _ in range(3)} == {401}
    bmc.twin.clear_fault("n1", "F7")
    assert bmc.call("POST", SESSIONS, LOGIN).status_code == 401
    assert bmc.machine.logins_denied == 4
    assert bmc.machine.accounts.is_locked("admin")


@pytest.mark.fault("F8", "discover")
def test_no_session_is_to_be_had_and_basic_works(bmc_of):
    bmc = bmc_of("idrac", faults=["F8"])
    full = bmc.call("POST", SESSIONS, LOGIN)
    assert (full.status_code, "RAC0218" in bmc.messages(full)) == (503, True)
    assert bmc.call("GET", bmc.system).status_code == 200
    assert bmc.machine.sessions_opened == 0


@pytest.mark.fault("F9", "power")
def test_unavailable_twice_with_a_time_to_wait(bmc_of):
    bmc = bmc_of(faults=["F9.power@3"])
    replies = [bmc.post(RESET, {"ResetType": "On"}) for _ in range(3)]
    assert [one.status_code for one in replies] == [503, 503, 204]
    assert replies[0].headers["retry-after"] == "3"


@pytest.mark.fault("F10", "boot")
def test_the_resource_changed_in_between_once(bmc_of):
    bmc = bmc_of(faults=["F10"])
    assert [bmc.patch(SYSTEM, PXE).status_code for _ in range(2)] == [412, 200]


@pytest.mark.fault("F11", "power")
def test_a_write_is_answered_as_though_it_had_been_so_before(bmc_of):
    bmc = bmc_of(faults=["F11.power"])
    assert bmc.post(RESET, {"ResetType": "On"}).status_code == 409
    assert bmc.machine.power_actions == 1


@pytest.mark.fault("F12", "bios")
def test_not_during_post_twice(bmc_of):
    bmc = bmc_of(faults=["F12.bios"])
    replies = [bmc.patch(SETTINGS, TURBO) for _ in range(3)]
    assert [one.status_code for one in replies] == [400, 400, 200]
    assert "UnableToModifyDuringSystemPOST" in bmc.messages(replies[0])


@pytest.mark.fault("F13", "boot")
def test_a_write_goes_on_in_a_task_that_runs_long(bmc_of, within):
    bmc = bmc_of(faults=["F13.boot@600"])
    reply = bmc.patch(SYSTEM, PXE)
    assert (reply.status_code, reply.json()["TaskState"]) == (202, "New")
    monitor = reply.headers["location"]
    assert bmc.call("GET", monitor).status_code == 202
    assert bmc.machine.override.target.value == "None"
    bmc.twin.do(lambda: bmc.machine.work.forget(all_of_it=False))
    assert bmc.call("GET", monitor).status_code == 200
    assert bmc.machine.override.target.value == "Pxe"
    assert bmc.get(f"/redfish/v1/TaskService/Tasks/{reply.json()['Id']}")["TaskState"] == "Completed"


@pytest.mark.fault("F14", "boot")
def test_a_202_does_not_say_where_to_look(bmc_of, within):
    bmc = bmc_of(faults=["F14.boot"])
    reply = bmc.patch(SYSTEM, PXE)
    assert (reply.status_code, reply.content, "location" in reply.headers) == (202, b"", False)
    within(lambda: bmc.machine.override.target.value == "Pxe")


@pytest.mark.fault("F15", "raid")
def test_a_task_is_not_there_at_first_nor_at_the_end(bmc_of, within):
    bmc = bmc_of(faults=["F15", "F13.raid@600"])
    monitor = bmc.post(VOLUMES, volume(1)).headers["location"]
    assert [bmc.call("GET", monitor).status_code for _ in range(3)] == [404, 404, 202]
    bmc.twin.do(lambda: bmc.machine.work.forget(all_of_it=False))
    assert bmc.call("GET", monitor).status_code == 404
    assert len(bmc.machine.array.volumes) == 1


@pytest.mark.fault("F16", "boot")
def test_a_task_ends_in_an_exception_and_nothing_is_changed(bmc_of, within):
    bmc = bmc_of(faults=["F16"])
    identity = bmc.patch(SYSTEM, PXE).json()["Id"]

    def task():
        return bmc.get(f"/redfish/v1/TaskService/Tasks/{identity}")

    within(lambda: task()["TaskState"] == "Exception")
    assert (task()["TaskStatus"], task()["Messages"][0]["Severity"]) == ("Critical", "Critical")
    assert bmc.machine.override.target.value == "None"


@pytest.mark.parametrize(
    "ability",
    [
        pytest.param(one, marks=pytest.mark.fault("F17", one))
        for one in ("power", "boot", "bios", "raid", "vmedia", "accounts", "manager")
    ],
)
def test_a_write_is_answered_as_done_and_nothing_is_changed(bmc_of, within, ability):
    media = "/redfish/v1/Managers/1/VirtualMedia/CD1"
    writes = {
        "power": ("POST", RESET, {"ResetType": "On"}),
        "boot": ("PATCH", SYSTEM, PXE),
        "bios": ("PATCH", SETTINGS, TURBO),
        "raid": ("POST", VOLUMES, volume(1)),
        "vmedia": ("POST", f"{media}/Actions/VirtualMedia.InsertMedia", {"Image": "http://127.0.0.1/x.iso"}),
        "accounts": ("PATCH", "/redfish/v1/AccountService/Accounts/1", {"Password": "Canary-22"}),
        "manager": ("PATCH", "/redfish/v1/Managers/1/NetworkProtocol", {"NTP": {"NTPServers": ["127.0.0.1"]}}),
    }
    honest, lying = {}, {}
    for told, faults in ((honest, []), (lying, [f"F17.{ability}"])):
        bmc = bmc_of(faults=faults)
        told["status"] = bmc.call(*writes[ability]).status_code
        within(lambda bmc=bmc: not bmc.machine.work.open())
        machine = bmc.machine
        told["state"] = (
            machine.power_actions, machine.override.target, machine.settings.bios.staged, len(machine.array.volumes),
            [one.image for one in machine.settings.media.values() if one.image], machine.accounts.first.password,
            machine.settings.manager,
        )  # fmt: skip
        bmc.twin.stop()
    assert honest["status"] == lying["status"]
    assert honest["state"] != lying["state"]
    assert [write.path for write in bmc.machine.writes] == [writes[ability][1]]


@pytest.mark.fault("F18", "bios")
def test_one_of_the_staged_values_is_dropped_at_post(bmc_of, within):
    bmc = bmc_of(faults=["F18"])
    bmc.patch(SETTINGS, {"Attributes": {"ProcTurboMode": "Disabled", "ProcHyperthreading": "Disabled"}})
    bmc.boots(within)
    told = bmc.get(f"{SYSTEM}/Bios")["Attributes"]
    assert (told["ProcHyperthreading"], told["ProcTurboMode"]) == ("Enabled", "Disabled")


@pytest.mark.fault("F19", "bios")
@pytest.mark.parametrize(("name", "status"), [("idrac", 503), ("generic", 503)])
def test_somebody_elses_job_keeps_others_out_until_it_ran(bmc_of, within, name, status):
    bmc = bmc_of(name, faults=["F19"])
    settings = bmc.get(bmc.at("Systems", "0", "Bios"))["@Redfish.Settings"]["SettingsObject"]["@odata.id"]
    within(
        lambda: bmc.get("/redfish/v1/TaskService/Tasks/" + next(iter(bmc.machine.work.tasks)))["TaskState"] == "Pending"
    )
    assert bmc.patch(settings, TURBO).status_code == status
    bmc.boots(within)
    assert bmc.patch(settings, TURBO).status_code == 200
    assert [write.path for write in bmc.machine.writes] == [settings]


@pytest.mark.fault("F20", "boot")
def test_the_bmc_restarts_in_the_middle_of_a_write_and_its_sessions_are_lost(bmc_of, within):
    bmc = bmc_of()
    token = bmc.call("POST", SESSIONS, LOGIN).headers["x-auth-token"]
    with bmc.client() as client:
        bmc.twin.set_fault("n1", "F20.boot@3")
        with pytest.raises(LOST):
            client.patch(SYSTEM, json=PXE)
        within(lambda: not bmc.machine.bmc_up)
        with pytest.raises(httpx.ConnectError):
            client.get(SYSTEM)
        within(lambda: bmc.machine.bmc_up)
    bmc.auth = None
    assert bmc.call("GET", SYSTEM, X_Auth_Token=token).status_code == 401
    assert (bmc.machine.override.target.value, bmc.machine.bmc_restarts) == ("Pxe", 1)


@pytest.mark.fault("F20", "raid")
@pytest.mark.parametrize(("name", "known"), [("idrac", True), ("generic", False)])
def test_what_ran_is_done_after_the_bmcs_restart_and_only_a_job_can_still_be_asked_for(bmc_of, within, name, known):
    bmc = bmc_of(name, speed=1, disks=[{"serial": "D1", "gib": 1}])
    controller = bmc.at("Systems", "0", "Storage", "0")
    body = {"RAIDType": "RAID0", "Links": {"Drives": bmc.get(controller)["Drives"]}}
    task = f"/redfish/v1/TaskService/Tasks/{bmc.post(f'{controller}/Volumes', body).json()['Id']}"
    bmc.twin.do(lambda: bmc.machine.restart_bmc(0.2))
    within(lambda: bmc.machine.bmc_restarts == 1 and bmc.machine.bmc_up)
    assert (bmc.call("GET", task).status_code == 200) == known
    assert len(bmc.machine.array.volumes) == 1


@pytest.mark.fault("F21", "accounts")
def test_a_factory_reset_leaves_the_vendors_login_which_has_to_be_changed(bmc_of):
    bmc = bmc_of("idrac")
    protocols = f"{bmc.manager}/NetworkProtocol"
    bmc.patch(protocols, {"NTP": {"NTPServers": ["127.0.0.1"]}})
    system = bmc.system
    bmc.twin.set_fault("n1", "F21")
    assert bmc.call("GET", system).status_code == 401
    bmc.auth = ("root", "calvin")
    refused = bmc.call("GET", system)
    assert (refused.status_code, "PasswordChangeRequired" in bmc.messages(refused)) == (403, True)
    account = "/redfish/v1/AccountService/Accounts/2"
    assert bmc.call("PATCH", account, {"Password": "Canary-2"}).status_code == 200
    bmc.auth = ("root", "Canary-2")
    assert bmc.get(protocols)["NTP"]["NTPServers"] == []


@pytest.mark.fault("F23", "power")
@pytest.mark.parametrize(
    ("fault", "state"), [("F23", None), ("F23.unknown", "Unknown"), ("F23.poweringon", "PoweringOn")]
)
def test_the_power_state_is_never_known(bmc_of, within, fault, state):
    bmc = bmc_of(faults=[fault])
    bmc.post(RESET, {"ResetType": "On"})
    within(lambda: bmc.machine.power is Power.ON)
    assert bmc.get(SYSTEM)["PowerState"] == state


@pytest.mark.fault("F24", "bios")
@pytest.mark.parametrize(
    ("ability", "path"),
    [
        ("bios", f"{SYSTEM}/Bios"),
        ("raid", f"{SYSTEM}/Storage/1"),
        ("vmedia", "/redfish/v1/Managers/1/VirtualMedia/CD1"),
        ("firmware", "/redfish/v1/UpdateService/FirmwareInventory"),
        ("accounts", "/redfish/v1/AccountService/Accounts"),
    ],
)
def test_one_resource_is_no_json(bmc_of, ability, path):
    bmc = bmc_of(faults=[f"F24.{ability}"])
    broken = bmc.call("GET", path)
    assert broken.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        broken.json()
    assert bmc.get(SYSTEM)["Id"] == "1"


@pytest.mark.fault("F24", "discover")
def test_members_are_null_types_are_wrong_and_links_are_missing(bmc_of):
    bmc = bmc_of(faults=["F24"])
    assert bmc.get(f"{SYSTEM}/Processors")["Members"][0] is None
    assert bmc.get(f"{SYSTEM}/Memory")["Members"] == "none"
    system = bmc.get(SYSTEM)
    assert (system["ProcessorSummary"], "EthernetInterfaces" in system) == ([], False)


@pytest.mark.fault("F25", "discover")
def test_the_last_page_leads_back_to_the_first(bmc_of):
    bmc = bmc_of(faults=["F25"])
    sensors = "/redfish/v1/Chassis/1/Sensors"
    first = bmc.get(sensors)
    second = bmc.get(first["Members@odata.nextLink"])
    assert (len(first["Members"]), len(second["Members"]), first["Members@odata.count"]) == (2, 1, 3)
    assert bmc.get(second["Members@odata.nextLink"])["Members"] == first["Members"]


@pytest.mark.fault("F26", "discover")
@pytest.mark.parametrize(
    ("fault", "macs"),
    [
        ("F26", ["", "52:54:00:01:01:01"]),
        ("F26.zero", ["00:00:00:00:00:00", "52:54:00:01:01:01"]),
        ("F26.duplicate", ["52:54:00:01:01:00", "52:54:00:01:01:00"]),
    ],
)
def test_mac_addresses_are_none_or_twice_there(bmc_of, fault, macs):
    bmc = bmc_of(faults=[fault])
    assert [bmc.get(f"{SYSTEM}/EthernetInterfaces/{number}")["MACAddress"] for number in (1, 2)] == macs


@pytest.mark.fault("F27", "discover")
def test_the_certificate_is_another_one(bmc_of):
    bmc = bmc_of()
    with bmc.client() as client:
        assert client.get(SYSTEM).status_code == 200
        bmc.twin.set_fault("n1", "F27")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            client.get(SYSTEM)


@pytest.mark.fault("F28", "discover")
def test_another_machine_answers(bmc_of):
    bmc = bmc_of()
    before = bmc.get(SYSTEM)
    bmc.twin.set_fault("n1", "F28")
    after = bmc.get(SYSTEM)
    assert (before["SerialNumber"], before["UUID"]) != (after["SerialNumber"], after["UUID"])


@pytest.mark.fault("F29", "discover")
def test_the_clock_is_years_off(bmc_of):
    bmc = bmc_of(faults=["F29"])
    assert bmc.get(bmc.manager)["DateTime"].startswith("1970-01-01")


@pytest.mark.fault("F30", "discover")
def test_each_reply_takes_its_time(bmc_of):
    bmc = bmc_of(faults=["F30.discover@0.3"])
    with bmc.client() as client:
        begun = time.monotonic()
        client.get(SYSTEM)
        client.get(SYSTEM)
    assert time.monotonic() - begun >= 0.6


@pytest.mark.fault("F31", "vmedia")
def test_media_that_cannot_be_reached_are_not_inserted(bmc_of):
    bmc = bmc_of(faults=["F31.vmedia"])
    slot = "/redfish/v1/Managers/1/VirtualMedia/CD1"
    body = {"Image": "http://127.0.0.1/x.iso"}
    assert bmc.post(f"{slot}/Actions/VirtualMedia.InsertMedia", body).status_code == 500
    assert bmc.get(slot)["Inserted"] is False


@pytest.mark.fault("F31", "firmware")
@pytest.mark.parametrize("faults", [[], ["F31"]])
def test_an_update_whose_image_cannot_be_fetched_flashes_nothing(bmc_of, within, subnet, faults):
    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"TWIN-FIRMWARE RAID 9.9")

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer((f"{subnet}.240", 18090), Files)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        bmc = bmc_of(faults=faults)
        uri = f"http://{subnet}.240:{18090 if faults else 18091}/raid.bin"
        action = "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate"
        identity = bmc.post(action, {"ImageURI": uri}).json()["Id"]
        task = f"/redfish/v1/TaskService/Tasks/{identity}"
        within(lambda: bmc.get(task)["TaskState"] == "Exception")
        assert "could not be fetched" in bmc.get(task)["Messages"][0]["Message"]
        assert bmc.machine.flashes == []
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.mark.fault("F32", "raid")
def test_the_host_loses_its_power_in_the_middle_of_a_write(bmc_of, within):
    bmc = bmc_of(faults=["F32.raid"])
    bmc.boots(within)
    identity = bmc.post(VOLUMES, volume(1)).json()["Id"]
    assert bmc.get(SYSTEM)["PowerState"] == "Off"
    assert bmc.get(f"/redfish/v1/TaskService/Tasks/{identity}")["TaskState"] == "Exception"
    assert bmc.machine.array.volumes == {}


@pytest.mark.parametrize("text", ["F99", "F6.boot", "F17.gremlins", "F6x", "gremlins", "62"])
def test_what_is_no_fault_is_said_so(text):
    with pytest.raises(ValueError, match=r"no such fault|knows no"):
        parse(text)


@pytest.mark.parametrize("text", ["F6x2", "F17.bios", "F4.powerx3@1.5", "F22"])
def test_a_fault_reads_back_as_it_was_written(text):
    assert str(parse(text)).startswith(text)
    assert parse(str(parse(text))) == parse(text)
