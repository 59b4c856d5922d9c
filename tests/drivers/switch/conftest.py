"""A switch that speaks eAPI on the loopback, from Arista's manual: a command line with sessions, and its faults."""

import difflib
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.patience import Patience
from drivers.switch.eos import Eos
from drivers.trust import Trust
from inventory.address import HostPort
from inventory.secrets import Login, Secret

PASSWORD = "s3cret-of-the-switch"
QUICK = Patience(
    connect=timedelta(seconds=5),
    answer=timedelta(seconds=5),
    settle=timedelta(seconds=1),
    steady=timedelta(seconds=1),
    poll=timedelta(milliseconds=100),
)
# A line that begins so takes the place of another that does; in the order of the longest first.
KEYS = (
    "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
    "spanning-tree portfast", "port-channel lacp fallback", "channel-group", "description", "mtu", "name", "shutdown",
    "switchport",
)  # fmt: skip
DEFAULTS = ("switchport mode access", "switchport access vlan 1", "switchport trunk native vlan 1", "switchport")


class Invalid(Exception):
    pass


@dataclass
class Faults:
    """`lose_answer`: to a command that begins so, once carried out. `deaf`: after a commit, until it is undone."""

    syntax: str = "4.32"
    lose_answer: str = ""
    deaf: bool = False
    undoes_confirmed: bool = False
    starts_no_timer: bool = False
    ignores_lines: bool = False
    saves_nothing: bool = False
    rejects: str = ""
    refuse_logins: int = 0
    cut_bodies: int = 0
    unready: int = 0
    touches_too: str = ""


@dataclass
class EosBox:
    """Its configuration is a mapping of stanzas; a session is a copy of it, as the manual has it."""

    running: dict[str, list[str]]
    startup: dict[str, list[str]] = field(default_factory=dict)
    sessions: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    timed: str | None = None
    ends: float = 0.0
    before: dict[str, list[str]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    heard: list[str] = field(default_factory=list)
    serial: str = "SSJ17115862"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> None:
        if self.timed is not None and time.monotonic() >= self.ends:
            self.undo()

    def undo(self) -> None:
        self.running = self.before
        self.timed = None

    def reload(self) -> None:
        self.running, self.sessions, self.timed = copied(self.startup), {}, None

    def run(self, command: str, style: str, at: list[str]) -> dict:
        """One command; `at` holds the session and the stanza that the ones before it in this request entered."""
        self.heard.append(command)
        words = command.split()
        if self.faults.rejects and self.faults.rejects in command:
            raise Invalid(f"Invalid input (at token 0: '{words[0]}')")
        if words[:2] == ["configure", "session"]:
            return self.session(words[2], words[3:], at)
        if at:
            return self.configure(command, at)
        return self.tables(command) if style == "json" else {"output": self.terminal(command)}

    def terminal(self, command: str) -> str:
        told = {"show running-config": self.running, "show startup-config": self.startup}
        if command in told:
            return f"! Command: {command}\n! device: leaf1 (DCS-7050TX3, EOS-4.32.2F)\n!\n{text(told[command])}"
        if command.startswith("show session-config named "):
            return self.shown(command.split()[3], diffs=command.endswith("diffs"))
        if command == "write memory":
            if not self.faults.saves_nothing:
                self.startup = copied(self.running)
            return "Copy completed successfully.\n"
        if command == "enable":
            return ""
        raise Invalid(f"Invalid input (at token 1: '{command}')")

    def session(self, name: str, words: list[str], at: list[str]) -> dict:
        if words[:1] == ["abort"]:
            if name == self.timed:
                self.undo()
            elif self.sessions.pop(name, None) is None:
                raise Invalid(f"Cannot abort session {name}")
            return {}
        if words[:1] == ["commit"]:
            return self.commit(name, words[1:])
        self.sessions.setdefault(name, copied(self.running))
        at[:] = [name, ""]
        return {}

    def commit(self, name: str, words: list[str]) -> dict:
        if name == self.timed:
            self.timed = None
            if self.faults.undoes_confirmed:
                self.running = self.before
            return {}
        if name not in self.sessions:
            raise Invalid(f"Cannot commit session {name}")
        self.before, self.running = self.running, self.sessions.pop(name)
        self.done[name] = "committed"
        if words[:1] == ["timer"] and not self.faults.starts_no_timer:
            hours, minutes, seconds = map(int, words[1].split(":"))
            self.timed, self.ends = name, time.monotonic() + hours * 3600 + minutes * 60 + seconds
        return {}

    def configure(self, command: str, at: list[str]) -> dict:
        if command == "end":
            at.clear()
        elif re.match(r"(interface|vlan) \S+$", command):
            at[1] = command
            self.sessions[at[0]].setdefault(command, [])
        elif not self.faults.ignores_lines:
            changed(self.sessions[at[0]], at[1], command)
            if self.faults.touches_too:
                changed(self.sessions[at[0]], self.faults.touches_too, "shutdown")
        return {}

    def shown(self, name: str, *, diffs: bool) -> str:
        if name not in self.sessions:
            raise Invalid(f"Session {name} does not exist")
        now, then = text(self.running).splitlines(), text(self.sessions[name]).splitlines()
        if not diffs:
            return "\n".join(then) + "\n"
        heads = ("system:/running-config", f"session:/{name}-session-config")
        return "\n".join(difflib.unified_diff(now, then, *heads, lineterm="")) + "\n"

    def tables(self, command: str) -> dict:
        ports = [head.split()[1] for head in self.running if head.startswith("interface Ethernet")]
        answers = {
            "enable": {},
            "show version": {"mfgName": "Arista", "modelName": "DCS-7050TX3-48C8-R", "version": "4.32.2F",
                             "serialNumber": self.serial, "uptime": 3600.5},
            "show hostname": {"hostname": "leaf1", "fqdn": "leaf1.example.test"},
            "show vlan": {"vlans": {head.split()[1]: {"name": " ".join(lines).removeprefix("name ")}
                                    for head, lines in self.running.items() if head.startswith("vlan ")}},
            "show interfaces": {"interfaces": {port: {"name": port, "interfaceStatus": "connected", "mtu": 9214,
                                                      "lineProtocolStatus": "up", "bandwidth": 25000000000,
                                                      "lanes": 1} for port in ports}},
            "show lldp neighbors detail": {"lldpNeighbors": {}},
            "show mac address-table": {"unicastTable": {"tableEntries": []}},
            "show port-channel detailed": {"portChannels": self.channels()},
            "show lacp neighbor": {"portChannels": {}},
            "show configuration sessions detail": self.told_sessions(),
        }  # fmt: skip
        if command not in answers:
            raise Invalid(f"Invalid input (at token 1: '{command}')")
        return answers[command]

    def channels(self) -> dict:
        found: dict = {}
        for head, lines in self.running.items():
            for line in lines:
                if line.startswith("channel-group "):
                    channel = found.setdefault(
                        f"Port-Channel{line.split()[1]}", {"activePorts": {}, "inactivePorts": {}}
                    )
                    channel["inactivePorts"][head.split()[1]] = {"reasonUnconfigured": "waiting for LACP response"}
        return found

    def told_sessions(self) -> dict:
        new = self.faults.syntax >= "4.32"
        told: dict = {"sessions": {name: {"state": "pending", "instances": {}} for name in self.sessions},
                      "maxSavedSessions": 1, "maxOpenSessions": 5, "saveToStartupConfigOnCommit": False}  # fmt: skip
        for name, state in self.done.items():
            waits = name == self.timed and not new
            told["sessions"][name] = {"state": "pendingCommitTimer" if waits else state, "instances": {}}
        if new and self.timed is not None:
            told |= {"commitTimerSessionName": self.timed, "commitTimerExpireTime": 4000.0}
        return told


def copied(config: dict[str, list[str]]) -> dict[str, list[str]]:
    return {head: list(lines) for head, lines in config.items()}


def text(config: dict[str, list[str]]) -> str:
    stanzas = ("\n".join([head, *(f"   {line}" for line in lines)]) for head, lines in sorted(config.items()))
    return "\n!\n".join(stanzas) + "\n!\nend\n"


def changed(config: dict[str, list[str]], head: str, command: str) -> None:
    """One line under a stanza, as a command line takes it: `no` and defaults leave nothing behind."""
    lines = config.setdefault(head, [])
    bare = command.removeprefix("no ")
    key = next((key for key in KEYS if bare == key or bare.startswith(f"{key} ")), bare)
    lines[:] = [line for line in lines if not (line == key or line.startswith(f"{key} ")) or (key == "switchport")]
    if not command.startswith("no ") and command not in DEFAULTS:
        lines.append(command)
        lines.sort()
    if key == "channel-group" and command == bare:
        config.setdefault(f"interface Port-Channel{command.split()[1]}", [])


def answer(box: EosBox, asked: dict) -> dict:
    commands, results, at = asked["params"]["cmds"], [], []
    for count, command in enumerate(commands, 1):
        try:
            results.append(box.run(command, asked["params"]["format"], at))
        except Invalid as error:
            says = f"CLI command {count} of {len(commands)} '{command}' failed: invalid command"
            data = [*({} for _ in results), {"errors": [str(error)]}]
            return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": 1002, "message": says, "data": data}}
    return {"jsonrpc": "2.0", "id": asked["id"], "result": results}


class Speaker(BaseHTTPRequestHandler):
    def __init__(self, box: EosBox, *rest: object) -> None:
        self.box = box
        super().__init__(*rest)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.box.lock:
            self.box.tick()
            faults = self.box.faults
            if faults.deaf and self.box.timed is not None:
                self.close_connection = True
                return
            if faults.refuse_logins or "Basic" not in self.headers.get("Authorization", ""):
                faults.refuse_logins -= 1
                self.say(401, b"Unauthorized")
                return
            if faults.unready:
                faults.unready -= 1
                self.say(503, b"")
                return
            told = answer(self.box, asked)
        if faults.lose_answer and any(str(one).startswith(faults.lose_answer) for one in asked["params"]["cmds"]):
            faults.lose_answer = ""
            return
        self.say(200, json.dumps(told).encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.box.faults.cut_bodies and status == 200:
            self.box.faults.cut_bodies -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def self_signed(room: Path) -> Path:
    """A self-signed certificate with its key, for the loopback."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf1")])
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
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = room / f"{made.serial_number}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class FirstMet:
    """Pins in memory."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def fingerprint(self, address: str) -> str | None:
        return self.known.get(address)

    def pin(self, address: str, fingerprint: str) -> None:
        self.known.setdefault(address, fingerprint)


@dataclass(frozen=True)
class Bench:
    """A box and the way to it."""

    box: EosBox
    address: HostPort
    trust: Trust
    certificate: Path
    login: Login = field(default_factory=lambda: Login("admin", Secret(PASSWORD)))

    @contextmanager
    def session(self) -> Iterator[Eos]:
        with closing(Eos.connect(self.address, self.login, self.trust, QUICK)) as switch:
            yield switch

    def trusting(self, **how: object) -> "Bench":
        return replace(self, trust=replace(self.trust, **how))


def new_box() -> EosBox:
    running: dict[str, list[str]] = {"hostname leaf1": [], "vlan 1": [], "vlan 100": ["name provision"]}
    running |= {f"interface Ethernet{at}": [] for at in range(1, 9)}
    running |= {
        "interface Ethernet49/1": ["description to spine1", "switchport mode trunk"],
        "interface Management1": [],
    }
    return EosBox(running, copied(running))


@contextmanager
def served(box: EosBox, certificate: Path) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Speaker, box))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def box() -> EosBox:
    return new_box()


@pytest.fixture
def bench(box: EosBox, tmp_path: Path) -> Iterator[Bench]:
    certificate = self_signed(tmp_path)
    with served(box, certificate) as port:
        yield Bench(box, HostPort("127.0.0.1", port), Trust(FirstMet()), certificate)


@pytest.fixture
def quick() -> Patience:
    return QUICK


@pytest.fixture
def another_certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path)
