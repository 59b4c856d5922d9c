"""Arista EOS by eAPI: configuration sessions, and the switch's own commit timer.

Source: Arista EOS user manual, Configure Session; napalm#2166 for what 4.32 changed (quirk 115): a session that waits
for its confirmation reads `committed` there, and only `commitTimerSessionName` tells that it waits.
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
from drivers.errors import Busy, DriverError, NotApplied, Refused, Transient, UnknownOutcome
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.plain import plain
from drivers.switch import eos_tables as tables
from drivers.switch.cli_ports import DIALECTS, lines, settings, unknown
from drivers.switch.judging import check_saved, refuse_unknown
from drivers.switch.ours import fresh, is_ours
from drivers.switch.reading import Document, Parsed, Row, garbled, said_by, table, vlan_set, words
from drivers.switch.stanzas import Stanzas, differing, interfaces, stanzas, without_secrets
from drivers.trust import Trust
from drivers.wire.eapi import Eapi
from inventory.address import HostPort
from inventory.secrets import Login

_DIALECT = DIALECTS["eos"]
_PENDING = ("pending", "pendingCommitTimer")
_LAYER_2_MTU = 9200  # bytes of an IP packet: frames of 9214 pass
ASSURANCE = Assurance(
    Confirm.NATIVE,
    "EOS takes a commit that is not confirmed back by its own timer; a reload before that starts from the saved "
    "configuration, which does not have it",
)


@dataclass(frozen=True)
class Sessions:
    """`show configuration sessions detail`: those that are open, and the one whose timer runs."""

    open: frozenset[str]
    timed: str | None
    saves_on_commit: bool = False

    @classmethod
    def read(cls, told: Document) -> "Sessions":
        there = {name: words(table(one).get("state")) for name, one in table(told.get("sessions")).items()}
        timed = words(told.get("commitTimerSessionName"))
        timed = timed or next((name for name, state in there.items() if state == "pendingCommitTimer"), None)
        waiting = frozenset(name for name, state in there.items() if state in _PENDING and name != timed)
        return cls(waiting, timed, told.get("saveToStartupConfigOnCommit") is True)


class Eos:
    """`SwitchDriver` of Arista EOS."""

    def __init__(self, wire: Eapi) -> None:
        self._wire = wire
        self.who = wire.who
        self._found: list[Finding] = []

    @classmethod
    def connect(cls, address: HostPort, login: Login, trust: Trust, patience: Patience) -> "Eos":
        return cls(Eapi.open(address, login, trust, patience))

    def facts(self) -> SwitchFacts:
        with said_by(self.who):
            told = tables.facts(*self._wire.ask("show version", "show hostname"))
        return SwitchFacts(
            told.vendor, told.model, told.serial, told.version, told.hostname, told.uptime_s,
            (*told.findings, *self._found),
        )  # fmt: skip

    def ports(self) -> tuple[SwitchPort, ...]:
        with said_by(self.who):
            return self._kept(tables.ports(*self._wire.ask("show interfaces")))

    def neighbours(self) -> tuple[Neighbour, ...]:
        with said_by(self.who):
            return self._kept(tables.neighbours_of(*self._wire.ask("show lldp neighbors detail")))

    def learned(self) -> tuple[Learned, ...]:
        with said_by(self.who):
            return self._kept(tables.learned(*self._wire.ask("show mac address-table")))

    def vlans(self) -> Mapping[int, str]:
        with said_by(self.who):
            return tables.vlans(*self._wire.ask("show vlan"))

    def lags(self) -> tuple[Lag, ...]:
        with said_by(self.who):
            return self._kept(tables.lags(*self._wire.ask("show port-channel detailed", "show lacp neighbor")))

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        with said_by(self.who):
            return settings(_DIALECT, self._running(), ports)

    def running(self) -> str:
        return without_secrets(self._wire.text("show running-config"))

    def close(self) -> None:
        """eAPI keeps nothing open between requests."""

    def assurance(self) -> Assurance:
        if self._sessions().saves_on_commit:
            says = "EOS takes an unconfirmed commit back by its own timer, but saves it at once: a reload keeps it"
            return Assurance(Confirm.NATIVE, says)
        return ASSURANCE

    def leftovers(self) -> tuple[str, ...]:
        there = self._sessions()
        return tuple(sorted(name for name in {*there.open, there.timed or ""} if is_ours(name)))

    def release(self, leftover: str) -> None:
        if leftover in self.leftovers():
            self._abort(leftover)

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        self._hold_on()
        session = fresh()
        with said_by(self.who):
            own = interfaces("eos", self._running())
            self._check(wanted, own)
            text = list(lines(_DIALECT, wanted, vlans, own, self.vlans()))
        try:
            self._wire.stage(session, text)
            touched = self._touched(session, wanted, vlans)
            return Staged(session, self._wire.diff(session), touched)
        except DriverError:
            self._forget(session)
            raise

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        there = self._sessions()
        if there.timed is not None:
            raise _held(self.who, there.timed)
        if staged.session not in there.open:
            raise NotApplied(self.who, f"session {staged.session} is gone from it", "plan the change again")
        if self._wire.diff(staged.session) != staged.diff:
            what = f"its configuration was changed by somebody else since {staged.session} was staged"
            raise Busy(self.who, f"{what}, which the commit would undo", "retry")
        self._wire.write(f"configure session {staged.session} commit timer {_clock(confirm_within)}")
        if self._sessions_after("the commit").timed != staged.session:
            what = f"it took the commit of {staged.session}, and no timer of it runs"
            raise UnknownOutcome(self.who, what, "read the ports back over a new session before anything else")

    def confirm(self, staged: Staged) -> None:
        if self._sessions().timed != staged.session:
            what = f"the timer of {staged.session} does not run: it was taken back, or another confirmed it"
            raise NotApplied(self.who, what, "read the ports back, then plan the change again")
        self._wire.write(f"configure session {staged.session} commit")
        if self._sessions_after("the confirmation").timed == staged.session:
            what = f"it took the confirmation of {staged.session}, and its timer still runs"
            raise NotApplied(self.who, what, "it takes itself back when the timer ends")

    def roll_back(self, staged: Staged) -> None:
        there = self._sessions()
        if staged.session == there.timed or staged.session in there.open:
            self._abort(staged.session)

    def save(self) -> None:
        self._wire.write("write memory")
        with said_by(self.who):
            running, startup = self._running(), stanzas(self._wire.text("show startup-config"))
        check_saved(self.who, running, startup)

    def _kept(self, parsed: Parsed[Row]) -> tuple[Row, ...]:
        self._found += parsed.findings
        return parsed.rows

    def _running(self) -> Stanzas:
        return stanzas(self._wire.text("show running-config"))

    def _sessions(self) -> Sessions:
        return Sessions.read(self._wire.ask("show configuration sessions detail")[0])

    def _sessions_after(self, what: str) -> Sessions:
        try:
            return self._sessions()
        except Transient as error:
            says = f"{what} was taken, and what became of it cannot be read ({error.what})"
            raise UnknownOutcome(self.who, says, "read the ports back over a new session") from error

    def _hold_on(self) -> None:
        """The last of two sessions to be committed undoes the other (quirk 114): while one is open, ours waits."""
        there = self._sessions()
        for name in (there.timed, *sorted(there.open)):
            if name is not None:
                raise _held(self.who, name)

    def _check(self, wanted: Mapping[str, PortSettings], own: Stanzas) -> None:
        refuse_unknown(self.who, unknown(_DIALECT, wanted, own))
        large = [port for port, one in wanted.items() if (one.mtu or 0) > _LAYER_2_MTU]
        if large:
            raise Refused(self.who, f"{', '.join(large)}: its frames hold {_LAYER_2_MTU} bytes", "want a smaller MTU")

    def _touched(self, session: str, wanted: Mapping[str, PortSettings], vlans: Collection[int]) -> frozenset[str]:
        """The ports that the candidate changes, by the switch's own account of it. `Refused` where it does more: a
        candidate is a copy, and would undo what another changed since it was made (quirk 114)."""
        with said_by(self.who):
            after = stanzas(self._wire.text(f"show session-config named {session}"))
            before = self._running()
            made = _vlans(after) ^ _vlans(before)
        ours = {f"interface Port-Channel{one.lag.number}" for one in wanted.values() if one.lag is not None}
        ours |= {f"interface {port}" for port in wanted}
        touched = differing(before, after)
        odd = sorted(head for head in touched - ours if not head.startswith("vlan "))
        odd += [f"VLAN {vlan}" for vlan in sorted(made - set(vlans))]
        if odd:
            what = f"the candidate would change {', '.join(map(plain, odd[:5]))} too"
            raise Refused(self.who, what, "another changed it in the meantime, or it does; plan the change again")
        return frozenset(head.removeprefix("interface ") for head in touched & ours) & frozenset(wanted)

    def _abort(self, session: str) -> None:
        self._wire.write(f"configure session {session} abort")
        there = self._sessions()
        if session in there.open or session == there.timed:
            raise NotApplied(self.who, f"session {session} was aborted, and is still there", "abort it there by hand")

    def _forget(self, session: str) -> None:
        """After a candidate that came to nothing; what cannot be reached now is found as a leftover later."""
        try:
            self.release(session)
        except DriverError as error:
            self._found.append(Finding("left-open", session, error.what))


def _held(who: str, session: str) -> Busy:
    return Busy(who, f"session {plain(session)} of another is open there", "wait until it is committed or aborted")


def _clock(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _vlans(told: Stanzas) -> frozenset[int]:
    """By the heads of their stanzas; those without a name share one (`vlan 10,20-22`)."""
    try:
        return frozenset[int]().union(*(vlan_set(head[5:]) for head in told if re.match(r"vlan \d", head)))
    except ValueError as error:
        raise garbled("show running-config", f"VLANs: {error}") from error
