"""Keeping what clients say of a node, with its event in the same transaction."""

from collections.abc import Mapping

from pydantic import JsonValue
from sqlalchemy import Connection, insert, select, update

from orchestrator.api.cards import Said
from orchestrator.api.tables import HANDOFF
from orchestrator.events import Event
from orchestrator.store import Store, now

_COLUMNS = tuple(Said.__dataclass_fields__)


def read(connection: Connection, node: str) -> Said:
    asked = select(*(HANDOFF.c[name] for name in _COLUMNS)).where(HANDOFF.c.node == node)
    row = connection.execute(asked).one_or_none()
    return Said() if row is None else Said(*row)


def write(connection: Connection, node: str, values: Mapping[str, JsonValue]) -> None:
    """Within the caller's `decide`: nobody else makes the row meanwhile."""
    stamped = {**values, "updated_at": now().timestamp()}
    done = connection.execute(update(HANDOFF).where(HANDOFF.c.node == node).values(stamped))
    if done.rowcount == 0:
        fresh = Said()
        blank = {name: getattr(fresh, name) for name in _COLUMNS}
        connection.execute(insert(HANDOFF).values({"node": node, **blank, **stamped}))


def keep(store: Store, node: str, values: Mapping[str, JsonValue], told: Event) -> None:
    with store.decide() as connection:
        write(connection, node, values)
        store.append(connection, told)
