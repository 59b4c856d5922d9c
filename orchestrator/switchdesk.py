"""Where switches are read and changed: one session at a time with each, and one commit for all that is wanted there.

Threads that look at one switch at one time share a reading; ports that are wanted within a moment share a change.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce

from pydantic import JsonValue

from drivers.ability.switch import SwitchDriver
from drivers.errors import DriverError, NotApplied, Refused
from drivers.switch.change import Change, bring
from drivers.switch.serial import check_serial
from inventory.errors import SecretMissing
from inventory.model import Site
from orchestrator import ports
from orchestrator.errors import StepFailed
from orchestrator.events import Event
from orchestrator.portdiff import in_words, lacking, occupied, takes_down, waves
from orchestrator.ports import SwitchIntent
from orchestrator.store import Store, now
from orchestrator.switchlease import changing, free, left
from orchestrator.switchreading import PortViews, Reading, read

NOW = timedelta()
COMPANY = timedelta(seconds=1)  # how long a change waits for others at its switch
BACK_WITHIN = timedelta(seconds=60)  # a link comes up in seconds, LACP and an edge port within a few more
_LOOK = 1.0  # seconds
_AT_ONCE = 16

Opener = Callable[[str], AbstractContextManager[SwitchDriver]]


@dataclass(frozen=True)
class Along:
    """What another node wants of a switch now. `spans`: a bond of it has cables at further switches."""

    wanted: SwitchIntent
    spans: bool


@dataclass(frozen=True)
class Changed:
    """Ports by name, in so many commits."""

    ports: tuple[str, ...]
    commits: int


@dataclass
class _Place:
    """One switch's: `line` is held for each session with it, `turn` by whoever gathers and changes."""

    line: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)
    last: Reading | None = None
    changed: datetime | None = None


class SwitchDesk:
    """`opener`: a session with a switch, by its name."""

    def __init__(self, site: Site, store: Store, opener: Opener) -> None:
        self._site = site
        self._store = store
        self._open = opener
        self._views = PortViews(store)
        self._allowed = ports.allowed(site)
        self._places: Mapping[str, _Place] = {name: _Place() for name in site.switches}

    def read(self, switch: str, age: timedelta = NOW) -> Reading:
        """As it is now, or was so long ago and no change of ours since. Driver errors as they come, and
        `IdentityChanged` where another switch than the declared one answers.

        What began while the caller waited for its turn is as good as its own: of many at one time, one or two ask.
        """
        oldest, place = now() - age, self._places[switch]
        with place.line:
            last = place.last
            if last is not None and last.began > max(oldest, place.changed or oldest):
                return last
            return self._look(switch, place)

    def alone(self, switch: str) -> AbstractContextManager[SwitchDriver] | None:
        """A session, while nobody else of ours has one there; None for a switch that is not driven."""
        return self._session(switch) if self._site.switches[switch].management is not None else None

    @contextmanager
    def _session(self, switch: str) -> Iterator[SwitchDriver]:
        with self._places[switch].line, self._open(switch) as session:
            yield session

    @contextmanager
    def turn(self, switch: str) -> Iterator[bool]:
        """Whether the switch is ours to change; False, at once, where another thread is at it."""
        place = self._places[switch]
        if not place.turn.acquire(blocking=False):
            yield False
            return
        try:
            yield True
        finally:
            place.turn.release()
            with self._store.begin() as connection:
                self._store.signal(connection, signal(switch))

    def change(self, switch: str, own: SwitchIntent, others: Callable[[], Iterable[Along]]) -> Changed:
        """Bring what lacks of `own` and, after a moment for company, of `others`. Within `turn`.

        What cannot be done for others is left to them, who say so themselves. `Held` where another process is at this
        switch, `StepFailed` for a port or a LAG that is not ours to change; driver errors as they come, and
        `NotApplied` where a port that forwarded does not come back.
        """
        time.sleep(COMPANY.total_seconds())
        place = self._places[switch]
        with changing(self._store, switch), place.line:
            seen = self._look(switch, place)
            for fault in self._faults(switch, own, seen):
                raise fault
            company = [one.wanted for one in others() if self._may_join(switch, one, seen)]
            try:
                return self._commit(switch, reduce(SwitchIntent.joined, company, own), seen)
            except (Refused, NotApplied):
                if not company:
                    raise
            return self._commit(switch, own, self._look(switch, place))

    def _may_join(self, switch: str, one: Along, seen: Reading) -> bool:
        if one.spans and _interrupted(one.wanted, seen):
            return False
        return not any(self._faults(switch, one.wanted, seen))

    def _commit(self, switch: str, wanted: SwitchIntent, seen: Reading) -> Changed:
        place, missing = self._places[switch], lacking(wanted, seen.settings, seen.vlans)
        due = _only(wanted, missing)
        order = waves(due, seen.settings, seen.forwarding) or (frozenset[str](),) * bool(missing)
        for wave in order:
            part = replace(due, ports={name: due.ports[name] for name in wave})
            serial = self._site.switches[switch].serial
            what = Change(part.settings, part.vlans, self._allowed[switch], serial, who=switch)
            try:
                bring(lambda: self._open(switch), what)
            finally:
                place.changed = now()
            self._come_back(switch, place, _interrupted(part, seen))
        if order:
            self._store.record(_event(switch, due, len(order)))
        return Changed(tuple(sorted(due.ports)), len(order))

    def end_left(self) -> None:
        """Release what a dead process of ours left open at switches that it was changing; before anything else.

        It may have died between confirming and saving, which nothing shows: what is in force then is saved.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._release, left(self._store)))

    def _release(self, switch: str) -> None:
        try:
            if switch in self._places:
                with self._open(switch) as session:
                    for leftover in session.leftovers():
                        session.release(leftover)
                    session.save()
        except (DriverError, SecretMissing) as error:
            self._store.record(Event("switch.left", f"what a dead run left at {switch} is still there: {error}"))
        free(self._store, switch)

    def _look(self, switch: str, place: _Place) -> Reading:
        with self._open(switch) as session:
            seen = read(session, self._allowed[switch])
        check_serial(seen.facts.serial, self._site.switches[switch].serial, switch)
        place.last = seen
        self._views.keep(switch, seen)
        return seen

    def _faults(self, switch: str, wanted: SwitchIntent, seen: Reading) -> Iterator[StepFailed]:
        """Why this is not ours to change, or not there."""
        strange = sorted(set(wanted.ports) - self._allowed[switch])
        if strange:
            what = f"{', '.join(strange)}: an uplink, or no cable of a node ends there; not touched"
            yield StepFailed(switch, what, "mend links: and uplinks: in the inventory")
        absent = sorted(set(wanted.ports) - set(strange) - set(seen.settings))
        if absent:
            what = f"it has no port {', '.join(absent)}"
            yield StepFailed(switch, what, "name its ports as it does, in the inventory")
        taken = list(occupied(wanted, seen.lags))
        if taken:
            what = f"{'; '.join(taken)}; it is wanted for others, and not taken over"
            yield StepFailed(switch, what, "free it there, or give the switch another first_lag in the inventory")

    def _come_back(self, switch: str, place: _Place, gone: Collection[str]) -> None:
        """Before other members of their bonds go, here or at another switch: these ports forward again."""
        began = now()
        while missing := sorted(set(gone) - self._look(switch, place).forwarding) if gone else []:
            if now() - began > BACK_WITHIN:
                what = f"{', '.join(missing)} forwarded before the change and did not come back"
                raise NotApplied(switch, what, "look at its cable and its LACP partner, then plan the node again")
            time.sleep(_LOOK)


def _event(switch: str, due: SwitchIntent, commits: int) -> Event:
    told: dict[str, JsonValue] = {name: f"{one.node}:{one.nic}" for name, one in sorted(due.ports.items())}
    says = f"{switch}: {len(told)} ports changed in {commits} {'commit' if commits == 1 else 'commits'}"
    return Event("switch.changed", says, data={"switch": switch, "ports": told, "commits": commits})


def signal(switch: str) -> str:
    """It comes whenever a change of the switch is over."""
    return f"switch:{switch}"


def _only(wanted: SwitchIntent, missing: Mapping[str, object]) -> SwitchIntent:
    named = {name: one for name, one in wanted.ports.items() if name in missing}
    needed = {one.settings.untagged for one in named.values()}.union(*(one.settings.tagged for one in named.values()))
    vlans = {vlan: name for vlan, name in wanted.vlans.items() if vlan in needed or f"VLAN {vlan}" in missing}
    return SwitchIntent(named, vlans)


def _interrupted(wanted: SwitchIntent, seen: Reading) -> frozenset[str]:
    """Ports that forward now, are to do so again, and do not in between."""
    there = {name: told for name, told in wanted.settings.items() if name in seen.forwarding and told.enabled}
    return frozenset(name for name, told in there.items() if takes_down(seen.settings.get(name), told))


def words(switch: str, wanted: SwitchIntent, seen: Reading) -> str:
    """What lacks, port by port; empty where all holds."""
    return in_words(switch, lacking(wanted, seen.settings, seen.vlans))
