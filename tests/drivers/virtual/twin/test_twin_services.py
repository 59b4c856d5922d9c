"""Updates, virtual media, users, the BMC's own settings, its certificate and its events."""

import asyncio
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

INVENTORY = "/redfish/v1/UpdateService/FirmwareInventory"
PACKAGE = b"\x00\x01TWIN-FIRMWARE %s 9.9.9\n" + bytes(2048)


def versions(bmc):
    members = [bmc.get(one["@odata.id"]) for one in bmc.get(INVENTORY)["Members"]]
    return {one["SoftwareId"]: one["Version"] for one in members}


def multipart(bmc, image, parameters='{"Targets": []}'):
    uri = bmc.get("/redfish/v1/UpdateService")["MultipartHttpPushUri"]
    parts = {"UpdateFile": ("firmware.bin", image, "application/octet-stream")}
    if parameters is not None:
        parts = {"UpdateParameters": (None, parameters, "application/json")} | parts
    with bmc.client() as client:
        return client.post(uri, files=parts)


def over(bmc, within, reply):
    assert reply.status_code == 202, reply.text
    task = bmc.machine.work.tasks[reply.json()["Id"]]
    within(lambda: task.is_over)
    return task.state.value


@pytest.mark.parametrize("name", ["generic", "idrac", "supermicro", "xcc", "openbmc", "megarac"])
def test_a_controllers_firmware_is_replaced_at_once_by_a_multipart_push(bmc_of, within, name):
    bmc = bmc_of(name)
    before = versions(bmc)
    assert over(bmc, within, multipart(bmc, PACKAGE % b"RAID")) == "Completed"
    assert versions(bmc) == before | {"RAID": "9.9.9"}
    assert [work.says for work in bmc.machine.flashes] == ["RAID 9.9.9"]


def test_what_is_no_package_or_has_no_parameters_is_refused(bmc_of):
    bmc = bmc_of()
    assert multipart(bmc, b"a thesis").status_code == 400
    assert multipart(bmc, PACKAGE % b"RAID", None).status_code == 400
    assert (
        multipart(
            bmc, PACKAGE % b"RAID", '{"Targets": ["/redfish/v1/UpdateService/FirmwareInventory/BIOS"]}'
        ).status_code
        == 400
    )
    assert bmc.machine.flashes == []


@pytest.mark.parametrize("name", ["generic", "ilo", "openbmc"])
def test_a_raw_push_of_bios_firmware_runs_from_the_next_post_on(bmc_of, within, name):
    bmc = bmc_of(name)
    uri = bmc.get("/redfish/v1/UpdateService")["HttpPushUri"]
    assert over(bmc, within, bmc.call("POST", uri, PACKAGE % b"BIOS")) == "Completed"
    assert versions(bmc)["BIOS"] != "9.9.9"
    bmc.boots(within)
    assert (versions(bmc)["BIOS"], bmc.get(bmc.system)["BiosVersion"]) == ("9.9.9", "9.9.9")


def test_an_idrac_queues_bios_firmware_as_a_job_and_names_its_member_by_the_version(bmc_of, within):
    bmc = bmc_of("idrac")
    job = multipart(bmc, PACKAGE % b"BIOS").headers["location"]
    within(lambda: bmc.get(job)["JobState"] == "Scheduled")
    assert (bmc.get(job)["JobType"], bmc.machine.flashes) == ("FirmwareUpdate", [])
    bmc.boots(within)
    assert bmc.get(job)["JobState"] == "Completed"
    members = [one["@odata.id"].rpartition("/")[2] for one in bmc.get(INVENTORY)["Members"]]
    assert "Installed-159-9.9.9__BIOS.Setup.1-1" in members


def test_simple_update_fetches_the_image_itself(bmc_of, within, subnet):
    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PACKAGE % b"RAID")

        def log_message(self, *_: object) -> None:
            """Silence."""

    bmc = bmc_of()
    server = ThreadingHTTPServer((f"{subnet}.241", 18092), Files)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        action = bmc.get("/redfish/v1/UpdateService")["Actions"]["#UpdateService.SimpleUpdate"]["target"]
        reply = bmc.post(action, {"ImageURI": f"http://{subnet}.241:18092/x", "TransferProtocol": "HTTP"})
        assert over(bmc, within, reply) == "Completed"
        assert versions(bmc)["RAID"] == "9.9.9"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def answered(bmc):
    """Whether it does now; None for no."""
    try:
        with httpx.Client(base_url=f"https://{bmc.address}", verify=False, timeout=5) as client:  # noqa: S501
            return client.get("/redfish/v1/").status_code
    except httpx.TransportError:
        return None


@pytest.mark.quirk(90)
@pytest.mark.fault("F20", "firmware")
@pytest.mark.parametrize(("quirks", "outages"), [([], 1), ([90], 2)])
def test_a_bmc_goes_away_for_its_own_update_and_comes_back_once_or_twice(bmc_of, within, quirks, outages):
    bmc = bmc_of(quirks=quirks)
    heard = []

    async def hear(up):
        heard.append((up, await asyncio.to_thread(answered, bmc)))

    bmc.twin.do(lambda: bmc.machine.heed_restart(hear))
    assert over(bmc, within, multipart(bmc, PACKAGE % b"BMC")) == "Completed"
    within(lambda: bmc.machine.log[-1].says == "The BMC was restarted.")
    assert heard == [(False, None), (True, 200)] * outages
    assert bmc.get(bmc.manager)["FirmwareVersion"] == "9.9.9"


@pytest.mark.fault("F18", "firmware")
def test_a_version_is_dropped_though_its_task_completed(bmc_of, within):
    bmc = bmc_of(faults=["F18.firmware"])
    assert over(bmc, within, multipart(bmc, PACKAGE % b"RAID")) == "Completed"
    assert versions(bmc)["RAID"] != "9.9.9"


@pytest.mark.quirk(91)
def test_there_is_no_simple_update(bmc_of):
    bmc = bmc_of(quirks=[91])
    told = bmc.get("/redfish/v1/UpdateService")
    assert (told["Actions"], "MultipartHttpPushUri" in told) == ({}, True)
    assert bmc.post("/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate", {}).status_code == 404


@pytest.mark.quirk(93)
def test_a_nics_firmware_runs_only_after_a_reset_though_its_task_is_over(bmc_of, within):
    bmc = bmc_of(quirks=[93])
    assert over(bmc, within, multipart(bmc, PACKAGE % b"NIC")) == "Completed"
    assert versions(bmc)["NIC"] != "9.9.9"
    bmc.boots(within)
    assert versions(bmc)["NIC"] == "9.9.9"


def slots(bmc):
    return [one["@odata.id"] for one in bmc.get(bmc.at("Managers", "0", "VirtualMedia"))["Members"]]


def insert(bmc, slot, **more):
    target = bmc.get(slot)["Actions"]["#VirtualMedia.InsertMedia"]["target"]
    return bmc.post(target, {"Image": "http://127.0.0.1/boot.iso", **more})


def eject(bmc, slot):
    return bmc.post(bmc.get(slot)["Actions"]["#VirtualMedia.EjectMedia"]["target"])


@pytest.mark.parametrize("name", ["generic", "idrac", "ilo", "supermicro", "openbmc"])
def test_media_are_inserted_once_and_ejected(bmc_of, name):
    bmc = bmc_of(name)
    slot = slots(bmc)[0]
    assert insert(bmc, slot).status_code == 204
    told = bmc.get(slot)
    assert (told["Inserted"], told["Image"], told["WriteProtected"]) == (True, "http://127.0.0.1/boot.iso", True)
    assert insert(bmc, slot).status_code == 400
    assert eject(bmc, slot).status_code == 204
    assert (bmc.get(slot)["Inserted"], bmc.get(slot)["Image"]) == (False, None)


@pytest.mark.quirk(80)
def test_an_xcc_takes_media_by_patch_alone(bmc_of):
    bmc = bmc_of("xcc")
    slot = slots(bmc)[0]
    assert bmc.get(slot)["Actions"] == {}
    assert (
        bmc.post(f"{slot}/Actions/VirtualMedia.InsertMedia", {"Image": "http://127.0.0.1/boot.iso"}).status_code == 404
    )
    assert bmc.call("PATCH", slot, {"Image": "http://127.0.0.1/boot.iso"}).status_code == 412
    assert bmc.patch(slot, {"Image": "http://127.0.0.1/boot.iso", "Inserted": True}).json()["Inserted"] is True
    assert bmc.patch(slot, {"Image": None}).json()["Inserted"] is False


@pytest.mark.quirk(81)
def test_a_supermicro_takes_the_image_alone(bmc_of):
    bmc = bmc_of("supermicro")
    slot = slots(bmc)[0]
    assert insert(bmc, slot, Inserted=True).status_code == 400
    assert insert(bmc, slot).status_code == 204


@pytest.mark.quirk(82)
def test_what_is_missing_is_told_in_free_text_one_after_the_other(bmc_of):
    bmc = bmc_of(quirks=[82])
    slot, more = slots(bmc)[0], {}
    for name, value in (("TransferProtocolType", "HTTP"), ("TransferMethod", "Stream"), ("UserName", "")):
        refused = insert(bmc, slot, **more)
        assert (refused.status_code, "GeneralError" in bmc.messages(refused)) == (400, True)
        more[name] = value
    assert insert(bmc, slot, **more).status_code == 204


@pytest.mark.quirk(83)
@pytest.mark.parametrize(("url", "status"), [("x.iso?a=1", 400), ("x.img", 400), ("x.iso", 204)])
def test_a_url_is_a_plain_one_that_ends_in_iso(bmc_of, url, status):
    bmc = bmc_of(quirks=[83])
    assert insert(bmc, slots(bmc)[0], Image=f"http://127.0.0.1/{url}").status_code == status


@pytest.mark.quirk(84)
def test_the_first_slot_cannot_be_filled_and_the_slots_are_the_systems(bmc_of):
    bmc = bmc_of(quirks=[84])
    assert "VirtualMedia" not in bmc.get(bmc.manager)
    first, second = (one["@odata.id"] for one in bmc.get(bmc.at("Systems", "0", "VirtualMedia"))["Members"])
    assert bmc.get(first)["Actions"] == {}
    assert bmc.call("PATCH", first, {"Image": "http://127.0.0.1/x.iso"}).status_code == 405
    assert insert(bmc, second).status_code == 204


@pytest.mark.quirk(85)
def test_a_slot_seems_full_for_a_while_after_eject(bmc_of, within):
    bmc = bmc_of(quirks=[85])
    slot = slots(bmc)[0]
    insert(bmc, slot)
    assert eject(bmc, slot).status_code == 204
    (medium,) = (one for one in bmc.machine.settings.media.values() if one.ejected_at)
    medium.ejected_at += 3600
    told = bmc.get(slot)
    assert (told["Inserted"], told["Image"]) == (True, "http://127.0.0.1/boot.iso")
    assert insert(bmc, slot).status_code == 500
    medium.ejected_at -= 7200
    assert bmc.get(slot)["Inserted"] is False
    assert insert(bmc, slot).status_code == 204


def accounts(bmc):
    members = bmc.get(bmc.at("AccountService", "Accounts"))["Members"]
    return [bmc.get(one["@odata.id"]) for one in members]


@pytest.mark.parametrize("name", ["generic", "ilo", "supermicro", "openbmc", "megarac"])
def test_a_user_is_made_let_in_and_removed_again(bmc_of, name):
    bmc = bmc_of(name)
    collection = bmc.at("AccountService", "Accounts")
    body = {"UserName": "anneal", "Password": "Canary-New-1", "RoleId": "Administrator"}
    made = bmc.post(collection, body)
    assert (made.status_code, made.json()["UserName"], made.json()["Password"]) == (201, "anneal", None)
    assert bmc.post(collection, body).status_code == 400
    path = made.headers["location"]
    assert (path.rpartition("/")[2] == "anneal") == (name == "openbmc")
    bmc.auth = ("anneal", "Canary-New-1")
    assert bmc.get(path)["Enabled"] is True
    bmc.auth = ("admin", "Canary-1")
    assert bmc.call("DELETE", path).status_code == 204
    assert [one["UserName"] for one in accounts(bmc)] == ["admin"]


@pytest.mark.quirk(60)
@pytest.mark.parametrize(("name", "count", "free"), [("idrac", 16, "3"), ("xcc", 12, "2")])
def test_where_accounts_are_slots_an_empty_one_is_filled_and_emptied(bmc_of, name, count, free):
    bmc = bmc_of(name)
    collection = bmc.at("AccountService", "Accounts")
    body = {"UserName": "anneal", "Password": "Canary-New-1", "RoleId": "Administrator", "Enabled": True}
    assert bmc.post(collection, body).status_code == 405
    assert len(accounts(bmc)) == count
    assert bmc.patch(f"{collection}/{free}", body).status_code == 200
    assert bmc.call("DELETE", f"{collection}/{free}").status_code == 405
    bmc.auth = ("anneal", "Canary-New-1")
    assert bmc.patch(f"{collection}/{free}", {"UserName": "", "Enabled": False}).status_code == 200
    assert bmc.call("GET", collection).status_code == 401


def test_a_user_of_an_openbmc_who_is_renamed_has_another_path(bmc_of):
    bmc = bmc_of("openbmc")
    body = {"UserName": "anneal", "Password": "Canary-New-1", "RoleId": "Operator"}
    path = bmc.post(bmc.at("AccountService", "Accounts"), body).headers["location"]
    assert bmc.patch(path, {"UserName": "temper"}).status_code == 204
    assert bmc.get(path.replace("anneal", "temper"))["RoleId"] == "Operator"


def test_an_idracs_first_slot_is_reserved(bmc_of):
    bmc = bmc_of("idrac")
    assert bmc.patch("/redfish/v1/AccountService/Accounts/1", {"UserName": "x"}).status_code == 400


def test_a_password_is_changed_and_the_old_one_is_dead(bmc_of):
    bmc = bmc_of()
    account = accounts(bmc)[0]["@odata.id"]
    rules = bmc.get("/redfish/v1/AccountService")
    for wrong in ("x" * (rules["MinPasswordLength"] - 1), "x" * (rules["MaxPasswordLength"] + 1)):
        assert bmc.patch(account, {"Password": wrong}).status_code == 400
    assert bmc.patch(account, {"Password": "Canary-New-1"}).status_code == 200
    assert bmc.call("GET", account).status_code == 401
    bmc.auth = ("admin", "Canary-New-1")
    assert bmc.get(account)["UserName"] == "admin"


def test_a_supermicro_locks_an_account_out_after_three_wrong_logins(bmc_of):
    bmc = bmc_of("supermicro")
    account = accounts(bmc)[0]["@odata.id"]
    bmc.auth = ("admin", "wrong")
    assert {bmc.call("GET", account).status_code for _ in range(3)} == {401}
    bmc.auth = ("admin", "Canary-1")
    assert bmc.call("GET", account).status_code == 401


@pytest.mark.quirk(101)
def test_a_user_is_enabled_only_after_it_has_a_name_and_a_password(bmc_of):
    bmc = bmc_of("idrac", quirks=[101])
    slot = "/redfish/v1/AccountService/Accounts/3"
    assert bmc.patch(slot, {"UserName": "anneal", "Password": "Canary-2", "Enabled": True}).status_code == 400
    assert bmc.patch(slot, {"UserName": "anneal", "Password": "Canary-2"}).status_code == 200
    assert bmc.patch(slot, {"Enabled": True}).status_code == 200


def test_ntp_and_ipmi_are_kept_and_what_else_was_there_stays(bmc_of):
    bmc = bmc_of()
    path = bmc.at("Managers", "0", "NetworkProtocol")
    body = {"NTP": {"ProtocolEnabled": True, "NTPServers": ["127.0.0.9"]}, "IPMI": {"ProtocolEnabled": False}}
    assert bmc.patch(path, body).status_code == 200
    told = bmc.get(path)
    assert (told["NTP"], told["IPMI"]) == (body["NTP"], {"ProtocolEnabled": False, "Port": 623})
    assert bmc.patch(path, {"Nonsense": 1}).status_code == 400


def test_an_ilo_keeps_its_time_servers_in_a_place_of_its_own_without_a_switch(bmc_of):
    bmc = bmc_of("ilo")
    assert "NTP" not in bmc.get(bmc.at("Managers", "0", "NetworkProtocol"))
    path = bmc.get(bmc.manager)["Oem"]["Hpe"]["Links"]["DateTimeService"]["@odata.id"]
    assert bmc.patch(path, {"StaticNTPServers": ["127.0.0.9", "0.0.0.0"]}).status_code == 200
    assert bmc.get(path)["StaticNTPServers"] == ["127.0.0.9", "0.0.0.0"]
    assert bmc.patch(path, {"ProtocolEnabled": True}).status_code == 400


def test_the_bmcs_clock_is_set(bmc_of):
    bmc = bmc_of()
    assert bmc.patch(bmc.manager, {"DateTime": "2030-05-05T05:05:05+00:00"}).status_code == 200
    told = datetime.fromisoformat(bmc.get(bmc.manager)["DateTime"])
    assert timedelta(0) <= told - datetime(2030, 5, 5, 5, 5, 5, tzinfo=UTC) < timedelta(minutes=1)


def test_the_bmc_restarts_and_loses_its_sessions(bmc_of, within):
    bmc = bmc_of()
    bmc.call("POST", "/redfish/v1/SessionService/Sessions", {"UserName": "admin", "Password": "Canary-1"})
    target = bmc.get(bmc.manager)["Actions"]["#Manager.Reset"]["target"]
    assert bmc.post(target, {"ResetType": "ForceRestart"}).status_code == 204
    within(lambda: bmc.machine.bmc_restarts == 1)
    within(lambda: answered(bmc) == 200)
    assert (bmc.machine.sessions_expired, bmc.machine.sessions_live) == (1, set())


def test_a_certificate_for_the_bmcs_own_request_is_served_from_then_on(bmc_of):
    bmc = bmc_of()
    service = bmc.get("/redfish/v1/CertificateService")["Actions"]
    host, _, port = bmc.address.partition(":")
    csr = bmc.post(service["#CertificateService.GenerateCSR"]["target"], {"CommonName": "bmc.example.test"}).json()
    request = x509.load_pem_x509_csr(csr["CSRString"].encode())
    ca, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    chain = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
        .public_key(request.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(ca, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    replace = service["#CertificateService.ReplaceCertificate"]["target"]
    own = bmc.at("Managers", "0", "NetworkProtocol", "HTTPS.Certificates", "0")
    stranger = ssl.get_server_certificate((host, int(port)))
    assert bmc.post(replace, {"CertificateString": stranger, "CertificateType": "PEM"}).status_code == 400
    body = {"CertificateString": chain, "CertificateType": "PEM", "CertificateUri": {"@odata.id": own}}
    assert bmc.post(replace, body).status_code == 204
    assert ssl.get_server_certificate((host, int(port))).strip() == chain.strip()


def test_a_subscriber_is_told_what_happens_and_the_log_keeps_it(bmc_of, within, subnet):
    heard = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    bmc = bmc_of()
    server = ThreadingHTTPServer((f"{subnet}.242", 18093), Listener)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        destination = {"Destination": f"http://{subnet}.242:18093/events", "Protocol": "Redfish", "Context": "mine"}
        made = bmc.post("/redfish/v1/EventService/Subscriptions", destination)
        assert (made.status_code, bmc.get(made.headers["location"])["Context"]) == (201, "mine")
        bmc.patch(bmc.system, {"Boot": {"BootSourceOverrideTarget": "Pxe"}})
        within(lambda: heard)
        assert (heard[0]["Context"], heard[0]["Events"][0]["Message"]) == ("mine", "The boot settings were changed.")
        entries = bmc.get(bmc.at("Managers", "0", "LogServices", "0", "Entries"))["Members"]
        assert [one["Message"] for one in entries] == ["The boot settings were changed."]
        assert bmc.call("DELETE", made.headers["location"]).status_code == 204
        assert bmc.get("/redfish/v1/EventService/Subscriptions")["Members"] == []
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_a_stream_tells_what_happens_while_it_is_read(bmc_of):
    bmc = bmc_of()
    path = bmc.get("/redfish/v1/EventService")["ServerSentEventUri"]
    bmc_system = bmc.system
    with bmc.client() as client, client.stream("GET", path) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": open"
        bmc.patch(bmc_system, {"Boot": {"BootSourceOverrideTarget": "Pxe"}})
        told = next(line for line in lines if line.startswith("data: "))
        assert json.loads(told.removeprefix("data: "))["Events"][0]["Message"] == "The boot settings were changed."


def test_the_most_requests_in_flight_are_counted_reads_and_writes_apart(bmc_of):
    bmc = bmc_of(faults=["F30@0.4"])
    system = bmc.system

    def read():
        bmc.call("GET", system)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bmc.patch(system, {"Boot": {"BootSourceOverrideTarget": "Pxe"}})
    assert (bmc.machine.in_flight_most, bmc.machine.writing_most) == (3, 1)
