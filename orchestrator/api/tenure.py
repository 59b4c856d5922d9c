"""Whose a node was, from event to event: so of each it can be said to whose node it happened."""

from sqlalchemy import ColumnElement, Connection, insert, select, update

from orchestrator.api.tables import TENURE
from orchestrator.store import EVENT


def begin(connection: Connection, node: str, owner: str | None, event: int) -> None:
    """In the transaction of the claim; of nobody's claim there is nothing to keep."""
    if owner is not None:
        connection.execute(insert(TENURE).values(since=event, node=node, owner=owner))


def end(connection: Connection, node: str, event: int) -> None:
    connection.execute(update(TENURE).where(TENURE.c.node == node, TENURE.c.until.is_(None)).values(until=event))


def happened_to(owner: str) -> ColumnElement[bool]:
    """Of events: those of a node while it was theirs."""
    theirs = select(TENURE.c.since).where(
        TENURE.c.node == EVENT.c.node,
        TENURE.c.owner == owner,
        TENURE.c.since <= EVENT.c.id,
        TENURE.c.until.is_(None) | (TENURE.c.until >= EVENT.c.id),
    )
    return theirs.exists()
