"""Arista EOS: a command line with configuration sessions, as eAPI gives it.

Source: Arista EOS User Manual, "Configure Session" (a session is a copy of the running configuration, and its commit
overwrites what was changed since; it is gone after a reload; a commit with a timer goes back unless it is committed
again; abort goes back at once) and "eAPI"; napalm issue 2166 for what 4.32 changed: a session that waits for its word
reads `committed` there. Lock of the configuration: arista.eos issue 409 (`configure lock transaction NAME REASON`).
"""

import difflib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.virtual.twin.fabric import Lane
from drivers.virtual.twin.faults import Strike
from drivers.virtual.twin.switch import command_line, eos_tables
from drivers.virtual.twin.switch.chassis import Chassis, Lost
from drivers.virtual.twin.switch.command_line import OPENS, Config, Grammar, change, copied

Json = dict[str, object]
VERSION = "4.32.2F"
OTHER, OTHERS = "change-4711", "noc"  # a session of somebody else's, and who that is
MOST_OPEN = 5
OTHERS_LINE = "description moved by noc"
GRAMMAR = Grammar(
    lag="Port-Channel",
    indent="   ",
    single=(
        "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
        "spanning-tree portfast", "port-channel lacp fallback", "channel-group", "description", "mtu", "name",
        "shutdown",
    ),
    defaults=("switchport mode access", "switchport access vlan 1", "switchport trunk native vlan 1"),
    fallback="port-channel lacp fallback",
    edge_everywhere="spanning-tree edge-port default",
    edge_on_trunk="spanning-tree portfast",
)  # fmt: skip


class Invalid(Exception):
    """What the command line says of a command that it does not take."""


@dataclass
class At:
    """Where the commands of one request are: in a session (empty: of none, the running configuration), and a stanza."""

    session: str = ""
    head: str = ""
    configuring: bool = False


class Eos:
    """`Switch` of Arista EOS. `timed`: the session whose commit waits for its word, until `ends` (monotonic)."""

    path = "/command-api"

    def __init__(self, chassis: Chassis, startup: Config | None = None) -> None:
        self.chassis = chassis
        self.running = startup if startup is not None else _blank(chassis)
        self.startup = copied(self.running)
        self.sessions: dict[str, Config] = {}
        self.done: dict[str, str] = {}
        self.timed: str | None = None
        self.ends = 0.0
        self.before: Config = {}
        self.locked_by: str | None = None
        self.hardware: Config | None = None  # what frames follow, where that is not what runs
        self.version = chassis.spec.version or VERSION
        for strike in chassis.strikes.values():
            self.heed(strike, on=True)

    def lane(self, port: str) -> Lane:
        self.tick()
        return command_line.lane(GRAMMAR, self.hardware or self.running, port)

    def hostname(self) -> str:
        return next((head.split()[1] for head in self.running if head.startswith("hostname ")), "localhost")

    def reload(self) -> None:
        self.running, self.sessions, self.timed, self.done = copied(self.startup), {}, None, {}

    def heed(self, fault: Strike, *, on: bool) -> None:
        if fault.code == "F35":
            self.locked_by = OTHERS if on else None
        if fault.code == "F17" and fault.word == "hardware":
            self.hardware = copied(self.running) if on else None
        if fault.code == "F34" and fault.word == "open":
            self.sessions.pop(OTHER, None)
            self.sessions |= {OTHER: copied(self.running)} if on else {}
        if fault.code == "F34" and fault.word == "waits":
            self.before, self.ends = copied(self.running), float("inf")
            self.timed, self.done = (OTHER, {OTHER: "committed"}) if on else (None, {})

    def counters(self) -> Mapping[str, object]:
        self.tick()
        return {"sessions": sorted(self.sessions), "timed": self.timed, "saved": self.startup == self.running}

    def tick(self) -> None:
        if self.timed is not None and time.monotonic() >= self.ends:
            self._undo()

    def unreachable(self) -> bool:
        """F33: nobody gets through while a commit waits for its word."""
        self.tick()
        return self.timed is not None and self.chassis.on("F33", "path") is not None

    def rpc(self, asked: object) -> tuple[int, Json]:
        """A request of eAPI (`runCmds`) and its answer. `Lost` where none comes."""
        return 200, self._ran(asked if isinstance(asked, dict) else {})

    def _ran(self, asked: Json) -> Json:
        self.tick()
        params = asked.get("params")
        given = params if isinstance(params, dict) else {}
        commands = [_text(one) for one in given.get("cmds") or []]
        results: list[Json] = []
        at = At()
        for count, command in enumerate(commands, 1):
            try:
                results.append(self._run(command, str(given.get("format") or "json"), at))
            except Invalid as error:
                says = f"CLI command {count} of {len(commands)} '{command}' failed: invalid command"
                data = [*({} for _ in results), {"errors": [str(error)]}]
                failed = {"code": 1002, "message": says, "data": data}
                return {"jsonrpc": "2.0", "id": asked.get("id"), "error": failed}
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": results}

    def _run(self, command: str, style: str, at: At) -> Json:
        self.chassis.heard.append(command)
        words = command.split()
        if words[:2] == ["configure", "session"] and len(words) > 2:
            return self._session(words[2], words[3:], at)
        if words[:1] == ["configure"] and words[1:] in ([], ["terminal"]):
            self._check_lock()
            at.session, at.head, at.configuring = "", "", True
            return {}
        if at.configuring:
            return self._configure(command, at)
        if command == "write memory" or words[:3] == ["copy", "running-config", "startup-config"]:
            return self._save(style)
        if style != "json":
            return {"output": self._terminal(command)}
        told = eos_tables.told(self, command)
        if told is None:
            raise _invalid(command)
        return told

    def _terminal(self, command: str) -> str:
        told = {"show running-config": self.running, "show startup-config": self.startup}
        if command in told:
            text = command_line.rendered(GRAMMAR, told[command])
            return f"! Command: {command}\n! device: {self.hostname()} (DCS-7050TX3, EOS-{self.version})\n!\n{text}"
        words = command.split()
        if words[:3] == ["show", "session-config", "named"] and len(words) > 3:
            return self._shown(words[3], diffs=words[4:] == ["diffs"])
        if command == "enable":
            return ""
        raise _invalid(command)

    def _session(self, name: str, words: list[str], at: At) -> Json:
        if words[:1] == ["abort"]:
            return self._abort(name)
        self._check_lock()
        if words[:1] == ["commit"]:
            return self._commit(name, words[1:])
        if name not in self.sessions:
            if len(self.sessions) >= MOST_OPEN:
                raise Invalid("Maximum number of pending sessions has been reached. Please commit or abort one.")
            self.sessions[name] = copied(self.running)
            for uplink in self.chassis.spec.uplinks[:1] if self.chassis.on("F34", "meddles") else ():
                change(GRAMMAR, self.running, f"interface {uplink}", OTHERS_LINE)
        at.session, at.head, at.configuring = name, "", True
        return {}

    def _abort(self, name: str) -> Json:
        if name == self.timed:
            self._undo()
        elif self.sessions.pop(name, None) is None:
            raise Invalid(f"Cannot abort session {name}")
        self._written("abort")
        return {}

    def _commit(self, name: str, words: list[str]) -> Json:
        if name == self.timed and not words:
            self.timed = None
            if self.chassis.on("F33", "confirmed"):
                self.running = self.before
            self._written("confirm")
            return {}
        seconds = _seconds(words[1:]) if words[:1] == ["timer"] else 0
        if name not in self.sessions or self.chassis.take("F16", "commit"):
            raise Invalid(f"Cannot commit session {name}")
        self.before, self.running = self.running, self.sessions.pop(name)
        self.done = {name: "committed"}  # so many are kept as `maxSavedSessions` says
        if words[:1] == ["timer"] and not self.chassis.on("F17", "timer"):
            path = self.chassis.on("F33", "path")
            self.timed, self.ends = name, time.monotonic() + ((path and path.lasting()) or seconds)
        if self.chassis.on("F33", "early"):
            self._undo()
        self._written("commit")
        return {}

    def _configure(self, command: str, at: At) -> Json:
        config = self.sessions[at.session] if at.session else self.running
        if command in ("end", "abort", "commit") or command.startswith("commit timer "):
            at.configuring = False
            if at.session and command != "end":
                return self._abort(at.session) if command == "abort" else self._commit(at.session, command.split()[1:])
        elif command in ("exit", "!"):
            at.head = ""
        elif self.chassis.take("F16", "stage"):
            raise Invalid(f"Invalid input (at token 0: '{command.partition(' ')[0]}')")
        elif OPENS.match(command):
            at.head = command
            config.setdefault(command, [])
        else:
            if not self.chassis.on("F17", "lines"):
                change(GRAMMAR, config, at.head, command)
            self._written("stage")
        return {}

    def _shown(self, name: str, *, diffs: bool) -> str:
        if name not in self.sessions:
            raise Invalid(f"Session {name} does not exist")
        if self.chassis.take("F16", "diff"):
            raise Invalid("Internal error")
        now = command_line.rendered(GRAMMAR, self.running).splitlines()
        then = command_line.rendered(GRAMMAR, self.sessions[name]).splitlines()
        if not diffs:
            return "\n".join(then) + "\n"
        heads = ("system:/running-config", f"session:/{name}-session-config")
        return "\n".join(difflib.unified_diff(now, then, *heads, lineterm="")) + "\n"

    def _save(self, style: str) -> Json:
        if not self.chassis.on("F17", "save"):
            self.startup = copied(self.running)
        self._written("save")
        says = "Copy completed successfully."
        return {"messages": [says]} if style == "json" else {"output": f"{says}\n"}

    def _undo(self) -> None:
        self.running, self.timed = self.before, None

    def _check_lock(self) -> None:
        if self.locked_by is not None:
            raise Invalid(f"Unable to run this command: the configuration lock is held by user {self.locked_by}")

    def _written(self, what: str) -> None:
        """`Lost` where the switch restarts, or the connection breaks, once this was done."""
        if self.chassis.breaks_off(what, self.reload):
            raise Lost


def _blank(chassis: Chassis) -> Config:
    """As it leaves its packing, but for its name and VLANs."""
    spec = chassis.spec
    running: Config = {f"hostname {spec.name}": [], "vlan 1": []}
    running |= {f"vlan {vlan}": [f"name {name}"] if name else [] for vlan, name in spec.vlans.items()}
    running |= {f"interface {port}": [] for port in spec.ports}
    running |= {f"interface {port}": ["switchport mode trunk"] for port in spec.uplinks}
    return {**running, "interface Management1": []}


def _seconds(words: list[str]) -> int:
    """Of `HH:MM:SS`."""
    told = re.fullmatch(r"(\d\d):([0-5]\d):([0-5]\d)", " ".join(words))
    if told is None:
        raise Invalid("Incomplete or invalid timer")
    hours, minutes, seconds = map(int, told.groups())
    return hours * 3600 + minutes * 60 + seconds


def _text(command: object) -> str:
    """A command of eAPI is a text, or an object with one and its input."""
    return str(command.get("cmd")) if isinstance(command, dict) else str(command)


def _invalid(command: str) -> Invalid:
    return Invalid(f"Invalid input (at token 1: '{command}')")
