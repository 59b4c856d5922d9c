"""Juniper Junos by NETCONF: the shared candidate under its lock, and `commit confirmed`.

A commit that waits for its confirmation is known by the log that we give it. Any other commit confirms it (quirk 115),
so each of ours is made under the lock, and what is confirmed is read back. Source: Junos CLI user guide, `commit
confirmed`, `show system commit`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drivers.ability.switch import (
    Assurance,
    Confirm,
    Lag,
    Learned,
    Neighbour,
    PortSettings,
    Staged,
    SwitchFacts,
    SwitchPort,
)
from drivers.errors import Busy, NotApplied, Refused, Transient, UnknownOutcome
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.plain import plain
from drivers.switch import junos_config as config
from drivers.switch import junos_tables as tables
from drivers.switch.judging import refuse_unknown
from drivers.switch.ours import fresh, is_ours
from drivers.switch.reading import Notes, Parsed, Row, said_by, words
from drivers.trust import Pins
from drivers.wire.netconf import Netconf
from inventory.address import HostPort
from inventory.secrets import Secret

ASSURANCE = Assurance(
    Confirm.NATIVE,
    "Junos takes a commit that is not confirmed back by its own timer, in whole minutes; anybody's commit confirms it, "
    "and a restart before the timer ends keeps it",
)
_CONFIG = '<get-configuration database="committed" inherit="inherit"><configuration><interfaces/><vlans/><protocols/></configuration></get-configuration>'  # noqa: E501  one call
_RUNNING = '<get-configuration database="committed" format="set"/>'
_FACTS = ("<get-software-information/>", "<get-chassis-inventory/>", "<get-system-uptime-information/>")


@dataclass(frozen=True)
class LastCommit:
    """Of `show system commit`, its newest entry."""

    log: str | None
    waits: bool

    @classmethod
    def read(cls, text: str) -> "LastCommit":
        root = tables.tree(text, Notes("show system commit"))
        newest = next(root.iter("commit-history"), None)
        if newest is None:
            return cls(None, waits=False)
        told = [words(one.text) or "" for one in newest.iter() if one.tag in ("log", "comment")]
        waits = any(re.search(r"commit confirmed, rollback in", one) for one in told)
        log = next((one for one in told if is_ours(one)), None)
        return cls(log, waits)


class Junos:
    """`SwitchDriver` of Juniper Junos."""

    def __init__(self, wire: Netconf) -> None:
        self._wire = wire
        self.who = wire.who
        self._found: list[Finding] = []

    @classmethod
    def connect(
        cls, address: HostPort, user: str, keys: tuple[Secret | None, Secret | None], pins: Pins, patience: Patience
    ) -> "Junos":
        """`keys`: a password, a private key, or both."""
        return cls(Netconf.open(address, user, keys, pins, patience))

    def facts(self) -> SwitchFacts:
        with said_by(self.who):
            told = tables.facts("".join(self._wire.ask(rpc) for rpc in _FACTS))
        return SwitchFacts(
            told.vendor, told.model, told.serial, told.version, told.hostname, told.uptime_s,
            (*told.findings, *self._found),
        )  # fmt: skip

    def ports(self) -> tuple[SwitchPort, ...]:
        with said_by(self.who):
            return self._kept(tables.ports(self._wire.ask("<get-interface-information/>")))

    def neighbours(self) -> tuple[Neighbour, ...]:
        """Port by port: the list of all leaves out what a neighbour calls its port."""
        with said_by(self.who):
            heard = tables.neighbours(self._wire.ask("<get-lldp-neighbors-information/>"))
            ports = dict.fromkeys(one.port for one in heard.rows if re.fullmatch(r"[\w:/.-]+", one.port))
            told = [tables.neighbours(self._wire.command(f"show lldp neighbors interface {port}")) for port in ports]
        return tuple(row for each in told for row in self._kept(each))

    def learned(self) -> tuple[Learned, ...]:
        with said_by(self.who):
            return self._kept(tables.learned(self._wire.command("show ethernet-switching table")))

    def vlans(self) -> Mapping[int, str]:
        with said_by(self.who):
            return tables.vlans(self._wire.command("show vlans"))

    def lags(self) -> tuple[Lag, ...]:
        with said_by(self.who):
            return self._kept(tables.lags(self._wire.command("show lacp interfaces")))

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        """A port that is there and not configured has no VLAN; Junos writes nothing of it."""
        with said_by(self.who):
            configured = config.settings(self._config(), ports)
            there = {one.name for one in self.ports()}
        return {port: PortSettings(edge=False) for port in ports if port in there} | dict(configured)

    def running(self) -> str:
        with said_by(self.who):
            return config.without_secrets(self._wire.ask(_RUNNING))

    def close(self) -> None:
        self._wire.close()

    def assurance(self) -> Assurance:
        return ASSURANCE

    def leftovers(self) -> tuple[str, ...]:
        last = self._last()
        return (last.log,) if last.waits and last.log is not None else ()

    def release(self, leftover: str) -> None:
        if leftover in self.leftovers():
            self._undo(leftover)

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        last = self._last()
        if last.waits:
            raise Busy(
                self.who, "a commit there waits for its confirmation", "wait until it is confirmed or taken back"
            )
        with said_by(self.who):
            told = self._config()
            self._check(wanted, {*told.own, *(one.name for one in self.ports())})
            text = list(config.lines(wanted, vlans, told))
        staged = False
        try:
            self._wire.stage(text)
            diff = self._wire.diff()
            self._only(diff, wanted)
            staged = True
            return Staged(fresh(), diff, frozenset(wanted) & _named(diff))
        finally:
            if not staged:
                self._wire.discard()

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        try:
            self._wire.commit(staged.session, confirm_within)
        finally:
            self._given_back()
        if staged.session not in self._after("the commit"):
            what = f"it took the commit {staged.session}, and does not say that it waits for its confirmation"
            raise UnknownOutcome(self.who, what, "read the ports back over a new session before anything else")

    def confirm(self, staged: Staged) -> None:
        """Under the lock: a commit takes along whatever stands in the shared candidate."""
        self._wire.lock()
        try:
            if staged.session not in self.leftovers():
                what = (
                    f"{staged.session} does not wait for its confirmation: it was taken back, or another confirmed it"
                )
                raise NotApplied(self.who, what, "read the ports back, then plan the change again")
            self._wire.commit(staged.session, None)
        finally:
            self._given_back()
        if staged.session in self._after("the confirmation"):
            what = f"it took the confirmation of {staged.session}, and still waits for it"
            raise NotApplied(self.who, what, "it takes itself back when the timer ends")

    def roll_back(self, staged: Staged) -> None:
        self._wire.discard()
        if staged.session in self.leftovers():
            self._undo(staged.session)

    def save(self) -> None:
        """What is committed is what the next start takes; unless it still waits."""
        if self._last().waits:
            raise NotApplied(self.who, "what is in force there still waits for its confirmation", "confirm it there")

    def _kept(self, parsed: Parsed[Row]) -> tuple[Row, ...]:
        self._found += parsed.findings
        return parsed.rows

    def _config(self) -> config.Config:
        return config.read(self._wire.ask(_CONFIG))

    def _last(self) -> LastCommit:
        with said_by(self.who):
            return LastCommit.read(self._wire.command("show system commit"))

    def _after(self, what: str) -> tuple[str, ...]:
        try:
            return self.leftovers()
        except Transient as error:
            says = f"{what} was taken, and what became of it cannot be read ({error.what})"
            raise UnknownOutcome(self.who, says, "read the ports back over a new session") from error

    def _undo(self, session: str) -> None:
        """Commit what was in force before."""
        self._wire.lock()
        try:
            self._wire.load_previous()
            self._wire.commit(f"{session} is taken back", None)
        finally:
            self._given_back()
        if session in self.leftovers():
            raise NotApplied(self.who, f"{session} was taken back, and still waits", "look at `show system commit`")

    def _given_back(self) -> None:
        """A lost session has given its lock back by itself."""
        try:
            self._wire.discard()
        except Transient as error:
            self._found.append(Finding("left-open", "candidate", error.what))

    def _check(self, wanted: Mapping[str, PortSettings], there: Collection[str]) -> None:
        strange = sorted(
            port for port in wanted if port not in there or not re.fullmatch(r"[a-z]+-\d+/\d+/\d+(:\d+)?", port)
        )
        refuse_unknown(self.who, strange)

    def _only(self, diff: str, wanted: Mapping[str, PortSettings]) -> None:
        ours = {*wanted, *(f"ae{one.lag.number}" for one in wanted.values() if one.lag is not None)}
        odd = sorted(_named(diff) - ours)
        if odd:
            what = f"the candidate would change {', '.join(map(plain, odd[:5]))} too"
            raise Refused(self.who, what, "another changed it in the meantime; plan the change again")


def _named(diff: str) -> frozenset[str]:
    """The interfaces that `show | compare` names: by its `[edit ...]` lines, and those that come or go whole."""
    found = set(re.findall(r"^\[edit interfaces (\S+?)[\] ]", diff, re.MULTILINE))
    at = ""
    for line in diff.splitlines():
        if line.startswith("[edit"):
            at = line
        elif at == "[edit interfaces]" and (whole := re.match(r"[-+]   (\S+) \{", line)):
            found.add(whole[1])
        elif at.startswith("[edit protocols") and (edge := re.match(r"[-+] +interface (\S+?)[ ;]", line)):
            found.add(edge[1].removesuffix(".0"))
    return frozenset(found)
