"""Cisco IOS and IOS XE over SSH: lines that take effect at once, a file to go back to, and a timer where it has one.

The timer is `configure terminal revert timer`, which wants the `archive` feature. It has no name, so what is ours is
known by the file that we leave on its flash, of the configuration before. Source: Cisco IOS configuration fundamentals,
Configuration Replace and Configuration Rollback; Contextual Configuration Diff.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
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
from drivers.errors import Busy, NotApplied, UnknownOutcome
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.plain import plain
from drivers.switch import cli_text
from drivers.switch.cli_ports import DIALECTS, lines, settings, unknown, unmet
from drivers.switch.judging import check_saved, refuse_unknown
from drivers.switch.ours import PREFIX, fresh
from drivers.switch.port_wise import PortWise
from drivers.switch.reading import Parsed, Row, said_by
from drivers.switch.stanzas import Stanzas, differing, interfaces, stanzas, without_secrets
from drivers.trust import Pins
from drivers.wire.cisco_cli import CiscoCli
from inventory.address import HostPort
from inventory.secrets import Secret

_DIALECT = DIALECTS["ios"]
_SHOWN = 5  # stanzas that an error names
_TIMED = Assurance(
    Confirm.EMULATED,
    "IOS takes an unconfirmed change back by its revert timer, in whole minutes; a reload loses the timer, and starts "
    "from the saved configuration, which does not have the change",
)
_UNTIMED = Assurance(
    Confirm.NONE,
    "without the archive feature IOS takes nothing back by itself: Anneal leaves a file of the configuration before, "
    "and goes back to it while it can reach the switch; a reload starts from the saved configuration",
)


class Ios:
    """`SwitchDriver` of Cisco IOS. A candidate is lines in this object: nothing is on the switch before `commit`."""

    def __init__(self, wire: CiscoCli) -> None:
        self._wire = wire
        self.who = wire.who
        self._found: list[Finding] = []
        self._lines: dict[str, list[str]] = {}

    @classmethod
    def connect(
        cls, address: HostPort, user: str, keys: tuple[Secret | None, Secret | None], pins: Pins, patience: Patience
    ) -> "Ios":
        """`keys`: a password, a private key, or both."""
        return cls(CiscoCli.open(address, user, keys, pins, patience))

    def facts(self) -> SwitchFacts:
        with said_by(self.who):
            told = cli_text.facts("ios", self._wire.text("show version"))
        return SwitchFacts(
            told.vendor, told.model, told.serial, told.version, told.hostname, told.uptime_s,
            (*told.findings, *self._found),
        )  # fmt: skip

    def ports(self) -> tuple[SwitchPort, ...]:
        with said_by(self.who):
            return self._kept(cli_text.ports("ios", self._wire.text("show interfaces")))

    def neighbours(self) -> tuple[Neighbour, ...]:
        """Old versions leave out the port that hears: they are asked for each port alone."""
        with said_by(self.who):
            told = cli_text.neighbours("ios", self._wire.text("show lldp neighbors detail"))
            if all(one.port for one in told.rows):
                return self._kept(told)
            up = [port.name for port in self.ports() if port.up]
            heard = {port: self._wire.text(f"show lldp neighbors {port} detail") for port in up}
            each = {port: cli_text.neighbours("ios", text).rows for port, text in heard.items()}
        return tuple(replace(one, port=port) for port, rows in each.items() for one in rows)

    def learned(self) -> tuple[Learned, ...]:
        with said_by(self.who):
            return self._kept(cli_text.learned("ios", self._wire.text("show mac address-table")))

    def vlans(self) -> Mapping[int, str]:
        with said_by(self.who):
            return cli_text.vlans(self._wire.text("show vlan brief"))

    def lags(self) -> tuple[Lag, ...]:
        with said_by(self.who):
            return self._kept(cli_text.lags("ios", self._wire.text("show etherchannel summary")))

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        with said_by(self.who):
            return settings(_DIALECT, self._running(), ports)

    def running(self) -> str:
        return without_secrets(self._wire.text("show running-config"))

    def close(self) -> None:
        self._wire.close()

    def assurance(self) -> Assurance:
        return _TIMED if self._archives() else _UNTIMED

    def leftovers(self) -> tuple[str, ...]:
        """Files: one is there from a commit until its confirmation."""
        told = self._wire.text(f"dir flash: | include {PREFIX}")
        return tuple(sorted(set(re.findall(rf"(?<![\w-])({PREFIX}[0-9a-f]+)\.cfg\b", told))))

    def release(self, leftover: str) -> None:
        """As a whole: which ports were a dead run's is not known there."""
        if leftover in self.leftovers():
            self._go_back(leftover)

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        if self._archives() and self._timed():
            raise Busy(self.who, "a revert timer of another runs there", "wait until it is confirmed or over")
        with said_by(self.who):
            own = interfaces("ios", self._running())
            refuse_unknown(self.who, unknown(_DIALECT, wanted, own))
            text = list(lines(_DIALECT, wanted, vlans, own, self.vlans()))
        session = fresh()
        self._lines[session] = text
        return Staged(session, "\n".join(unmet(text, own)), frozenset(wanted))

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        text = self._lines.get(staged.session)
        if text is None:
            raise NotApplied(self.who, f"{staged.session} was not staged over this session", "plan the change again")
        enter = "configure terminal"
        if self._archives():
            enter = f"configure terminal revert timer {max(-(-int(confirm_within.total_seconds()) // 60), 1)}"
        self._wire.tell(f"copy running-config flash:{staged.session}.cfg")
        if staged.session not in self.leftovers():
            what = f"it wrote no file {staged.session}.cfg, so that nothing was changed"
            raise NotApplied(self.who, what, "look at the room on its flash")
        try:
            self._wire.configure(text, enter)
        except Busy:
            self._forget(staged.session)  # nothing was changed
            raise

    def confirm(self, staged: Staged) -> None:
        if staged.session not in self.leftovers():
            what = f"the file {staged.session}.cfg is gone: the change was taken back, or another run ended it"
            raise NotApplied(self.who, what, "read the ports back, then plan the change again")
        if self._archives():
            if not self._timed():
                what = f"the timer of {staged.session} does not run: the change was taken back"
                raise NotApplied(self.who, what, "read the ports back, then plan the change again")
            self._wire.tell("configure confirm")
            if self._timed():
                what = f"it took the confirmation of {staged.session}, and its timer still runs"
                raise NotApplied(self.who, what, "it takes itself back when the timer ends")
        self._forget(staged.session)

    def roll_back(self, staged: Staged) -> None:
        """Of what somebody else changed since, nothing goes back along; but the revert timer takes all back."""
        self._lines.pop(staged.session, None)
        if staged.session not in self.leftovers():
            return
        with said_by(self.who):
            back = PortWise(_DIALECT, self._file(staged.session), self._running(), staged.ports)
        if not back.others():
            self._go_back(staged.session)
            return
        self._wire.configure(list(back.lines()), "configure terminal")
        unlike = back.unlike(self._running())
        if unlike:
            what = f"{', '.join(map(plain, unlike))} did not go back to {staged.session}.cfg"
            raise UnknownOutcome(self.who, what, f"compare with `more flash:{staged.session}.cfg`")
        self._end(staged.session)

    def save(self) -> None:
        self._wire.tell("write memory")
        with said_by(self.who):
            running, startup = self._running(), stanzas(self._wire.text("show startup-config"))
        check_saved(self.who, running, startup)

    def _kept(self, parsed: Parsed[Row]) -> tuple[Row, ...]:
        self._found += parsed.findings
        return parsed.rows

    def _running(self) -> Stanzas:
        return stanzas(self._wire.text("show running-config"))

    def _file(self, session: str) -> Stanzas:
        return stanzas(self._wire.text(f"more flash:{session}.cfg"))

    def _archives(self) -> bool:
        return "not enabled" not in self._wire.text("show archive")

    def _timed(self) -> bool:
        return "No Rollback Confirmed" not in self._wire.text("show archive config rollback timer")

    def _go_back(self, session: str) -> None:
        """`UnknownOutcome` where it could not: the file stays, and the next run goes back to it."""
        said = self._wire.tell(f"configure replace flash:{session}.cfg force")
        with said_by(self.who):
            odd = differing(self._file(session), self._running())
        if unlike := sorted(head for head in odd if head.startswith(("interface ", "vlan "))):
            heads, told = ", ".join(map(plain, unlike[:_SHOWN])), plain(said.strip(), 300)
            what = f"it did not go back to {session}.cfg: {heads} differ; it said: {told}"
            raise UnknownOutcome(self.who, what, "look at its log, then plan the change again")
        self._end(session)

    def _end(self, session: str) -> None:
        if self._archives() and self._timed():
            self._wire.tell("configure confirm")
        self._forget(session)

    def _forget(self, session: str) -> None:
        self._wire.tell(f"delete /force flash:{session}.cfg")
        if session in self.leftovers():
            what = f"the file {session}.cfg was deleted, and is still there"
            raise NotApplied(self.who, what, "delete it there by hand, once the ports are as they should be")
