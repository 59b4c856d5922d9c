"""One safe change of a switch's ports, for every family: nothing is called done that was not read back.

Release what a dead run of ours left; read; stage what differs; commit under a timer; read back over a new connection;
confirm; read again; save. A kill at any point leaves a session, a candidate or a timer of ours, which the next run
finds and releases, and begins anew.
"""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from drivers.ability.switch import Confirm, PortSettings, Staged, SwitchDriver
from drivers.errors import DriverError, NotApplied, Refused, Transient, UnknownOutcome
from drivers.patience import Patience
from drivers.switch.serial import check_serial
from inventory.quantity import in_words

Open = Callable[[], AbstractContextManager[SwitchDriver]]
# As `Job.once`: a durable intent under that key, then the deed; `seen` tells of one found open whether it was done.
Intend = Callable[[str, Callable[[], None], Callable[[], bool | None]], object]

CONFIRM_WITHIN = timedelta(minutes=2)  # two logins, two readings and a confirmation on a slow switch
_LOOK = "look at the switch's log, then plan the change again"
_SHOWN = 5  # of what differs
_AFTER = timedelta(seconds=30)  # that a switch may take to undo, once its timer is over


@dataclass(frozen=True)
class Change:
    """What ports are to be. `vlans` are made where they are missing; `allowed`: the ports that may be touched at all.

    `serial`: of the switch that is meant, where the inventory says. `who` names it in errors.
    """

    wanted: Mapping[str, PortSettings]
    vlans: Mapping[int, str]
    allowed: Collection[str]
    serial: str | None = None
    confirm_within: timedelta = CONFIRM_WITHIN
    who: str = "the switch"


@dataclass(frozen=True)
class Brought:
    """Ports that were changed, and the switch's own words for it. Empty where all held already."""

    ports: frozenset[str]
    diff: str


def at_once(_key: str, do: Callable[[], None], _seen: Callable[[], bool | None]) -> None:
    """For who keeps no intents."""
    do()


def bring(session: Open, change: Change, intend: Intend = at_once, patience: Patience | None = None) -> Brought:
    """Bring it about, and save it. Every session is closed again, whatever happens.

    `Refused`: a port that is not allowed, not there, or shares a LAG with one that is not; or the switch rejects it.
    `IdentityChanged`: another switch answers. `Busy`: another holds its configuration. Of these nothing was changed.
    `NotApplied`: it was taken back, by the switch or by us. `UnknownOutcome`: it cannot be told which.
    """
    strange = sorted(set(change.wanted) - set(change.allowed))
    if strange:
        raise Refused(change.who, f"change {', '.join(strange)}: not ours to touch", "mend links: in the inventory")
    with session() as switch:
        _release(switch, intend)
        same(switch, change)
        if not lacking(switch, change.wanted, change.vlans):
            _save(switch, intend, "held")  # a run that died may have confirmed, and not saved
            return Brought(frozenset(), "")
        _check(switch, change)
        staged = _staged(switch, change)
        confirm, began = switch.assurance().confirm, time.monotonic()
        _commit(switch, staged, change, intend)
    _Proof(session, change, staged, began, confirm, patience or Patience()).keep(intend)
    return Brought(staged.ports, staged.diff)


def same(switch: SwitchDriver, change: Change) -> None:
    """`IdentityChanged` where it tells another serial than that of the switch meant."""
    if change.serial is None:
        return
    check_serial(switch.facts().serial, change.serial, change.who)


def lacking(switch: SwitchDriver, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> tuple[str, ...]:
    """What is not as wanted, in words; asks the switch. What it does not tell of is not held against it."""
    there, now = switch.vlans(), switch.settings(tuple(wanted))
    told = [f"VLAN {vlan} is not there" for vlan in vlans if vlan not in there]
    for port, one in wanted.items():
        told += [f"{port}: {says}" for says in _differs(now[port], one)] if port in now else [f"{port} is not there"]
    return tuple(told)


def _differs(now: PortSettings, wanted: PortSettings) -> Iterator[str]:
    for field in ("enabled", "untagged", "tagged", "lag", "description"):
        is_now, is_wanted = getattr(now, field), getattr(wanted, field)
        if is_now != is_wanted:
            yield f"{field} is {_shown(is_now)}, wanted {_shown(is_wanted)}"
    for field in ("mtu", "edge"):
        is_now, is_wanted = getattr(now, field), getattr(wanted, field)
        if None not in (is_now, is_wanted) and is_now != is_wanted:
            yield f"{field} is {_shown(is_now)}, wanted {_shown(is_wanted)}"


def _shown(value: object) -> str:
    return ",".join(map(str, sorted(value))) or "none" if isinstance(value, frozenset) else str(value)


def _release(switch: SwitchDriver, intend: Intend) -> None:
    for leftover in switch.leftovers():
        intend(f"release {leftover}", partial(switch.release, leftover), lambda: None)


def _check(switch: SwitchDriver, change: Change) -> None:
    """Before anything is opened there."""
    there = {*switch.vlans(), *change.vlans}
    needed = {one.untagged for one in change.wanted.values() if one.untagged is not None}
    missing = sorted(needed.union(*(one.tagged for one in change.wanted.values())) - there)
    if missing:
        what = f"VLAN {', '.join(map(str, missing))} is neither there nor to be made"
        raise Refused(change.who, what, "declare its network in the inventory")
    numbers = {one.lag.number for one in change.wanted.values() if one.lag is not None}
    for lag in switch.lags():
        number = re.search(r"(\d+)$", lag.name)
        foreign = sorted(set(lag.members) - set(change.allowed))
        if number is not None and int(number[1]) in numbers and foreign:
            what = f"{lag.name} holds {', '.join(foreign)}, which is not ours to touch"
            raise Refused(change.who, what, "free it there, or give the bond another number")


def _staged(switch: SwitchDriver, change: Change) -> Staged:
    staged = switch.stage(change.wanted, change.vlans)
    odd = sorted(staged.ports - set(change.wanted))
    if odd:
        switch.roll_back(staged)
        what = f"the candidate would change {', '.join(odd)} too. It was dropped"
        raise Refused(change.who, what, _LOOK)
    if not staged.diff:
        switch.roll_back(staged)
        raise NotApplied(change.who, "settings differ, and by its own account the candidate changes nothing", _LOOK)
    return staged


def _commit(switch: SwitchDriver, staged: Staged, change: Change, intend: Intend) -> None:
    def do() -> None:
        switch.commit(staged, change.confirm_within)

    try:
        intend(f"commit {staged.session}", do, lambda: not lacking(switch, change.wanted, change.vlans))
    except UnknownOutcome:
        return  # what reads back tells
    except DriverError as error:
        raise type(error)(error.who, f"{error.what}{_taken_back(switch, staged)}", error.remedy) from error


def _taken_back(switch: SwitchDriver, staged: Staged) -> str:
    try:
        switch.roll_back(staged)
    except DriverError as error:
        return f"; and {staged.session} could not be taken back: {error.what}"
    return ""


def _save(switch: SwitchDriver, intend: Intend, why: str) -> None:
    intend(f"save {why}", switch.save, lambda: None)


@dataclass
class _Proof:
    """What is left to do once a commit was sent: over other connections than the one it went by."""

    session: Open
    change: Change
    staged: Staged
    began: float  # by the monotonic clock
    confirm: Confirm
    patience: Patience
    confirmed: bool = False

    def keep(self, intend: Intend) -> None:
        """Read back as long as the timer allows, for a link may take its time to come up again."""
        within = self.change.confirm_within / 2
        lost: Transient | None = None
        for _ in self.patience.looks(within):
            try:
                with self.session() as switch:
                    self._kept(switch, intend)
                    return
            except Transient as error:
                lost = error
        if lost is not None:
            self._lost(lost, within)

    def _kept(self, switch: SwitchDriver, intend: Intend) -> None:
        same(switch, self.change)
        missing = self._lacking(switch)
        if missing and not self.confirmed:
            waits = self.staged.session in switch.leftovers()
            says = f"; we took it back{_taken_back(switch, self.staged)}" if waits else "; the switch took it back"
            raise NotApplied(self.change.who, f"it was committed, and does not read back: {missing}{says}", _LOOK)
        if not self.confirmed:
            self._confirm(switch, intend)
            missing = self._lacking(switch)
        if missing:
            raise NotApplied(self.change.who, f"it was confirmed, and is gone again: {missing}", _LOOK)
        _save(switch, intend, self.staged.session)

    def _confirm(self, switch: SwitchDriver, intend: Intend) -> None:
        try:
            intend(f"confirm {self.staged.session}", partial(switch.confirm, self.staged), lambda: None)
        except UnknownOutcome:
            if self.staged.session in switch.leftovers():  # its timer runs: it was not heard
                switch.confirm(self.staged)
        self.confirmed = True

    def _lacking(self, switch: SwitchDriver) -> str:
        return "; ".join(lacking(switch, self.change.wanted, self.change.vlans)[:_SHOWN])

    def _lost(self, error: Transient, within: timedelta) -> None:
        """Nobody could look: the switch takes it back by itself, and once it did, answers again (F33)."""
        if self.confirmed:
            what = f"it was confirmed, and after that could not be read or saved ({error.what})"
            raise UnknownOutcome(self.change.who, what, _LOOK) from error
        says = f"after the commit it could not be read for {in_words(within)} ({error.what}), so it was not confirmed"
        if self.confirm is Confirm.NONE:
            raise UnknownOutcome(self.change.who, f"{says}; nothing takes it back there", _LOOK) from error
        left = self.began + (self.change.confirm_within + _AFTER).total_seconds() - time.monotonic()
        for _ in self.patience.beats(timedelta(seconds=max(left, 0))):
            if self._is_back():
                raise NotApplied(self.change.who, f"{says}, and the switch took it back", _LOOK) from error
        what = f"{says}; it should have taken itself back by now, and that cannot be read"
        raise UnknownOutcome(self.change.who, what, "look at it by its console") from error

    def _is_back(self) -> bool:
        try:
            with self.session() as switch:
                if not self._lacking(switch):
                    return False
                if self.staged.session in switch.leftovers():  # as a file of before does, which outlives its timer
                    switch.roll_back(self.staged)
                return self.staged.session not in switch.leftovers()
        except Transient:
            return False
