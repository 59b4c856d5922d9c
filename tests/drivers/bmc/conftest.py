"""A small Redfish service over real TLS on the loopback, which keeps what it heard and lies where a test says so."""

import base64
import json
import secrets
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.ability.machine import Machine
from drivers.card import Card
from drivers.catalog import connect
from drivers.patience import Patience
from drivers.redfish.card import probe as redfish_probe
from drivers.redfish.tree import Budget
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret

PASSWORD = "Canary-7f3a"
ROOT = "/redfish/v1/"
SYSTEM = "/redfish/v1/Systems/1"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
QUICK = Patience(
    connect=timedelta(seconds=5),
    answer=timedelta(seconds=2),
    power=timedelta(milliseconds=300),
    post=timedelta(milliseconds=300),
    settle=timedelta(milliseconds=300),
    media=timedelta(milliseconds=300),
    upload=timedelta(seconds=2),
    steady=timedelta(milliseconds=500),
    poll=timedelta(milliseconds=100),
)


def tree() -> dict[str, dict]:
    """A plain rack server, in as few resources as DSP0266 allows."""
    return {
        ROOT: {
            "@odata.id": ROOT,
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "Managers": {"@odata.id": "/redfish/v1/Managers"},
            "SessionService": {"@odata.id": "/redfish/v1/SessionService"},
            "Links": {"Sessions": {"@odata.id": SESSIONS}},
        },
        "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
        "/redfish/v1/Managers": {"Members": [{"@odata.id": "/redfish/v1/Managers/1"}]},
        "/redfish/v1/Managers/1": {"Model": "Plain", "FirmwareVersion": "1.2.3"},
        SYSTEM: {
            "@odata.id": SYSTEM,
            "Id": "1",
            "SystemType": "Physical",
            "Manufacturer": "Anneal",
            "SerialNumber": "SN-7",
            "PowerState": "Off",
            "ProcessorSummary": {"Count": 2},
            "Boot": {
                "BootSourceOverrideEnabled": "Disabled",
                "BootSourceOverrideTarget": "None",
                "BootSourceOverrideMode": "UEFI",
                "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"],
            },
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": RESET,
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "ForceRestart"],
                }
            },
        },
    }


@dataclass(frozen=True)
class Heard:
    """One request as it came in. `token` and `basic` say which way it authenticated."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Reply:
    """One answer. `silent` closes the connection without any; `held` waits until the test is over.

    `raw` speaks for itself: it is called with what sends bytes and the event that ends the test, and then hung up on.
    """

    status: int = 200
    body: dict | bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    held: bool = False
    raw: Callable[[Callable[[bytes], object], threading.Event], None] | None = None


@dataclass
class Lab:
    """The service: change `resources`, queue what it says next in `script`, read what it `heard`.

    `acts` are what it does on a method and path whenever nothing is queued.
    """

    resources: dict[str, dict] = field(default_factory=tree)
    obeys: bool = True
    has_basic: bool = True
    users: dict[str, str] = field(default_factory=lambda: {"admin": PASSWORD})
    heard: list[Heard] = field(default_factory=list)
    script: dict[tuple[str, str], deque[Reply | Callable[[Heard], Reply]]] = field(default_factory=dict)
    acts: dict[tuple[str, str], Callable[[Heard], Reply]] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    made: int = 0
    lookup: Callable[[str], dict | None] | None = None
    port: int = 0
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    over: threading.Event = field(default_factory=threading.Event)
    known: dict[str, str] = field(default_factory=dict)

    def fingerprint(self, address: str) -> str | None:
        return self.known.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self.known.setdefault(address, fingerprint)

    @property
    def bmc(self) -> Bmc:
        address = {"address": f"127.0.0.1:{self.port}", "protocol": "redfish", "user": "admin", "password": "env:X"}
        return Bmc.model_validate(address)

    def connect(self, password: str = PASSWORD, trust: Trust | None = None, serial: str | None = None) -> Machine:
        return self.login(Login("admin", Secret(password)), trust, serial)

    def login(self, login: Login, trust: Trust | None = None, serial: str | None = None) -> Machine:
        return connect(self.bmc, login, trust or Trust(self), serial, QUICK)

    def next(self, method: str, path: str, *replies: Reply | Callable[[Heard], Reply]) -> None:
        self.script.setdefault((method, path), deque()).extend(replies)

    def sent(self, method: str, path: str | None = None) -> list[Heard]:
        return [one for one in self.heard if one.method == method and path in (None, one.path)]

    def answer(self, heard: Heard) -> Reply:
        self.heard.append(heard)
        queued = self.script.get((heard.method, heard.path))
        if queued:
            step = queued.popleft()
            return step if isinstance(step, Reply) else step(heard)
        if heard.method == "POST" and heard.path == SESSIONS:
            return self._log_in(heard)
        if heard.path not in (ROOT, ROOT.rstrip("/")) and not self._lets_in(heard):
            return Reply(401)
        return self.acts.get((heard.method, heard.path), self._obey)(heard)

    def _log_in(self, heard: Heard) -> Reply:
        told = heard.json()
        if self.users.get(told["UserName"], object()) != told["Password"]:
            return Reply(401, error("Base.1.0.NoValidSession", f"no: {heard.body.decode()}"))
        token = secrets.token_hex(8)
        self.live.add(token)
        self.made += 1
        place = f"{SESSIONS}/{token[:4]}"
        self.resources[place] = {"@odata.id": place, "token": token}
        return Reply(201, {"@odata.id": place}, {"X-Auth-Token": token, "Location": place})

    def _lets_in(self, heard: Heard) -> bool:
        pairs = {base64.b64encode(f"{user}:{secret}".encode()).decode() for user, secret in self.users.items()}
        basic = self.has_basic and heard.headers.get("authorization", "").removeprefix("Basic ") in pairs
        return basic or heard.headers.get("x-auth-token") in self.live

    def _obey(self, heard: Heard) -> Reply:
        resource = (self.lookup and self.lookup(heard.path)) or self.resources.get(heard.path)
        match heard.method:
            case "POST" if heard.path == RESET:
                if self.obeys:
                    kind = heard.json()["ResetType"]
                    self.resources[SYSTEM]["PowerState"] = "Off" if kind == "ForceOff" else "On"
                return Reply(204)
            case _ if resource is None:
                return Reply(404, error("Base.1.0.ResourceMissingAtURI", "nothing here"))
            case "GET":
                return Reply(200, resource)
            case "PATCH":
                if self.obeys:
                    merge(resource, heard.json())
                return Reply(200, {})
            case "DELETE":
                self.live.discard(self.resources.pop(heard.path)["token"])
                return Reply(204)
        return Reply(405)


def merge(resource: dict, told: dict) -> None:
    """What a PATCH does: objects member by member, all else as a whole."""
    for key, value in told.items():
        if isinstance(value, dict) and isinstance(resource.get(key), dict):
            merge(resource[key], value)
        else:
            resource[key] = value


def error(code: str, text: str) -> dict:
    return {"error": {"code": code, "@Message.ExtendedInfo": [{"MessageId": code, "Message": text}]}}


def pem(room: Path) -> Path:
    """A self-signed certificate with its key, for the loopback."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path = room / f"{secrets.token_hex(4)}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, form, plain)
    )
    return path


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    wbufsize = -1
    lab: Lab

    def talk(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.lab.answer(Heard(self.command, self.path, headers, body))
        if reply.held:
            self.lab.over.wait(timeout=30)
        if reply.silent:
            self.close_connection = True
            return
        if reply.raw:
            self.close_connection = True
            reply.raw(self.connection.sendall, self.lab.over)
            return
        raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body or {}).encode()
        if reply.status == 204:
            raw = b""
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(raw)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = do_DELETE = talk  # noqa: N815  http.server's names

    def log_message(self, *_what: object) -> None:
        """What it heard is kept in the lab."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: object, _address: object) -> None:
        """A client that breaks off a handshake is what several tests are about."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab()
    made.context.load_cert_chain(pem(tmp_path))
    with _Server(("127.0.0.1", 0), type("Talk", (_Talk,), {"lab": made})) as server:
        server.socket = made.context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            made.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[], Path]:
    """Makes another certificate each time it is called."""
    return lambda: pem(tmp_path)


@pytest.fixture
def quick() -> Patience:
    return QUICK


@pytest.fixture
def card_of() -> Callable[[Lab], Card]:
    """Probes a lab by Redfish, taking any certificate."""

    def card(lab: Lab, patience: Patience = QUICK, **budget: int | timedelta) -> Card:
        login = Login("admin", Secret(PASSWORD))
        return redfish_probe(lab.bmc, login, Trust(lab), patience, Budget(**budget))

    return card


@pytest.fixture
def new_reply() -> type[Reply]:
    return Reply


@pytest.fixture
def refusal() -> Callable[[str, str], dict]:
    """A body as services refuse with: (message id, text)."""
    return error
