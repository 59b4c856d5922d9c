"""The simulated Redfish service holds to DSP0266, heard over TLS by a client that knows nothing of it."""

import http.client
import json
import ssl
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from drivers.virtual.twin.faults import Fault

SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
LOGIN = {"UserName": "admin", "Password": "Canary-1"}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: object


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.basic = {"Authorization": "Basic " + b64encode(b"admin:Canary-1").decode()}

    def certificate(self) -> str:
        host, _, port = self.address.partition(":")
        return ssl.get_server_certificate((host, int(port)))

    def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Reply:
        context = ssl.create_default_context(cadata=self.certificate())
        link = http.client.HTTPSConnection(self.address, context=context, timeout=10)
        sent = self.basic if headers is None else headers
        link.request(method, path, None if body is None else json.dumps(body), sent)
        answer = link.getresponse()
        raw = answer.read()
        link.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, told, json.loads(raw) if raw and "json" in told.get("content-type", "") else raw)


@pytest.fixture
def rack(rack_of, machine_of):
    return rack_of(machine_of(1))


@pytest.fixture
def client(rack):
    return Client(str(rack.machine("n1").spec.bmc.address))


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


def test_every_link_leads_to_a_resource_that_bears_its_own_path(client):
    waiting, seen = ["/redfish/v1"], set()
    while waiting:
        path = waiting.pop()
        reply = client.call("GET", path)
        assert (path, reply.status, reply.body["@odata.id"]) == (path, 200, path)
        assert reply.headers["etag"] == reply.body["@odata.etag"]
        seen.add(path)
        waiting += set(links(reply.body)) - seen - set(waiting)
    assert {SYSTEM, f"{SYSTEM}/Storage/1/Drives/1", f"{SYSTEM}/EthernetInterfaces/2"} <= seen


def test_nothing_but_the_root_is_read_without_a_login(client):
    assert client.call("GET", "/redfish/v1/", headers={}).status == 200
    assert client.call("GET", "/redfish", headers={}).body == {"v1": "/redfish/v1/"}
    assert client.call("GET", "/redfish/v1/$metadata", headers={}).status == 200
    refused = client.call("GET", SYSTEM, headers={})
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert refused.body["error"]["@Message.ExtendedInfo"][0]["MessageId"].startswith("Base.")


def test_a_session_opens_with_its_token_and_is_gone_once_deleted(client, rack):
    machine = rack.machine("n1")
    opened = client.call("POST", SESSIONS, LOGIN, headers={})
    assert opened.status == 201
    token = {"X-Auth-Token": opened.headers["x-auth-token"]}
    assert client.call("GET", SYSTEM, headers=token).status == 200
    assert (machine.sessions_opened, len(machine.sessions_live)) == (1, 1)
    created = datetime.fromisoformat(client.call("GET", opened.headers["location"], headers=token).body["CreatedTime"])
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert client.call("DELETE", opened.headers["location"], headers=token).status == 204
    assert client.call("GET", SYSTEM, headers=token).status == 401
    assert (machine.sessions_closed, len(machine.sessions_live)) == (1, 0)


def test_a_wrong_password_opens_nothing(client, rack):
    assert client.call("POST", SESSIONS, {"UserName": "admin", "Password": "other"}, headers={}).status == 401
    assert (rack.machine("n1").sessions_opened, rack.machine("n1").logins_denied) == (0, 1)


def test_the_session_limit_answers_503_with_its_own_message(rack_of, machine_of):
    rack = rack_of(machine_of(1, bmc={"sessions": 1}))
    client = Client(str(rack.machine("n1").spec.bmc.address))
    assert client.call("POST", SESSIONS, LOGIN, headers={}).status == 201
    full = client.call("POST", SESSIONS, LOGIN, headers={})
    assert full.status == 503
    assert full.body["error"]["@Message.ExtendedInfo"][0]["MessageId"].endswith("SessionLimitExceeded")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/redfish/v1/Nothing", None, 404),
        ("DELETE", SYSTEM, None, 405),
        ("PUT", SYSTEM, {}, 405),
        ("POST", SYSTEM, {}, 405),
        ("PATCH", "/redfish/v1/Chassis/1", {"AssetTag": "x"}, 405),
        ("PATCH", SYSTEM, {"SerialNumber": "x"}, 400),
        ("PATCH", SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Floppy"}}, 400),
        ("POST", RESET, {}, 400),
        ("POST", RESET, {"ResetType": "Explode"}, 400),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(client, rack, method, path, body, status):
    refused = client.call(method, path, body)
    assert refused.status == status
    assert refused.body["error"]["@Message.ExtendedInfo"][0]["Message"]
    assert (status == 405) == ("allow" in refused.headers)
    assert rack.machine("n1").writes == []


def test_a_stale_etag_stops_a_write(client, rack):
    tag = client.call("GET", SYSTEM).headers["etag"]
    wanted = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
    assert client.call("PATCH", SYSTEM, wanted, {**client.basic, "If-Match": '"old"'}).status == 412
    changed = client.call("PATCH", SYSTEM, wanted, {**client.basic, "If-Match": tag})
    assert (changed.status, changed.body["Boot"]["BootSourceOverrideTarget"]) == (200, "Pxe")
    assert changed.headers["etag"] != tag
    assert [write.via for write in rack.machine("n1").writes] == ["redfish"]


def test_power_comes_and_goes_by_way_of_its_transitions(rack_of, machine_of, within):
    rack = rack_of(machine_of(1), speed=10)
    client = Client(str(rack.machine("n1").spec.bmc.address))

    def power():
        return client.call("GET", SYSTEM).body["PowerState"]

    assert client.call("POST", RESET, {"ResetType": "On"}).status == 204
    assert power() == "PoweringOn"
    within(lambda: power() == "On")
    assert client.call("POST", RESET, {"ResetType": "ForceOff"}).status == 204
    assert power() == "PoweringOff"
    within(lambda: power() == "Off")
    assert rack.machine("n1").power_actions == 2


def test_each_bmc_has_a_certificate_of_its_own_that_outlives_the_twin(rack_of, machine_of):
    twin = rack_of(machine_of(1), machine_of(2))
    first, second = (Client(str(machine.spec.bmc.address)) for machine in twin.machines.values())
    before = first.certificate()
    assert before != second.certificate()
    twin.stop()
    rack_of(machine_of(1), machine_of(2))
    assert first.certificate() == before


def test_faults_of_the_bmc_come_and_go_while_it_runs(client, rack):
    before = client.certificate()
    rack.set_fault("n1", Fault.BMC_NEW_CERTIFICATE)
    assert client.certificate() != before
    rack.set_fault("n1", Fault.BMC_WRONG_PASSWORD)
    assert client.call("GET", SYSTEM).status == 401
    rack.clear_fault("n1", Fault.BMC_WRONG_PASSWORD)
    rack.set_fault("n1", Fault.BMC_UNREACHABLE)
    with pytest.raises(ConnectionRefusedError):
        client.call("GET", SYSTEM)
    rack.clear_fault("n1", Fault.BMC_UNREACHABLE)
    assert client.call("GET", SYSTEM).status == 200


def test_a_bmc_that_lies_says_yes_and_does_nothing(client, rack):
    rack.set_fault("n1", Fault.BMC_LIES)
    wanted = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
    assert client.call("PATCH", SYSTEM, wanted).status == 200
    assert client.call("POST", RESET, {"ResetType": "On"}).status == 204
    told = client.call("GET", SYSTEM).body
    assert (told["PowerState"], told["Boot"]["BootSourceOverrideTarget"]) == ("Off", "None")
    assert (len(rack.machine("n1").writes), rack.machine("n1").power_actions) == (2, 0)


def test_a_machine_stuck_off_takes_the_order_and_stays_off(client, rack):
    rack.set_fault("n1", Fault.POWER_STUCK_OFF)
    assert client.call("POST", RESET, {"ResetType": "On"}).status == 204
    assert client.call("GET", SYSTEM).body["PowerState"] == "Off"


def test_a_capture_is_served_as_it_was_but_for_power_and_boot(rack_of, machine_of, tmp_path):
    tree = tmp_path / "capture" / "redfish" / "v1"
    system = {
        "@odata.id": "/redfish/v1/Systems/Self",
        "PowerState": "On",
        "Model": "Captured",
        "Boot": {"BootSourceOverrideTarget": "Usb", "BootOrder": ["Boot0001"]},
        "Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/Self/Actions/Reset/"}},
    }
    system["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] = ["On"]
    for path, body in {"": {"@odata.id": "/redfish/v1/"}, "Systems/Self": system}.items():
        (tree / path).mkdir(parents=True, exist_ok=True)
        (tree / path / "index.json").write_text(json.dumps(body))
    rack = rack_of(machine_of(1, bmc={"tree": str(tmp_path / "capture")}))
    client = Client(str(rack.machine("n1").spec.bmc.address))
    told = client.call("GET", "/redfish/v1/Systems/Self").body
    assert (told["Model"], told["PowerState"], told["Boot"]["BootOrder"]) == ("Captured", "Off", ["Boot0001"])
    assert told["Boot"]["BootSourceOverrideTarget"] == "None"
    assert client.call("POST", "/redfish/v1/Systems/Self/Actions/Reset", {"ResetType": "ForceOff"}).status == 400
    assert client.call("POST", "/redfish/v1/Systems/Self/Actions/Reset", {"ResetType": "On"}).status == 204
    assert rack.machine("n1").power_actions == 1
