"""The log over HTTP: page by page, or as a stream (server-sent events) that is taken up where it broke off.

A tenant reads what happened to its nodes while they were its own, and what it asked for. Of a role it is told which one
and what became of it; not the words, in which BMCs occur.
"""

from collections.abc import Collection, Sequence
from datetime import UTC
from typing import Annotated

from fastapi import Header, Query, Response
from pydantic import AwareDatetime, Field, JsonValue
from sqlalchemy import ColumnElement, Connection, Row, func, or_, select

from orchestrator.api import tenure
from orchestrator.api.access import Role
from orchestrator.api.errors import TooMany
from orchestrator.native.answers import Document, Paging, cursor, page, place
from orchestrator.native.ask import Ask, Asked
from orchestrator.native.stream import Piece, Stream
from orchestrator.store import EVENT, Store

STREAM = "text/event-stream"
_STREAMS = 8  # of one login
_FOR_TENANTS = ("handoff.", "role.")
_OF_NO_TENANT = ("role.note",)


class Event(Document):
    """`says` and `data` are null where they are not for tenants."""

    cursor: str = Field(description="Its place in the log: events after it are asked for by this.")
    kind: str
    at: AwareDatetime
    node: str | None
    role: str | None
    run: str | None
    says: str | None
    data: dict[str, JsonValue] | None


class Events(Document):
    items: list[Event]
    next: str = Field(description="The cursor to go on with, also where nothing has happened.")
    more: bool


class EventsAsked(Paging):
    kind: Annotated[str | None, Field(max_length=80, description="A kind, or how kinds begin: role.")] = None
    node: Annotated[str | None, Field(max_length=255)] = None


LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=400, description="As `cursor`, which goes before it.")
]


def listed(
    ask: Asked,
    asked: Annotated[EventsAsked, Query()],
    last_event_id: LastEventId = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Oldest first, from the first one on. To who accepts text/event-stream, those after now as they come."""
    given = asked.cursor or last_event_id
    after = number(given) if given else 0
    if STREAM not in (accept or "").lower():
        return page(read(ask, asked, after, asked.limit))
    tail, who = ask.front.tail, ask.actor.name
    if not tail.enter(who, _STREAMS):
        raise TooMany(f"{who} follows the log by {_STREAMS} streams already: end one.", 10)
    with ask.desk.store.engine.connect() as connection:
        start = after if given else newest(connection)
    return Stream(tail, start, lambda place, most: pieces(ask, asked, place, most), lambda: tail.leave(who))


def read(ask: Ask, asked: EventsAsked, after: int, most: int) -> Events:
    rows, last = _rows(ask, asked, after, most)
    more = len(rows) > most
    shown = [_told(ask, row) for row in rows[:most]]
    return Events(items=shown, next=shown[-1].cursor if more else named(last), more=more)


def pieces(ask: Ask, asked: EventsAsked, after: int, most: int) -> tuple[list[Piece], int]:
    """What a stream sends of the events after that id, and the id after which it goes on."""
    rows, last = _rows(ask, asked, after, most)
    told = [Piece(named(row.id), _told(ask, row).model_dump_json()) for row in rows[:most]]
    return told, rows[most - 1].id if len(rows) > most else last


def newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(EVENT.c.id))) or 0


def _rows(ask: Ask, asked: EventsAsked, after: int, most: int) -> tuple[Sequence[Row[tuple[object, ...]]], int]:
    """One more than asked for where there is one, and up to which id was looked."""
    with ask.desk.store.engine.connect() as connection:
        last = max(newest(connection), after)
        wanted = select(EVENT).where(EVENT.c.id > after, EVENT.c.id <= last, *_filters(ask, asked))
        return connection.execute(wanted.order_by(EVENT.c.id).limit(most + 1)).all(), last


def _filters(ask: Ask, asked: EventsAsked) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if asked.kind:
        found.append(EVENT.c.kind.startswith(asked.kind, autoescape=True))
    if asked.node:
        found.append(EVENT.c.node == asked.node)
    if ask.tenant is not None:
        found.append(tenants(ask.tenant))
    return found


def tenants(tenant: str) -> ColumnElement[bool]:
    """What that one may know of."""
    kinds = [EVENT.c.kind.startswith(prefix, autoescape=True) for prefix in _FOR_TENANTS]
    its = EVENT.c.kind.not_in(_OF_NO_TENANT) & (kinds[0] | kinds[1]) & tenure.happened_to(tenant)
    return or_(its, EVENT.c.data["tenant"].as_string() == tenant)


def _told(ask: Ask, row: Row[tuple[object, ...]]) -> Event:
    return told(row, ask.tenant)


def told(row: Row[tuple[object, ...]], tenant: str | None) -> Event:
    """To a tenant the words of what it did itself, or Anneal for it; what others do is told in words that name them."""
    own = row.data.get("tenant") == tenant and row.data.get("role") in (None, Role.TENANT)
    hidden = tenant is not None and not own
    return Event(
        cursor=named(row.id),
        kind=row.kind,
        at=row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC),
        node=row.node,
        role=row.role,
        run=None if tenant is not None else row.run,
        says=None if hidden else row.says,
        data=None if tenant is not None else row.data,
    )


def named(event: int) -> str:
    """The cursor of the place after that event."""
    return cursor("events", event)


def number(given: str) -> int:
    """The event that such a cursor names. `Missing` for any other text."""
    return int(str(place("events", given, int)[0]))


def following(store: Store, tenant: str | None, kinds: Collection[str], after: int) -> tuple[Event | None, int]:
    """The next event of these kinds that the tenant may know of, and the place after it; that is the end where there
    is none."""
    wanted = select(EVENT).where(EVENT.c.id > after)
    if kinds:
        wanted = wanted.where(or_(*(EVENT.c.kind.startswith(kind, autoescape=True) for kind in kinds)))
    if tenant is not None:
        wanted = wanted.where(tenants(tenant))
    with store.engine.connect() as connection:
        last = max(newest(connection), after)
        row = connection.execute(wanted.where(EVENT.c.id <= last).order_by(EVENT.c.id).limit(1)).one_or_none()
    return (None, last) if row is None else (told(row, tenant), row.id)
