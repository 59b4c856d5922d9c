"""Twins on loopback addresses of their own, and a desk that plays the orchestrator from the written protocol alone."""

import base64
import contextlib
import gzip
import io
import itertools
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx
import pycdlib
import pytest

from drivers.virtual.twin.certificates import public_part, self_signed, server_context_once
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.stand_in import write
from drivers.virtual.twin.states import Stage
from drivers.virtual.twin.twin import Twin

UUID = "13755398-4c85-4189-82c9-54a9e249d962"
TOKEN = "-x2j71oX9z8EqH1po0rRVcpadgCyjT90lKpFZqGdZu2f"
COUNT = itertools.count(1)


@pytest.fixture
def subnet():
    """The first three octets of 254 loopback addresses that no other test has, nor another worker."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"127.{100 + worker}.{next(COUNT) % 250}"


@pytest.fixture
def within():
    """Wait until something is so, and give it back."""

    def wait(claim: Callable[[], object], seconds: float = 20.0):
        end = time.monotonic() + seconds
        while not (told := claim()):
            assert time.monotonic() < end, f"not within {seconds:.0f} s"
            threading.Event().wait(0.01)
        return told

    return wait


@dataclass
class Heard:
    """One request, and who sent it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: object
    source: str


@dataclass
class Desk:
    """Answers what ipa-protocol.md section 1 says. `refuse` maps a path to statuses that are answered first."""

    http: str
    https: str
    ca: str
    files: dict[str, bytes] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, list[int]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    hints: dict[str, object] = field(default_factory=dict)
    token_given: bool = False

    def requests(self, path: str) -> list[Heard]:
        return [one for one in list(self.heard) if one.path == path]

    def heartbeats(self) -> list[Heard]:
        return self.requests(f"/v1/heartbeat/{UUID}")

    def agent_script(self, mac: str, more: str = "") -> None:
        """Have this NIC boot the ramdisk."""
        self.scripts[mac] = (
            f"#!ipxe\nset base {self.http}\n"
            f"kernel --name kernel ${{base}}/vmlinuz initrd=site.cpio initrd=initramfs ipa-api-url={self.https} "
            "ipa-inspection-collectors=default,lldp,anneal-disks BOOTIF=01-${net0/mac:hexhyp} "
            f"ipa-global-request-id=req-11111111-2222-3333-4444-555555555555 {more}|| goto failed\n"
            "initrd --name site.cpio ${base}/site.cpio || goto failed\n"
            "initrd --name initramfs ${base}/initramfs || goto failed\n"
            "boot || goto failed\n:failed\necho it failed\nexit 1\n"
        )

    def answer(self, heard: Heard) -> tuple[int, object]:
        refused = self.refuse.get(heard.path)
        if refused:
            return refused.pop(0), {"error_message": {"faultstring": "not now"}}
        match heard.method, heard.path.strip("/").split("/"):
            case "GET", [""]:
                told = 200, {"name": "desk", "default_version": {"id": "v1", "version": "1.68"}}
            case "POST", ["v1", "continue_inspection"]:
                told = 202, {"uuid": UUID}
            case "GET", ["v1", "lookup"]:
                told = 200, self.lookup()
            case "POST", ["v1", "heartbeat", _] if heard.body["agent_token"] == TOKEN:
                told = 202, None
            case "POST", ["v1", "heartbeat", _]:
                told = 401, {"error_message": {"faultstring": "Agent token invalid"}}
            case "POST", ["phone-home", "good"]:
                told = 200, {}
            case _:
                told = 404, {"error": "no such thing"}
        return told

    def lookup(self) -> object:
        token, self.token_given = ("******" if self.token_given else TOKEN), True
        node = {"uuid": UUID, "properties": {}, "instance_info": {}, "driver_internal_info": {}}
        if self.hints:
            node["instance_info"] = {"root_device": self.hints}
        return {"node": node, "config": {"heartbeat_timeout": 60, "agent_token": token, "agent_token_required": True}}


class Handler(BaseHTTPRequestHandler):
    """`desk` is set on a subclass of each test's own."""

    protocol_version = "HTTP/1.1"
    desk: Desk

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_GET(self) -> None:
        desk, parts = self.desk, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw) if raw else None
        heard = Heard(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, self.client_address[0])
        desk.heard.append(heard)
        mac, name = parts.path.removeprefix("/boot/"), parts.path.lstrip("/")
        if mac in desk.scripts:
            self.send(200, desk.scripts[mac].encode(), {})
        elif name in desk.files and not desk.refuse.get(parts.path):
            self.file(desk.files[name])
        else:
            status, told = desk.answer(heard)
            self.send(status, b"" if told is None else json.dumps(told).encode(), {})

    def do_POST(self) -> None:
        self.do_GET()

    def file(self, content: bytes) -> None:
        asked = self.headers.get("Range")
        if asked is None:
            return self.send(200, content, {})
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(content)), len(content) - 1)
        told = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
        return self.send(206, content[start : end + 1], told)

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)


def cpio(files: dict[str, bytes]) -> bytes:
    """A newc archive (buffer-format.rst)."""
    archive = b""
    for number, (name, content) in enumerate({**files, "TRAILER!!!": b""}.items(), 1):
        mode = 0o100644 if name in files else 0
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        entry = b"070701" + b"".join(b"%08x" % value for value in fields) + name.encode() + b"\0"
        entry += b"\0" * (-len(entry) % 4)
        archive += entry + content + b"\0" * (-len(content) % 4)
    return archive.ljust(-(-len(archive) // 512) * 512, b"\0")


@pytest.fixture
def desk(subnet, tmp_path):
    host = f"{subnet}.250"
    pem = self_signed("desk", host, "p256", timedelta(days=1))
    desk = Desk(f"http://{host}:18080", f"https://{host}:18443", public_part(pem))
    write(tmp_path / "stand-in")
    for name in ("vmlinuz", "initramfs", "disk.raw"):
        desk.files[name] = (tmp_path / "stand-in" / name).read_bytes()
    conf = b"[DEFAULT]\ncafile = /etc/ironic-python-agent/ca.pem\n"
    desk.files["site.cpio"] = cpio(
        {"etc/ironic-python-agent/ca.pem": desk.ca.encode(), "etc/ironic-python-agent.d/anneal.conf": conf}
    )
    handler = type("DeskHandler", (Handler,), {"desk": desk})
    servers = [ThreadingHTTPServer((host, port), handler) for port in (18080, 18443)]
    servers[1].socket = server_context_once(pem).wrap_socket(servers[1].socket, server_side=True)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in servers]
    for thread in threads:
        thread.start()
    yield desk
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def machine_of(subnet):
    """The body of one machine in a twin file: n1, n2, ..."""

    def body(number: int = 1, **other: object) -> dict[str, object]:
        bmc = {
            "protocol": "redfish",
            "address": f"{subnet}.{100 + number}:8443",
            "user": "admin",
            "password": "Canary-1",
        }
        return {
            "name": f"n{number}",
            "serial": f"SN-{number}",
            "bmc": bmc | other.pop("bmc", {}),
            "nics": [
                {
                    "mac": f"52:54:00:01:{number:02x}:00",
                    "address": f"{subnet}.{number}",
                    "cable": f"sw1:swp{number}",
                    "network": "provisioning",
                },
                {"mac": f"52:54:00:01:{number:02x}:01", "cable": f"sw2:swp{number}", "network": "storage"},
            ],
            "disks": [{"serial": f"DISK-{number}", "gib": 40}],
            **other,
        }

    return body


@pytest.fixture
def rack_of(subnet, tmp_path) -> Iterator[Callable[..., Twin]]:
    """Start a twin of these machines without lags; at the end it is stopped, and what broke in it fails the test."""
    twins = []

    def start(*machines: dict[str, object], **other: object) -> Twin:
        networks = {"provisioning": {"gateway": f"{subnet}.250"}, "storage": {"mtu": 9216}}
        spec = {
            "name": "rack",
            "speed": 0,
            "boot": {"http": f"http://{subnet}.250:18080/boot/{{mac}}"},
            "networks": networks,
            "machines": machines,
            **other,
        }
        twin = Twin(TwinSpec.model_validate(spec), tmp_path / "state")
        twins.append(twin)
        twin.start()
        return twin

    yield start
    for twin in twins:
        twin.stop()
        broken = [says for machine in twin.machines.values() for says in machine.complaints if says[:5] == "twin:"]
        assert broken == []


@pytest.fixture
def trusting():
    """A TLS context that trusts exactly this certificate."""

    def context(pem: str) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=pem)

    return context


def drive(user_data: str, network: object, label: str = "config-2", *, joliet: bool = False) -> str:
    """A config drive as an agent is sent it."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, vol_ident=label, **({"joliet": 3} if joliet else {"rock_ridge": "1.09"}))

    def where(short: str, long: str) -> dict[str, str]:
        name = long.rpartition("/")[2]
        return {"iso_path": short, **({"joliet_path": long} if joliet else {"rr_name": name})}

    image.add_directory(**where("/OPENSTAC", "/openstack"))
    image.add_directory(**where("/OPENSTAC/LATEST", "/openstack/latest"))
    contents = {
        "meta_data.json": json.dumps({"uuid": "instance-1", "hostname": "n1.example.test"}),
        "network_data.json": json.dumps(network),
        "user_data": user_data,
    }
    for number, (name, text) in enumerate(contents.items()):
        raw = text.encode()
        place = where(f"/OPENSTAC/LATEST/FILE{number}.;1", f"/openstack/latest/{name}")
        image.add_fp(io.BytesIO(raw), len(raw), **place)
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return base64.b64encode(gzip.compress(out.getvalue())).decode()


@pytest.fixture
def config_drive():
    return drive


@dataclass
class Bmc:
    """One simulated BMC heard over TLS by httpx, which knows nothing of it but its certificate and its login."""

    twin: Twin
    machine: object
    address: str
    auth: tuple[str, str] | None = ("admin", "Canary-1")

    def client(self, **more: object) -> httpx.Client:
        host, _, port = self.address.partition(":")
        context = ssl.create_default_context(cadata=ssl.get_server_certificate((host, int(port))))
        return httpx.Client(base_url=f"https://{self.address}", verify=context, timeout=10, auth=self.auth, **more)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One request on a connection of its own. `If_Match` stands for If-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.client() as client:
            raw = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
            return client.request(method, path, headers=sent, **raw)

    def get(self, path: str) -> dict[str, object]:
        reply = self.call("GET", path)
        assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text}"
        return reply.json()

    def post(self, path: str, body: object = None) -> httpx.Response:
        return self.call("POST", path, {} if body is None else body)

    def patch(self, path: str, body: object) -> httpx.Response:
        """With the ETag that a read before it gave."""
        tag = self.call("GET", path).headers.get("etag")
        return self.call("PATCH", path, body, **({"If_Match": tag} if tag else {}))

    def at(self, *names: str) -> str:
        """Where links lead from the root, by their names; `0` is the first member."""
        path = "/redfish/v1/"
        for name in names:
            told = self.get(path)
            for key in name.split("."):
                told = told["Members" if key.isdigit() else key]
                told = told[int(key)] if key.isdigit() else told[0] if isinstance(told, list) else told
            path = told["@odata.id"]
        return path

    @property
    def system(self) -> str:
        return self.at("Systems", "0")

    @property
    def manager(self) -> str:
        return self.at("Managers", "0")

    def boots(self, within: Callable[..., object]) -> None:
        """Power on, and wait for the end of POST."""
        self.machine_on()
        within(lambda: self.machine.stage not in (Stage.OFF, Stage.POST))

    def machine_on(self) -> None:
        self.twin.do(self.machine.turn_on)

    def messages(self, reply: httpx.Response) -> str:
        told = reply.json()["error"]["@Message.ExtendedInfo"]
        return " ".join(f"{one['MessageId']} {one['Message']}" for one in (told if isinstance(told, list) else [told]))


@pytest.fixture
def bmc_of(rack_of, machine_of):
    """A BMC of a personality, with quirks and faults."""

    def made(personality: str = "generic", quirks=(), faults=(), speed: float = 0, bmc=None, **machine: object) -> Bmc:
        body = machine_of(
            1, bmc={"personality": personality, **(bmc or {})}, quirks=list(quirks), faults=list(faults), **machine
        )
        twin = rack_of(body, speed=speed)
        one = twin.machine("n1")
        return Bmc(twin, one, str(one.spec.bmc.address))

    return made
