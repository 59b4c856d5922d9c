"""Junos: one shared candidate, its lock, and a commit that goes back unless another follows, as NETCONF gives them.

Source: Junos XML Management Protocol Developer Guide (`lock-configuration`, `load-configuration`, and
`commit-configuration` with `confirmed`, whose timer is in whole minutes; any commit confirms), NETCONF XML Management
Protocol Guide; what is committed is what the next start takes, the timer included.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Tree

from drivers.virtual.twin.fabric import Lane
from drivers.virtual.twin.faults import Strike
from drivers.virtual.twin.switch import junos_config, junos_tables
from drivers.virtual.twin.switch.chassis import Chassis, Lost
from drivers.virtual.twin.switch.junos_config import Lines

VERSION = "20.4R3"
OTHER = "root terminal p0 (pid 4711)"
OTHERS_LINE = "system services telnet"
_MINUTES = 10  # without `confirm-timeout`
_LOADED = "<load-configuration-results><ok/></load-configuration-results>"
_KEPT = 49  # rollbacks


class Refusal(Exception):
    """What an `rpc-error` says."""


@dataclass(frozen=True)
class Commit:
    """`before`: what was in force until then."""

    log: str
    said: str
    before: Lines


class Junos:
    """`Switch` of Junos. `owner`: the session that holds the lock; `ends` (monotonic): of the commit that waits."""

    def __init__(self, chassis: Chassis, startup: Lines | None = None) -> None:
        self.chassis = chassis
        self.running = startup if startup is not None else _blank(chassis)
        self.candidate = list(self.running)
        self.owner: object = None
        self.history: list[Commit] = []
        self.ends: float | None = None
        self.hardware: Lines | None = None  # what frames follow, where that is not what runs
        self.version = chassis.spec.version or VERSION
        for strike in chassis.strikes.values():
            self.heed(strike, on=True)

    def lane(self, port: str) -> Lane:
        self.tick()
        return junos_config.lane(self.hardware or self.running, port)

    def hostname(self) -> str:
        begin = "system host-name "
        return next((line.removeprefix(begin) for line in self.running if line.startswith(begin)), "")

    def reload(self) -> None:
        """What was committed is kept, and goes on waiting for its word; sessions and their lock are gone."""
        self.candidate, self.owner = list(self.running), None

    def heed(self, fault: Strike, *, on: bool) -> None:
        match fault.code, fault.word:
            case "F35", _:
                self.owner = OTHER if on else None
            case "F34", "open":
                self.candidate = [*self.running, *([OTHERS_LINE] * on)]
            case "F34", "waits":
                self.history = [Commit("by hand", "commit confirmed, rollback in 5mins", list(self.running))] * on
                self.ends = float("inf") if on else None
            case "F17", "hardware":
                self.hardware = list(self.running) if on else None

    def counters(self) -> Mapping[str, object]:
        self.tick()
        waits = self.history[0].log if self.history and self.ends is not None else None
        return {"locked": self.owner is not None, "modified": self.candidate != self.running, "timed": waits}

    def tick(self) -> None:
        if self.ends is not None and time.monotonic() >= self.ends:
            self._go_back("")

    def unreachable(self) -> bool:
        """F33: nobody gets through while a commit waits for its word."""
        self.tick()
        return self.ends is not None and self.chassis.on("F33", "path") is not None

    def left(self, session: object) -> None:
        """A session that ends gives its lock back, and what it had in the candidate."""
        if self.owner is session:
            self.owner, self.candidate = None, list(self.running)

    def rpc(self, asked: Tree.Element, session: object) -> str:
        """The body of the answer. `Refusal`; `Lost` where none comes."""
        self.tick()
        self.chassis.heard.append(asked.tag if asked.tag != "command" else asked.text or "")
        held = {"lock-configuration": self._lock, "unlock-configuration": self._unlock}
        if asked.tag in held:
            return held[asked.tag](session)
        does = {
            "load-configuration": self._load,
            "commit-configuration": self._commit,
            "get-configuration": self._shown,
        }
        if asked.tag == "close-session":
            return "<ok/>"
        if asked.tag in does:
            return does[asked.tag](asked)
        told = junos_tables.told(self, asked.text or "" if asked.tag == "command" else asked.tag)
        if told is None:
            raise Refusal("syntax error")
        return told

    def _unlock(self, session: object) -> str:
        self.owner = None if self.owner is session else self.owner
        return "<ok/>"

    def _lock(self, session: object) -> str:
        if self.owner not in (None, session):
            raise Refusal(f"configuration database locked by: {self.owner}")
        if self.owner is None and self.candidate != self.running:
            raise Refusal("configuration database modified")
        self.owner = session
        return "<ok/>"

    def _load(self, asked: Tree.Element) -> str:
        back = asked.get("rollback")
        if back is not None:
            if not back.isdigit() or int(back) > len(self.history):
                raise Refusal(f"no rollback {back} exists")
            self.candidate = list(self.running if back == "0" else self.history[int(back) - 1].before)
            return _LOADED
        for line in (asked.findtext("configuration-set") or "").strip().splitlines():
            if self.chassis.take("F16", "stage"):
                raise Refusal(f"syntax error: {line}")
            if not self.chassis.on("F17", "lines"):
                self.candidate = junos_config.edited(self.candidate, line)
        self._written("stage")
        return _LOADED

    def _commit(self, asked: Tree.Element) -> str:
        told = asked.findtext("confirm-timeout") or str(_MINUTES)
        if not told.isdigit():
            raise Refusal(f"invalid value: {told}")
        minutes = int(told)
        timed = asked.find("confirmed") is not None and not self.chassis.on("F17", "timer")
        confirms = self.ends is not None and not timed and self.candidate == self.running
        if self.chassis.take("F16", "commit"):
            raise Refusal("commit failed: (statements constraint check failed)")
        said = f"commit confirmed, rollback in {minutes}mins" if timed else ""
        before = self.history[0].before if confirms else self.running
        self.history = [Commit(asked.findtext("log") or "", said, before), *self.history][:_KEPT]
        self.running, self.ends = list(self.candidate), None
        if timed:
            path = self.chassis.on("F33", "path")
            self.ends = time.monotonic() + ((path and path.lasting()) or minutes * 60)
        if (timed and self.chassis.on("F33", "early")) or (confirms and self.chassis.on("F33", "confirmed")):
            self._go_back("")
        self._written("commit" if timed else "confirm" if confirms else "abort")
        return "<commit-results/><ok/>"

    def _go_back(self, log: str) -> None:
        before = self.history[0].before
        self.history = [Commit(log, "rolled back", self.running), *self.history][:_KEPT]
        self.running, self.candidate, self.ends = list(before), list(before), None

    def _shown(self, asked: Tree.Element) -> str:
        if asked.get("compare") == "rollback":
            if self.chassis.take("F16", "diff"):
                raise Refusal("error: internal error")
            told = "\n".join(junos_config.compared(self.running, self.candidate))
            inner = f"<configuration-output>{junos_tables.escaped(told or chr(10))}</configuration-output>"
            return f"<configuration-information>{inner}</configuration-information>"
        if asked.get("format") == "set":
            lines = junos_tables.escaped("\n".join(f"set {line}" for line in self.running))
            return f"<configuration-set>\n{lines}\n</configuration-set>"
        return Tree.tostring(junos_config.as_xml(self.running), encoding="unicode")

    def _written(self, what: str) -> None:
        if self.chassis.breaks_off(what, self.reload):
            raise Lost


def _blank(chassis: Chassis) -> Lines:
    """As it leaves its packing, but for its name and VLANs."""
    spec = chassis.spec
    lines = [f"system host-name {spec.name}"]
    for port in spec.uplinks:
        lines += [f"interfaces {port} unit 0 family ethernet-switching interface-mode trunk"]
        lines += [f"interfaces {port} unit 0 family ethernet-switching vlan members all"]
    return [*lines, *(f"vlans {name or f'vlan{vlan}'} vlan-id {vlan}" for vlan, name in spec.vlans.items())]
