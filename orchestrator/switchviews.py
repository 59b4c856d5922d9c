"""What switches told when they were last asked: asked through a narrow port, and kept, so that others need not ask."""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import JSON, Column, String, Table, delete, insert, select

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, Switch
from drivers.errors import Unsupported
from drivers.plain import plain
from orchestrator.boot.tables import Utc
from orchestrator.cabling.told import LearnedTold, NeighbourTold, PortTold, SwitchSeen, Told
from orchestrator.store import METADATA, Store, now

SWITCH_VIEW = Table(
    "switch_view",
    METADATA,
    Column("switch", String, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("body", JSON, nullable=False),  # orchestrator.cabling.told.SwitchSeen
)

FRESH = timedelta(seconds=15)  # a rack's nodes ask for one switch at one time; LLDP itself is slower than this
Opener = Callable[[str], AbstractContextManager[Switch] | None]


def undriven(_switch: str) -> None:
    """Where no switch is driven: they are looked at from their neighbours alone."""


@dataclass(frozen=True)
class _Desk:
    lock: threading.Lock = field(default_factory=threading.Lock)
    seen: dict[str, SwitchSeen] = field(default_factory=dict)


class SwitchViews:
    """`opener`: a session with a switch by its name; None for one that is not driven."""

    def __init__(self, store: Store, opener: Opener = undriven) -> None:
        self._store = store
        self._open = opener
        self._desks: dict[str, _Desk] = {}
        self._lock = threading.Lock()

    def look(self, switch: str) -> SwitchSeen | None:
        """Ask it now, or take what it said moments ago. None where it is not driven. Driver errors as they come."""
        with self._lock:
            desk = self._desks.setdefault(switch, _Desk())
        with desk.lock:
            before = desk.seen.get(switch)
            if before is not None and now() - before.at < FRESH:
                return before
            session = self._open(switch)
            if session is None:
                return None
            with session as opened:
                seen = ask(opened, now())
            desk.seen[switch] = seen
            self._keep(switch, seen)
            return seen

    def latest(self, switches: Collection[str]) -> Mapping[str, SwitchSeen]:
        """What each of these told last; those that were never asked are left out."""
        with self._store.engine.connect() as connection:
            rows = connection.execute(select(SWITCH_VIEW.c.switch, SWITCH_VIEW.c.body)).all()
        return {row.switch: SwitchSeen.model_validate(row.body) for row in rows if row.switch in switches}

    def _keep(self, switch: str, seen: SwitchSeen) -> None:
        row = {"switch": switch, "at": seen.at, "body": seen.model_dump(mode="json")}
        with self._store.begin() as connection:
            connection.execute(delete(SWITCH_VIEW).where(SWITCH_VIEW.c.switch == switch))
            connection.execute(insert(SWITCH_VIEW), row)


def ask(switch: Switch, at: datetime) -> SwitchSeen:
    """All that is a witness to cables. A switch that has no MAC table or LAGs to tell of is one by LLDP alone."""
    return SwitchSeen(
        at=at,
        ports=tuple(
            PortTold(
                name=port.name,
                up=port.up,
                enabled=port.enabled,
                speed_mbps=port.speed_mbps,
                lanes=port.lanes,
                lag=port.lag,
            )
            for port in switch.ports()
        ),
        neighbours=tuple(NeighbourTold(at_port=one.port, told=told_by(one)) for one in switch.neighbours()),
        learned=tuple(LearnedTold(mac=row.mac, port=row.port) for row in _learned(switch) if not row.static),
        lags=_lags(switch),
    )


def told_by(one: Neighbour) -> Told:
    """Anybody may be plugged in there, and say anything."""
    return Told(
        chassis=plain(one.chassis_id) if one.chassis_id else None,
        system=plain(one.system) if one.system else None,
        kind=one.kind.value if one.kind else None,
        port=plain(one.port_id),
        description=plain(one.port_description) if one.port_description else None,
    )


def _learned(switch: Switch) -> tuple[Learned, ...]:
    try:
        return switch.learned()
    except Unsupported:
        return ()


def _lags(switch: Switch) -> Mapping[str, tuple[str, ...]]:
    """Members that carry traffic, by LAG; where none is bundled, those that do so by themselves while a host boots."""
    try:
        lags = switch.lags()
    except Unsupported:
        return {}
    return {lag.name: _in(lag, MemberState.BUNDLED) or _in(lag, MemberState.INDIVIDUAL) for lag in lags}


def _in(lag: Lag, wanted: MemberState) -> tuple[str, ...]:
    return tuple(name for name, state in lag.members.items() if state is wanted)
