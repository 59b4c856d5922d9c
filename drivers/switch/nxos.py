"""Cisco NX-OS by NX-API: lines that take effect at once, and a checkpoint of ours to go back to.

It has no timer that would take a commit back by itself over this API: its two-stage commit is for interactive sessions
alone, and its scheduler must be switched on and given a password. So nothing does, and the plan says so. Source: Cisco
Nexus 9000 system management guide, chapters Rollback and Two-stage Configuration Commit.
"""

import re
from collections.abc import Collection, Mapping
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
from drivers.errors import Busy, NotApplied, Refused, UnknownOutcome
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.plain import plain
from drivers.switch import nxos_tables as tables
from drivers.switch.cli_ports import DIALECTS, lines, settings, unknown, unmet
from drivers.switch.judging import check_saved, refuse_unknown
from drivers.switch.ours import PREFIX, fresh
from drivers.switch.port_wise import PortWise
from drivers.switch.reading import Parsed, Row, said_by
from drivers.switch.stanzas import Stanzas, differing, interfaces, stanzas, without_secrets
from drivers.trust import Trust
from drivers.wire.nxapi import Nxapi
from inventory.address import HostPort
from inventory.secrets import Login

_DIALECT = DIALECTS["nxos"]
_HELD = re.compile(r"(?i)\block|in progress|another (?:user|session)")  # one user at a time makes one, or goes back
_SHOWN = 5  # stanzas that an error names
ASSURANCE = Assurance(
    Confirm.NONE,
    "NX-OS takes nothing back by itself: Anneal sets a checkpoint, and goes back to it while it can reach the switch; "
    "a reload before it was saved starts from the saved configuration",
)


class Nxos:
    """`SwitchDriver` of Cisco NX-OS. A candidate is lines in this object: nothing is on the switch before `commit`."""

    def __init__(self, wire: Nxapi) -> None:
        self._wire = wire
        self.who = wire.who
        self._found: list[Finding] = []
        self._lines: dict[str, list[str]] = {}

    @classmethod
    def connect(cls, address: HostPort, login: Login, trust: Trust, patience: Patience) -> "Nxos":
        return cls(Nxapi.open(address, login, trust, patience))

    def facts(self) -> SwitchFacts:
        with said_by(self.who):
            told = tables.facts(self._wire.ask("show version"))
        return SwitchFacts(
            told.vendor, told.model, told.serial, told.version, told.hostname, told.uptime_s,
            (*told.findings, *self._found),
        )  # fmt: skip

    def ports(self) -> tuple[SwitchPort, ...]:
        with said_by(self.who):
            return self._kept(tables.ports(self._wire.ask("show interface")))

    def neighbours(self) -> tuple[Neighbour, ...]:
        with said_by(self.who):
            return self._kept(tables.neighbours(self._wire.ask("show lldp neighbors detail")))

    def learned(self) -> tuple[Learned, ...]:
        with said_by(self.who):
            return self._kept(tables.learned(self._wire.ask("show mac address-table")))

    def vlans(self) -> Mapping[int, str]:
        with said_by(self.who):
            return tables.vlans(self._wire.ask("show vlan brief"))

    def lags(self) -> tuple[Lag, ...]:
        with said_by(self.who):
            summary = self._wire.ask("show port-channel summary")
            return self._kept(tables.lags(summary, self._wire.ask("show lacp neighbor") if summary else {}))

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        with said_by(self.who):
            return settings(_DIALECT, self._running(), ports)

    def running(self) -> str:
        return without_secrets(self._wire.text("show running-config"))

    def close(self) -> None:
        """NX-API keeps nothing open between requests."""

    def assurance(self) -> Assurance:
        return ASSURANCE

    def leftovers(self) -> tuple[str, ...]:
        """Checkpoints: one is there from a commit until its confirmation."""
        told = self._wire.text("show checkpoint summary")
        return tuple(sorted(set(re.findall(rf"(?<![\w-]){PREFIX}[0-9a-f]+(?![\w-])", told))))

    def release(self, leftover: str) -> None:
        """As a whole: which ports were a dead run's is not known there."""
        if leftover in self.leftovers():
            self._go_back(leftover)

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        with said_by(self.who):
            own = interfaces("nxos", self._running())
            refuse_unknown(self.who, unknown(_DIALECT, wanted, own))
            text = list(lines(_DIALECT, wanted, vlans, own, self.vlans()))
        session = fresh()
        self._lines[session] = text
        return Staged(session, "\n".join(unmet(text, own)), frozenset(wanted))

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:  # noqa: ARG002  there is no timer to give it to
        text = self._lines.get(staged.session)
        if text is None:
            raise NotApplied(self.who, f"{staged.session} was not staged over this session", "plan the change again")
        said = plain(self._wire.tell(f"checkpoint {staged.session}").strip(), 300)
        if staged.session not in self.leftovers():
            what = f"it made no checkpoint {staged.session}, so that nothing was changed: {said}"
            if _HELD.search(said):
                raise Busy(self.who, f"{what}: another holds the lock", "it ends by itself; retry")
            raise NotApplied(self.who, what, "look at `show checkpoint summary`; it holds ten")
        self._wire.write(text)

    def confirm(self, staged: Staged) -> None:
        if staged.session not in self.leftovers():
            what = f"the checkpoint {staged.session} is gone: the change was taken back, or another run ended it"
            raise NotApplied(self.who, what, "read the ports back, then plan the change again")
        self._forget(staged.session)

    def roll_back(self, staged: Staged) -> None:
        """Of what somebody else changed since, nothing goes back along."""
        self._lines.pop(staged.session, None)
        if staged.session not in self.leftovers():
            return
        with said_by(self.who):
            back = PortWise(_DIALECT, self._checkpoint(staged.session), self._running(), staged.ports)
        if not back.others():
            self._go_back(staged.session)
            return
        self._wire.write(list(back.lines()))
        unlike = back.unlike(self._running())
        if unlike:
            what = f"{', '.join(map(plain, unlike))} did not go back to the checkpoint {staged.session}"
            raise UnknownOutcome(self.who, what, f"compare with `show checkpoint {staged.session}`")
        self._forget(staged.session)

    def save(self) -> None:
        self._wire.tell("copy running-config startup-config")
        with said_by(self.who):
            running, startup = self._running(), stanzas(self._wire.text("show startup-config"))
        check_saved(self.who, running, startup)

    def _kept(self, parsed: Parsed[Row]) -> tuple[Row, ...]:
        self._found += parsed.findings
        return parsed.rows

    def _running(self) -> Stanzas:
        return stanzas(self._wire.text("show running-config"))

    def _checkpoint(self, name: str) -> Stanzas:
        """Its name and a line of dashes stand above it."""
        head, comment, text = self._wire.text(f"show checkpoint {name}").partition("!Command:")
        return stanzas(f"{comment}{text}" if comment else head)

    def _go_back(self, checkpoint: str) -> None:
        """`UnknownOutcome` where it could not: the checkpoint stays, and the next run goes back to it."""
        said = self._wire.tell(f"rollback running-config checkpoint {checkpoint}")
        with said_by(self.who):
            odd = differing(self._checkpoint(checkpoint), self._running())
        if unlike := sorted(head for head in odd if head.startswith(("interface ", "vlan "))):
            heads, told = ", ".join(map(plain, unlike[:_SHOWN])), plain(said.strip(), 300)
            what = f"it did not go back to the checkpoint {checkpoint}: {heads} differ; it said: {told}"
            raise UnknownOutcome(self.who, what, "look at `show rollback log verify`, then plan the change again")
        self._forget(checkpoint)

    def _forget(self, checkpoint: str) -> None:
        try:
            self._wire.write([f"no checkpoint {checkpoint}"])
        except Refused as error:
            if checkpoint in self.leftovers():
                raise
            self._found.append(Finding("left-open", checkpoint, error.what))
        if checkpoint in self.leftovers():
            what = f"the checkpoint {checkpoint} was deleted, and is still there"
            raise NotApplied(self.who, what, "delete it there by hand, once the ports are as they should be")
