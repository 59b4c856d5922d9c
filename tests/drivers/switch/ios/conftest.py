"""A switch with the command line of IOS over SSH on the loopback, from Cisco's guides: lines take effect at once."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import paramiko
import pytest

from drivers.switch.ios import Ios
from drivers.virtual.twin.switch.command_line import copied
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.drivers.switch.conftest import PASSWORD, QUICK, FirstMet

KEYS = (
    "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
    "spanning-tree portfast", "channel-group", "description", "mtu", "name", "shutdown", "switchport",
)  # fmt: skip
DEFAULTS = (
    "switchport mode access",
    "switchport access vlan 1",
    "switchport trunk native vlan 1",
    "switchport",
    "mtu 1500",
)
PATIENT = replace(QUICK, answer=QUICK.answer * 2)
VERSION = """\
Cisco IOS Software [Cupertino], Catalyst, Version 17.9.4a, RELEASE
leaf2 uptime is 2 weeks
Model Number                       : C9500-48Y4C
System Serial Number               : CAT2222L0CD
"""
PORT = "{} is up, line protocol is up (connected)\n  MTU 1500 bytes\n  Full-duplex, 25Gb/s\n"
FILE = "   11  -rw-   5592  Nov 26 2026 10:50:22 +00:00  {}\n"
NEIGHBOURS = """\
Local Intf: Twe1/0/1
Chassis id: 3cec.ef10.2030
Port id: 3cec.ef10.2030

Total entries displayed: 1
"""
INVALID = "             ^\n% Invalid input detected at '^' marker.\n"


@dataclass
class IosBox:
    running: dict[str, list[str]]
    startup: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    archive: bool = True
    ends: float | None = None
    archived: dict[str, list[str]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    rejects: str = "\0"
    hangs_up_after: str = "\0"
    deaf: bool = False
    saves_nothing: bool = False
    old: bool = False
    writes_no_file: bool = False
    logins: int = 0
    open: int = 0
    idle: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def enter(self) -> None:
        with self.lock:
            self.open += 1
            self.idle.clear()

    def leave(self) -> None:
        with self.lock:
            self.open -= 1
            if not self.open:
                self.idle.set()

    def tick(self) -> None:
        if self.ends is not None and time.monotonic() >= self.ends:
            self.running, self.ends = copied(self.archived), None

    def answer(self, line: str) -> str:  # noqa: PLR0911  one for each command
        """In EXEC mode."""
        shown = self.shown()
        if line in shown:
            return shown[line]
        words = line.split()
        if words[:2] == ["copy", "running-config"]:
            return f"Destination filename [{words[2].removeprefix('flash:')}]? "
        if words[:2] == ["configure", "replace"]:
            name = words[2].removeprefix("flash:")
            if name not in self.files:
                return f"%Error opening flash:{name} (No such file or directory)\n"
            self.running = copied(self.files[name])
            return "\nTotal number of passes: 1\nRollback Done\n"
        if line == "configure confirm":
            self.ends = None
            return ""
        if words[:2] == ["delete", "/force"]:
            self.files.pop(words[2].removeprefix("flash:"), None)
            return ""
        if line == "write memory":
            self.startup = self.startup if self.saves_nothing else copied(self.running)
            return "Building configuration...\n[OK]\n"
        return "" if words[:1] in ([], ["terminal"]) else INVALID

    def shown(self) -> dict[str, str]:
        config, startup = text(self.running), text(self.startup)
        archive = (
            "The maximum archive configurations allowed is 10.\n" if self.archive else "Archive feature not enabled\n"
        )
        timer = "%No Rollback Confirmed Change pending\n" if self.ends is None else "Timer value: 2 min\nUser: admin\n"
        return {
            "show running-config": f"Building configuration...\n\nCurrent configuration : 2048 bytes\n!\n{config}",
            "show startup-config": f"Using 2048 out of 2097152 bytes\n!\n{startup}",
            "show version": VERSION,
            "show interfaces": "".join(PORT.format(port) for port in self.named("interface TwentyFive")),
            "show vlan brief": self.vlans(),
            "show etherchannel summary": self.groups(),
            "show lldp neighbors detail": self.neighbours(),
            "show lldp neighbors TwentyFiveGigE1/0/1 detail": self.neighbours(),
            **{
                f"show lldp neighbors TwentyFiveGigE1/0/{at} detail": "Total entries displayed: 0\n"
                for at in range(2, 9)
            },
            "show mac address-table": "          Mac Address Table\n",
            "show archive": archive,
            "show archive config rollback timer": timer,
            "dir flash: | include anneal-": "".join(FILE.format(name) for name in self.files if "anneal-" in name),
        }

    def neighbours(self) -> str:
        return "\n".join(NEIGHBOURS.split("\n")[1:]) if self.old else NEIGHBOURS

    def named(self, begin: str) -> list[str]:
        return [head.split()[1] for head in self.running if head.startswith(begin)]

    def vlans(self) -> str:
        rows = ((vlan, " ".join(self.running[f"vlan {vlan}"]).removeprefix("name ")) for vlan in self.named("vlan "))
        return "VLAN Name    Status    Ports\n" + "".join(
            f"{vlan:<4} {name or 'VLAN'}   active\n" for vlan, name in rows
        )

    def groups(self) -> str:
        told = "Number of channel-groups in use: 1\n"
        for head, lines in self.running.items():
            for number in (line.split()[1] for line in lines if line.startswith("channel-group")):
                told += f"{number}      Po{number}(SD)   LACP    {head.split()[1]}(D)\n"
        return told

    def configure(self, line: str, at: list[str]) -> str:
        if self.rejects in line:
            return INVALID
        if line.startswith(("interface ", "vlan ")):
            at[:] = [line]
            self.running.setdefault(line, [])
        elif at:
            self.change(self.running[at[0]], line)
        return ""

    def change(self, lines: list[str], command: str) -> None:
        bare = command.removeprefix("no ")
        key = next((key for key in KEYS if bare == key or bare.startswith(f"{key} ")), bare)
        if bare == "port-channel standalone-disable":
            lines[:] = [*(line for line in lines if not line.endswith(bare)), command]
            return
        if key != "switchport":
            lines[:] = [line for line in lines if not (line == key or line.startswith(f"{key} "))]
        if command == bare and command not in DEFAULTS:
            lines.append(command)
        if key == "channel-group" and command == bare:
            self.running.setdefault(f"interface Port-channel{command.split()[1]}", [])


def text(config: dict[str, list[str]]) -> str:
    stanzas = ("\n".join([head, *(f" {line}" for line in sorted(lines))]) for head, lines in sorted(config.items()))
    return "\n!\n".join(stanzas) + "\n!\nend\n"


class Door(paramiko.ServerInterface):
    def __init__(self, box: IosBox) -> None:
        self.box = box

    def check_auth_password(self, username: str, password: str) -> int:
        self.box.logins += 1
        return paramiko.AUTH_SUCCESSFUL if (username, password) == ("admin", PASSWORD) else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        threading.Thread(target=Terminal(self.box, channel).serve, daemon=True).start()
        return True


class Terminal:
    def __init__(self, box: IosBox, channel: paramiko.Channel) -> None:
        self.box, self.channel = box, channel
        self.configuring = False
        self.at: list[str] = []
        self.asked = ""

    def serve(self) -> None:
        self.box.enter()
        held = ""
        try:
            self.say("\n" + self.prompt())
            while some := self.channel.recv(65536):
                held = (held + some.decode()).replace("\r\n", "\n").replace("\r", "\n")
                *lines, held = held.split("\n")
                for line in lines:
                    if not self.heard(line.strip()):
                        return
        except OSError:
            return
        finally:
            self.box.leave()
            with contextlib.suppress(EOFError):
                self.channel.close()

    def heard(self, line: str) -> bool:
        with self.box.lock:
            self.box.tick()
            if self.box.deaf or line == "exit":
                return False
            self.box.heard.append(line)
            said = self.does(line)
            if line.startswith(self.box.hangs_up_after):
                self.box.hangs_up_after = "\0"
                return False
        end = "" if said.endswith("? ") else self.prompt()
        self.say(f"{line}\n{said}{end}")
        return True

    def does(self, line: str) -> str:
        box, words = self.box, line.split()
        if self.asked:
            name, self.asked = self.asked, ""
            if not box.writes_no_file:
                box.files[name] = copied(box.running)
            return "2048 bytes copied in 0.5 secs\n"
        if line.startswith("configure terminal"):
            self.configuring, self.at = True, []
            if "revert timer" in line:
                box.archived, box.ends = copied(box.running), time.monotonic() + 60 * int(words[-1])
            return "Enter configuration commands, one per line.  End with CNTL/Z.\n"
        if self.configuring:
            if line == "end":
                self.configuring = False
                return ""
            return box.configure(line, self.at)
        said = box.answer(line)
        if said.endswith("? "):
            self.asked = said.split("[")[1].split("]")[0]
        return said

    def prompt(self) -> str:
        if not self.configuring:
            return "leaf2#"
        return "leaf2(config-if)#" if self.at else "leaf2(config)#"

    def say(self, text: str) -> None:
        self.channel.sendall(text.replace("\n", "\r\n").encode())


@dataclass(frozen=True)
class Bench:
    box: IosBox
    address: HostPort
    pins: FirstMet
    password: Secret

    @contextmanager
    def session(self) -> Iterator[Ios]:
        with closing(Ios.connect(self.address, "admin", (self.password, None), self.pins, PATIENT)) as switch:
            yield switch


@pytest.fixture
def box() -> IosBox:
    running: dict[str, list[str]] = {"hostname leaf2": [], "vlan 1": [], "vlan 100": ["name provision"]}
    running |= {f"interface TwentyFiveGigE1/0/{at}": [] for at in range(1, 9)}
    running |= {"interface HundredGigE1/0/49": ["switchport mode trunk"]}
    return IosBox(running, copied(running))


@pytest.fixture
def bench(box: IosBox) -> Iterator[Bench]:
    listening = socket.create_server(("127.0.0.1", 0))
    key = paramiko.ECDSAKey.generate()

    def serve() -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(near)
            transport.add_server_key(key)
            try:
                transport.start_server(server=Door(box), event=threading.Event())
            except (paramiko.SSHException, EOFError):
                transport.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield Bench(box, HostPort("127.0.0.1", listening.getsockname()[1]), FirstMet(), Secret(PASSWORD))
    finally:
        listening.close()
