"""A switch that speaks NETCONF over SSH on the loopback, from Juniper's documentation: one shared candidate, a lock."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from xml.etree import ElementTree as Tree

import paramiko
import pytest

from drivers.patience import Patience
from drivers.switch.junos import Junos
from inventory.address import HostPort
from inventory.secrets import Secret

PASSWORD = "s3cret-of-the-switch"
QUICK = Patience(
    connect=timedelta(seconds=5), answer=timedelta(seconds=5), settle=timedelta(seconds=1),
    steady=timedelta(seconds=1), poll=timedelta(milliseconds=100),
)  # fmt: skip
END = b"]]>]]>"
CAPABLE = "".join(
    f"<capability>{one}</capability>"
    for one in ("urn:ietf:params:netconf:base:1.0", "http://xml.juniper.net/netconf/junos/1.0")
)
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
HELLO = f'<hello xmlns="{BASE}"><capabilities>{CAPABLE}</capabilities><session-id>7</session-id></hello>'
KEYED = {"interfaces": "interface", "vlans": "vlan"}
VALUED = ("description", "mtu", "vlan-id", "native-vlan-id", "interface-mode", "members")


class Refusal(Exception):
    pass


@dataclass
class JunosBox:
    """Its configuration is the lines of `show configuration | display set`, in order."""

    running: list[str]
    candidate: list[str] = field(default_factory=list)
    owner: object = None
    history: list[tuple[str, str, list[str]]] = field(default_factory=list)
    ends: float | None = None
    deaf: bool = False
    lose_commit: bool = False
    rejects: str = ""
    logins: int = 0
    open: int = 0
    idle: threading.Event = field(default_factory=threading.Event)
    heard: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def tick(self) -> None:
        if self.ends is not None and time.monotonic() >= self.ends:
            self.ends = None
            before = self.history[0][2]
            self.history.insert(0, ("", "rolled back", self.running))
            self.running, self.candidate = list(before), list(before)

    def answer(self, rpc: Tree.Element, session: object) -> str:
        asked = next(iter(rpc))
        self.heard.append(asked.tag)
        told = getattr(self, asked.tag.replace("-", "_"), None)
        if told is None:
            raise Refusal("syntax error")
        return told(asked, session)

    def lock_configuration(self, _: Tree.Element, session: object) -> str:
        if self.owner not in (None, session):
            raise Refusal("configuration database locked by: root terminal p0 (pid 4711)")
        if self.owner is None and self.candidate != self.running:
            raise Refusal("configuration database modified")
        self.owner = session
        return "<ok/>"

    def unlock_configuration(self, _: Tree.Element, session: object) -> str:
        self.owner = None
        return "<ok/>"

    def close_session(self, _: Tree.Element, session: object) -> str:
        return "<ok/>"

    def load_configuration(self, asked: Tree.Element, session: object) -> str:
        back = asked.get("rollback")
        if back is not None:
            self.candidate = list(self.running if back == "0" else self.history[int(back) - 1][2])
            return "<load-configuration-results><ok/></load-configuration-results>"
        for line in (asked.findtext("configuration-set") or "").strip().splitlines():
            if self.rejects and self.rejects in line:
                raise Refusal(f"syntax error: {line}")
            verb, _, path = line.strip().partition(" ")
            if verb == "delete":
                self.candidate = [one for one in self.candidate if one != path and not one.startswith(f"{path} ")]
            elif path not in self.candidate:
                keep = re.match(r"(.* (?:mtu|description|interface-mode|native-vlan-id)) ", path)
                self.candidate = [one for one in self.candidate if not (keep and one.startswith(f"{keep[1]} "))] + [
                    path
                ]
        return "<load-configuration-results><ok/></load-configuration-results>"

    def commit_configuration(self, asked: Tree.Element, session: object) -> str:
        minutes = asked.findtext("confirm-timeout")
        said = f"commit confirmed, rollback in {minutes}mins" if asked.find("confirmed") is not None else ""
        self.history.insert(0, (asked.findtext("log") or "", said, self.running))
        self.running, self.ends = list(self.candidate), None
        if said:
            self.ends = time.monotonic() + int(minutes or 10) * 60
        return "<commit-results/><ok/>"

    def get_configuration(self, asked: Tree.Element, session: object) -> str:
        if asked.get("compare") == "rollback":
            told = "\n".join(diff(self.running, self.candidate))
            return within("configuration-information", "configuration-output", told or "\n")
        if asked.get("format") == "set":
            return f"<configuration-set>\n{chr(10).join(f'set {line}' for line in self.running)}\n</configuration-set>"
        return Tree.tostring(as_xml(self.running), encoding="unicode")

    def get_software_information(self, *_: object) -> str:
        model = "<host-name>leaf3</host-name><product-model>qfx5120-48y</product-model>"
        return f"<software-information>{model}<junos-version>20.4R3</junos-version></software-information>"

    def get_chassis_inventory(self, *_: object) -> str:
        return within("chassis-inventory", "chassis", "<serial-number>XH3119340123</serial-number>")

    def get_system_uptime_information(self, *_: object) -> str:
        return within(
            "system-uptime-information", "system-booted-time", '<time-length seconds="3600">1:00</time-length>'
        )

    def get_interface_information(self, *_: object) -> str:
        ports = "".join(
            f"<physical-interface><name>xe-0/0/{at}</name><admin-status>up</admin-status><oper-status>up</oper-status>"
            f"<speed>10Gbps</speed><mtu>1514</mtu></physical-interface>"
            for at in range(8)
        )
        return f"<interface-information>{ports}</interface-information>"

    def get_lldp_neighbors_information(self, *_: object) -> str:
        return (
            "<lldp-neighbors-information><lldp-neighbor-information><lldp-local-port-id>xe-0/0/1</lldp-local-port-id>"
            "</lldp-neighbor-information></lldp-neighbors-information>"
        )

    def command(self, asked: Tree.Element, session: object) -> str:
        answers = {
            "show system commit": self.commits,
            "show vlans": self.vlans,
            "show lacp interfaces": lambda: "<lacp-interface-information-list/>",
            "show ethernet-switching table": lambda: "<l2ng-l2ald-rtb-macdb/>",
            "show lldp neighbors interface xe-0/0/1": lambda: (
                "<lldp-neighbors-information><lldp-neighbor-information>"
                "<lldp-local-interface>xe-0/0/1</lldp-local-interface>"
                "<lldp-remote-port-id-subtype>Mac address</lldp-remote-port-id-subtype>"
                "<lldp-remote-port-id>3c:ec:ef:10:20:30</lldp-remote-port-id>"
                "</lldp-neighbor-information></lldp-neighbors-information>"
            ),
        }
        return answers[asked.text or ""]()

    def commits(self) -> str:
        rows = "".join(
            f"<commit-history><sequence-number>{at}</sequence-number><user>admin</user><client>netconf</client>"
            f"<log>{log}</log><comment>{said}</comment></commit-history>"
            for at, (log, said, _) in enumerate(self.history[:49])
        )
        return f"<commit-information>{rows}</commit-information>"

    def vlans(self) -> str:
        found = [line.split() for line in self.running if re.match(r"vlans \S+ vlan-id", line)]
        groups = "".join(
            f"<l2ng-l2ald-vlan-instance-group><l2ng-l2rtb-vlan-name>{words[1]}</l2ng-l2rtb-vlan-name>"
            f"<l2ng-l2rtb-vlan-tag>{words[3]}</l2ng-l2rtb-vlan-tag></l2ng-l2ald-vlan-instance-group>"
            for words in found
        )
        return f"<l2ng-l2ald-vlan-instance-information>{groups}</l2ng-l2ald-vlan-instance-information>"


def within(outer: str, inner: str, told: str) -> str:
    return f"<{outer}><{inner}>{told}</{inner}></{outer}>"


def diff(now: list[str], then: list[str]) -> Iterator[str]:
    """As `show | compare`: what an interface has under its own head, one that comes or goes under `interfaces`."""
    for sign, lines, others in (("-", now, then), ("+", then, now)):
        for line in lines:
            if line in others:
                continue
            top, name, *rest = line.split()
            if any(one.startswith(f"{top} {name} ") for one in others):
                yield from (f"[edit {top} {name}]", f"{sign}   {' '.join(rest)};")
            elif top == "protocols":
                yield from (
                    "[edit protocols rstp]",
                    f"{sign}    interface {rest[1]} {{",
                    f"{sign}        edge;",
                    f"{sign}    }}",
                )
            else:
                yield from (f"[edit {top}]", f"{sign}   {name} {{", f"{sign}       {' '.join(rest)};", f"{sign}   }}")


def as_xml(lines: list[str]) -> Tree.Element:
    root = Tree.Element("configuration")
    for line in lines:
        words = [one.strip('"') for one in re.findall(r'"[^"]*"|\S+', line)]
        at, place = root, 0
        while place < len(words):
            word = words[place]
            if word in VALUED:
                Tree.SubElement(at, word).text = words[place + 1]
                break
            if word == "802.3ad":
                Tree.SubElement(Tree.SubElement(at, "ieee-802.3ad"), "bundle").text = words[place + 1]
                break
            listed = KEYED.get(word) if at is root else (word if word in ("unit", "interface") else None)
            at = at if listed == word else child(at, word)
            if listed is not None:
                place += 1
                at = keyed(at, listed, words[place])
            place += 1
    return root


def child(at: Tree.Element, tag: str) -> Tree.Element:
    found = at.find(tag)
    return Tree.SubElement(at, tag) if found is None else found


def keyed(at: Tree.Element, tag: str, name: str) -> Tree.Element:
    for one in at.findall(tag):
        if one.findtext("name") == name:
            return one
    made = Tree.SubElement(at, tag)
    Tree.SubElement(made, "name").text = name
    return made


class Door(paramiko.ServerInterface):
    def __init__(self, box: JunosBox) -> None:
        self.box = box

    def check_auth_password(self, username: str, password: str) -> int:
        self.box.logins += 1
        return paramiko.AUTH_SUCCESSFUL if (username, password) == ("admin", PASSWORD) else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        threading.Thread(target=converse, args=(self.box, channel), daemon=True).start()
        return name == "netconf"


def converse(box: JunosBox, channel: paramiko.Channel) -> None:
    session, held = object(), b""
    with box.lock:
        box.open += 1
        box.idle.clear()
    try:
        channel.sendall(HELLO.encode() + END)
        while some := channel.recv(65536):
            *messages, held = (held + some).split(END)
            for message in messages:
                if not said(box, channel, message.decode(), session):
                    return
    finally:
        with box.lock:
            box.open -= 1
            if not box.open:
                box.idle.set()
            if box.owner is session:
                box.owner, box.candidate = None, list(box.running)
        channel.close()


def said(box: JunosBox, channel: paramiko.Channel, message: str, session: object) -> bool:
    rpc = Tree.fromstring(re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"|(?<=<)nc:|(?<=</)nc:", "", message.strip()))  # noqa: S314  of our own
    if rpc.tag == "hello":
        return True
    with box.lock:
        box.tick()
        if box.deaf and box.ends is not None:
            return False
        try:
            body = box.answer(rpc, session)
        except Refusal as error:
            body = (
                "<rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag>"
                f"<error-severity>error</error-severity><error-message>{error}</error-message></rpc-error>"
            )
    if box.lose_commit and next(iter(rpc)).tag == "commit-configuration":
        box.lose_commit = False
        return False
    spaces = f'xmlns="{BASE}" xmlns:junos="http://xml.juniper.net/junos/20.4R3/junos"'
    told = f'<rpc-reply {spaces} message-id="{rpc.get("message-id")}">{body}</rpc-reply>'
    channel.sendall(told.encode() + END)
    return next(iter(rpc)).tag != "close-session"


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
    box: JunosBox
    address: HostPort
    pins: FirstMet
    password: Secret

    @contextmanager
    def session(self) -> Iterator[Junos]:
        with closing(Junos.connect(self.address, "admin", (self.password, None), self.pins, QUICK)) as switch:
            yield switch


@pytest.fixture
def box() -> JunosBox:
    running = [
        "system host-name leaf3",
        "interfaces xe-0/0/7 description to-spine1",
        "interfaces xe-0/0/7 unit 0 family ethernet-switching interface-mode trunk",
        "interfaces xe-0/0/7 unit 0 family ethernet-switching vlan members all",
        "vlans provision vlan-id 100",
    ]
    return JunosBox(running, list(running))


@pytest.fixture
def bench(box: JunosBox) -> Iterator[Bench]:
    listening = socket.create_server(("127.0.0.1", 0))
    key = paramiko.ECDSAKey.generate()
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                near, _ = listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(near)
            transport.add_server_key(key)
            with box.lock:
                try:
                    transport.start_server(server=Door(box), event=threading.Event())
                except (paramiko.SSHException, EOFError):
                    transport.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield Bench(box, HostPort("127.0.0.1", listening.getsockname()[1]), FirstMet(), Secret(PASSWORD))
    finally:
        ended.set()
        listening.close()
