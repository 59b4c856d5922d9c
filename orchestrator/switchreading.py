"""What a switch tells of our ports in one session, and what of that is kept for the plan."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import JSON, Column, String, Table, delete, insert, select

from drivers.ability.switch import Assurance, Lag, PortSettings, SwitchDriver, SwitchFacts
from drivers.errors import Unsupported
from orchestrator.boot.tables import Utc
from orchestrator.portdiff import alive
from orchestrator.portplan import PortView
from orchestrator.store import METADATA, Store, now

PORT_VIEW = Table(
    "port_view",
    METADATA,
    Column("switch", String, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("body", JSON, nullable=False),  # orchestrator.portplan.PortView
)
_VIEW = TypeAdapter(PortView)


@dataclass(frozen=True)
class Reading:
    """`began`: before anything was asked. `forwarding`: ports with a link that pass frames now."""

    began: datetime
    facts: SwitchFacts
    settings: Mapping[str, PortSettings]
    vlans: Mapping[int, str]
    lags: tuple[Lag, ...]
    forwarding: frozenset[str]
    assurance: Assurance


def read(session: SwitchDriver, ports: Collection[str]) -> Reading:
    """All that is judged about these ports. Driver errors as they come."""
    began, lags = now(), _lags(session)
    return Reading(
        began=began,
        facts=session.facts(),
        settings=dict(session.settings(ports)),
        vlans=dict(session.vlans()),
        lags=lags,
        forwarding=alive([port.name for port in session.ports() if port.up], lags),
        assurance=session.assurance(),
    )


def _lags(session: SwitchDriver) -> tuple[Lag, ...]:
    try:
        return session.lags()
    except Unsupported:
        return ()


class PortViews:
    """The last reading of each switch, as far as a plan shows it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, switch: str, seen: Reading) -> None:
        view = PortView(seen.began, seen.settings, frozenset(seen.vlans), seen.assurance.confirm, seen.assurance.says)
        row = {"switch": switch, "at": seen.began, "body": _VIEW.dump_python(view, mode="json")}
        with self._store.begin() as connection:
            connection.execute(delete(PORT_VIEW).where(PORT_VIEW.c.switch == switch))
            connection.execute(insert(PORT_VIEW), row)

    def all(self) -> Mapping[str, PortView]:
        with self._store.engine.connect() as connection:
            rows = connection.execute(select(PORT_VIEW.c.switch, PORT_VIEW.c.body)).all()
        return {row.switch: _VIEW.validate_python(row.body) for row in rows}
