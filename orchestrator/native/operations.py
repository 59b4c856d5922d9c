"""What goes on after its request was answered: an operation, with how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query, Response
from pydantic import AwareDatetime, Field, JsonValue
from sqlalchemy import Connection, RowMapping, insert, select, tuple_, update

from orchestrator.api.errors import Missing
from orchestrator.native.answers import Document, Paging, cursor, document, page, place
from orchestrator.native.ask import Ask, Asked, IfNoneMatch, tag
from orchestrator.native.keys import Told
from orchestrator.native.tables import OPERATION
from orchestrator.store import Store, now

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
ENDED = (DONE, FAILED)
PATH = "/api/v1/operations"


class Operation(Document):
    uuid: UUID
    kind: Literal["claim", "power"]
    state: Literal["waiting", "running", "done", "failed"]
    subject: str = Field(description="The uuid of the claim, or the name of the node.")
    says: str
    created_at: AwareDatetime
    ended_at: AwareDatetime | None


class Operations(Document):
    items: list[Operation]
    next: str | None


class OperationsAsked(Paging):
    state: Literal["waiting", "running", "done", "failed"] | None = None
    subject: Annotated[str | None, Field(max_length=255)] = None


@dataclass(frozen=True)
class Wanted:
    """`owner`: the tenant that may see it; None: whoever works for the site."""

    kind: Literal["claim", "power"]
    subject: str
    owner: str | None
    asked: Mapping[str, JsonValue]


def begin(connection: Connection, ask: Ask, ident: str, wanted: Wanted) -> Operation:
    """In the transaction of whoever asks: it waits to be carried out."""
    row = {
        "uuid": ident,
        "kind": wanted.kind,
        "state": WAITING,
        "subject": wanted.subject,
        "asked": dict(wanted.asked),
        "owner": wanted.owner,
        "actor": ask.actor.name,
        "role": ask.actor.role.value,
        "request": ask.request,
        "says": "not begun",
        "created_at": now().timestamp(),
    }
    connection.execute(insert(OPERATION).values(row))
    return _told(connection.execute(select(OPERATION).where(OPERATION.c.uuid == ident)).mappings().one())


def move(connection: Connection, ident: str, state: str, says: str) -> None:
    ended = now().timestamp() if state in ENDED else None
    change = update(OPERATION).where(OPERATION.c.uuid == ident, OPERATION.c.state.not_in(ENDED))
    connection.execute(change.values(state=state, says=says, ended_at=ended))


def accepted(told: Operation) -> Told:
    """202 with its address."""
    text = told.model_dump_json()
    return Told(202, text, {"Location": f"{PATH}/{told.uuid}", "ETag": tag(text)})


def read(store: Store, ident: str) -> Operation:
    with store.engine.connect() as connection:
        return _told(connection.execute(select(OPERATION).where(OPERATION.c.uuid == ident)).mappings().one())


def listed(ask: Asked, asked: Annotated[OperationsAsked, Query()]) -> Response:
    """In the order in which they were asked for."""
    order = tuple_(OPERATION.c.created_at, OPERATION.c.uuid)
    wanted = select(OPERATION).order_by(OPERATION.c.created_at, OPERATION.c.uuid).limit(asked.limit + 1)
    if asked.cursor:
        wanted = wanted.where(order > tuple_(*place("operations", asked.cursor, float, str)))
    if asked.state:
        wanted = wanted.where(OPERATION.c.state == asked.state)
    if asked.subject:
        wanted = wanted.where(OPERATION.c.subject == asked.subject)
    if ask.tenant is not None:
        wanted = wanted.where(OPERATION.c.owner == ask.tenant)
    with ask.desk.store.engine.connect() as connection:
        rows = connection.execute(wanted).mappings().all()
    shown = rows[: asked.limit]
    last = cursor("operations", shown[-1]["created_at"], shown[-1]["uuid"]) if len(rows) > asked.limit else None
    return page(Operations(items=[_told(row) for row in shown], next=last))


def shown(ask: Asked, operation: Annotated[UUID, Path()], if_none_match: IfNoneMatch = None) -> Response:
    wanted = select(OPERATION).where(OPERATION.c.uuid == str(operation))
    with ask.desk.store.engine.connect() as connection:
        row = connection.execute(wanted).mappings().one_or_none()
    if row is None or (ask.tenant is not None and row["owner"] != ask.tenant):
        raise Missing(f"There is no operation {operation}.")
    return document(_told(row), unless=if_none_match)


def _told(row: RowMapping) -> Operation:
    return Operation(
        uuid=UUID(row["uuid"]),
        kind=row["kind"],
        state=row["state"],
        subject=row["subject"],
        says=row["says"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        ended_at=None if row["ended_at"] is None else datetime.fromtimestamp(row["ended_at"], UTC),
    )
