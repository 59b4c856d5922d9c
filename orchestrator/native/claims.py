"""Claims over HTTP: several nodes at once or none, for a time, waited for; changed and given back by their ETag."""

import asyncio
import re
import time
import uuid
from typing import Annotated

from fastapi import Header, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy import select, tuple_, update

from orchestrator.api.errors import Conflict, Forbidden, Missing
from orchestrator.native import holding, keys, operations
from orchestrator.native.answers import Document, Paging, cursor, document, page, place
from orchestrator.native.ask import Ask, Asked, IdempotencyKey, IfMatch, IfNoneMatch, check, tag
from orchestrator.native.holding import HELD, WAITING, Claim, ClaimRow, NewClaim
from orchestrator.native.keys import Told
from orchestrator.native.operations import Wanted
from orchestrator.native.tables import CLAIM
from orchestrator.store import now

PATH = "/api/v1/claims"
_PREFERRED = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})")  # RFC 7240, section 4.3
_MOST_SECONDS = 60
_LOOK_SECONDS = 0.1

Ident = Annotated[uuid.UUID, Path(description="A claim.")]
Prefer = Annotated[str | None, Header(description="wait=N: answer within N seconds, at most 60, once it is settled.")]


class ClaimsAsked(Paging):
    state: Annotated[str | None, Field(pattern="^(waiting|held)$")] = None


class Claims(Document):
    items: list[Claim]
    next: str | None


class Change(Document):
    """Only what is named changes. A `lease_seconds` runs from now on."""

    name: Annotated[str | None, Field(max_length=255)] = None
    lease_seconds: Annotated[int | None, Field(ge=1, le=holding.LONGEST)] = None


async def made(ask: Asked, wanted: NewClaim, idempotency_key: IdempotencyKey = None, prefer: Prefer = None) -> Response:
    """201: it holds its nodes. 202: it waits for them. 409: they are not to be had, and nothing was taken."""
    told = await run_in_threadpool(_made, ask, wanted, idempotency_key)
    found = _PREFERRED.search(prefer or "")
    if told.status != 202 or found is None:
        return told.response()
    seconds = min(int(found[1]), _MOST_SECONDS)
    operation = told.headers["Location"].rpartition("/")[2]
    settled = await run_in_threadpool(operations.read, ask.desk.store, operation)
    ends = time.monotonic() + seconds
    while settled.state not in operations.ENDED and time.monotonic() < ends:
        await asyncio.sleep(_LOOK_SECONDS)
        settled = await run_in_threadpool(operations.read, ask.desk.store, operation)
    if settled.state == operations.FAILED:
        raise Conflict(settled.says)
    applied = {"Preference-Applied": f"wait={seconds}"}
    if settled.state == operations.DONE:
        claim = await run_in_threadpool(find, ask, uuid.UUID(settled.subject))
        return document(claim, 201, {"Location": f"{PATH}/{claim.uuid}", **applied})
    answer = told.response()
    answer.headers.update(applied)
    return answer


def _made(ask: Ask, wanted: NewClaim, key: str | None) -> Told:
    if ask.tenant is not None and wanted.owner not in (None, ask.tenant):
        raise Forbidden("A tenant claims for itself alone.")
    desk = ask.desk
    with desk.store.decide() as connection:
        earlier = keys.earlier(connection, ask, key)
        if earlier is not None:
            return earlier
        claim = holding.begin(connection, ask, wanted)
        if holding.fill(desk, connection, claim, ask.event):
            told = _created(holding.read(connection, claim.uuid))
        elif wanted.wait_seconds == 0:
            raise Conflict(holding.why_not(desk, connection, claim))
        else:
            asked = Wanted("claim", claim.uuid, claim.owner, {})
            says = f"claim {claim.uuid} waits for {wanted.count} of {wanted.resource_class}"
            desk.store.append(connection, ask.event("waits", says))
            told = operations.accepted(operations.begin(connection, ask, claim.uuid, asked))
        return keys.keep(connection, ask, key, told)


def _created(claim: Claim) -> Told:
    text = claim.model_dump_json()
    return Told(201, text, {"Location": f"{PATH}/{claim.uuid}", "ETag": tag(text)})


def listed(ask: Asked, asked: Annotated[ClaimsAsked, Query()]) -> Response:
    """In the order in which they were made."""
    wanted = select(CLAIM.c.uuid, CLAIM.c.created_at).order_by(CLAIM.c.created_at, CLAIM.c.uuid)
    if asked.cursor:
        after = tuple_(*place("claims", asked.cursor, float, str))
        wanted = wanted.where(tuple_(CLAIM.c.created_at, CLAIM.c.uuid) > after)
    if asked.state:
        wanted = wanted.where(CLAIM.c.state == asked.state)
    if ask.tenant is not None:
        wanted = wanted.where(CLAIM.c.owner == ask.tenant)
    with ask.desk.store.engine.connect() as connection:
        rows = connection.execute(wanted.limit(asked.limit + 1)).all()
        shown = rows[: asked.limit]
        told = holding.read_all(connection, [row.uuid for row in shown])
    last = cursor("claims", shown[-1].created_at, shown[-1].uuid) if len(rows) > asked.limit else None
    return page(Claims(items=told, next=last))


def shown(ask: Asked, claim: Ident, if_none_match: IfNoneMatch = None) -> Response:
    return document(find(ask, claim), unless=if_none_match)


def changed(ask: Asked, claim: Ident, change: Change, if_match: IfMatch = None) -> Response:
    with ask.desk.store.decide() as connection:
        row = _row(ask, holding.row_of(connection, str(claim)), claim)
        check(if_match, holding.read(connection, row.uuid).model_dump_json())
        at = now().timestamp()
        values: dict[str, object] = {name: getattr(change, name) for name in change.model_fields_set}
        if "lease_seconds" in values:
            lease = change.lease_seconds
            values["ends_at"] = at + lease if lease is not None and row.state == HELD else None
        connection.execute(update(CLAIM).where(CLAIM.c.uuid == row.uuid).values({**values, "updated_at": at}))
        says = f"claim {row.uuid}: changed {', '.join(sorted(change.model_fields_set)) or 'nothing'}"
        holding.tell(ask.desk.store, connection, row.owner, ask.event("claim_changed", says))
        return document(holding.read(connection, row.uuid))


def ended(ask: Asked, claim: Ident, if_match: IfMatch = None) -> Response:
    """All its nodes are given back; one that waits gives up."""
    with ask.desk.store.decide() as connection:
        row = _row(ask, holding.row_of(connection, str(claim)), claim)
        check(if_match, holding.read(connection, row.uuid).model_dump_json())
        if row.state == WAITING:
            operations.move(connection, row.uuid, operations.FAILED, f"{ask.actor.name} gave it up")
        holding.end(ask.desk.store, connection, row.uuid, ask.event)
    return Response(status_code=204)


def node_ended(
    ask: Asked,
    claim: Ident,
    node: Annotated[str, Path(min_length=1, max_length=255)],
    if_match: IfMatch = None,
) -> Response:
    """One of its nodes is given back; with the last one the claim is over."""
    name = ask.desk.pool.name(node)
    with ask.desk.store.decide() as connection:
        row = _row(ask, holding.row_of(connection, str(claim)), claim)
        check(if_match, holding.read(connection, row.uuid).model_dump_json())
        if not holding.end_one(ask.desk.store, connection, row.uuid, name, ask.event):
            raise Missing(f"Claim {claim} holds no node {node[:60]}.")
    return Response(status_code=204)


def find(ask: Ask, claim: uuid.UUID) -> Claim:
    """`Missing`, also where it is another tenant's."""
    with ask.desk.store.engine.connect() as connection:
        row = _row(ask, holding.row_of(connection, str(claim)), claim)
        return holding.read(connection, row.uuid)


def _row(ask: Ask, row: ClaimRow | None, claim: uuid.UUID) -> ClaimRow:
    if row is None or (ask.tenant is not None and row.owner != ask.tenant):
        raise Missing(f"There is no claim {claim}.")
    return row
