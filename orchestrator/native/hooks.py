"""Webhooks over HTTP: made, changed, ended; how far each is; sent again from a place; a new secret."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import Path, Query, Response
from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, tuple_, update

from orchestrator.api.errors import Conflict, Missing
from orchestrator.native import events, keys, message
from orchestrator.native.answers import Document, Paging, cursor, document, page, place
from orchestrator.native.ask import Ask, Asked, IdempotencyKey, IfMatch, IfNoneMatch, check, tag
from orchestrator.native.courier import ACTIVE
from orchestrator.native.keys import Told
from orchestrator.native.outside import NotOutside
from orchestrator.native.tables import HOOK
from orchestrator.store import now

PATH = "/api/v1/webhooks"
OVERLAP = timedelta(days=1)  # for which the secret before signs, too
_MOST = 20  # of one tenant, or of the site

Ident = Annotated[UUID, Path(description="A webhook.")]
Url = Annotated[str, Field(min_length=1, max_length=2000, description="https, to where events are posted.")]
Kinds = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z][a-z_.]{0,79}$")]],
    Field(max_length=40, description="Kinds of events, or how kinds begin, as role.; none: all."),
]


class NewWebhook(Document):
    url: Url
    kinds: Kinds = Field(default_factory=list)


class WebhookChange(Document):
    """Only what is named changes. A new URL is tried at once."""

    url: Url | None = None
    kinds: Kinds | None = None


class Webhook(Document):
    uuid: UUID
    url: str
    kinds: list[str]
    owner: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WebhookMade(Document):
    webhook: Webhook
    secret: str | None = Field(description="Told this once. Null where this answer is given again.")


class NewSecret(Document):
    secret: str = Field(description="Told this once. The one before signs, too, for a day.")


class Webhooks(Document):
    items: list[Webhook]
    next: str | None


class Delivery(Document):
    """How far it is. `failed`: given up; a replay begins anew."""

    state: Literal["active", "failed"]
    cursor: str = Field(description="The place of the last event that was taken there, or passed over.")
    attempts: int = Field(description="To deliver the event that is due, without success.")
    next_at: AwareDatetime
    says: str
    delivered_at: AwareDatetime | None


class Replay(Document):
    cursor: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{4,400}$", description="Events after it; null: from where it is.")
    ] = None


def listed(ask: Asked, asked: Annotated[Paging, Query()]) -> Response:
    """In the order in which they were made."""
    order = (HOOK.c.created_at, HOOK.c.uuid)
    wanted = select(HOOK).order_by(*order).limit(asked.limit + 1)
    if asked.cursor:
        wanted = wanted.where(tuple_(*order) > tuple_(*place("webhooks", asked.cursor, float, str)))
    if ask.tenant is not None:
        wanted = wanted.where(HOOK.c.owner == ask.tenant)
    with ask.desk.store.engine.connect() as connection:
        rows = connection.execute(wanted).mappings().all()
    shown = rows[: asked.limit]
    last = cursor("webhooks", shown[-1]["created_at"], shown[-1]["uuid"]) if len(rows) > asked.limit else None
    return page(Webhooks(items=[_told(row) for row in shown], next=last))


def made(ask: Asked, wanted: NewWebhook, idempotency_key: IdempotencyKey = None) -> Response:
    """It is sent what happens from now on."""
    _check(ask, wanted.url)
    secret = message.new_secret()
    with ask.desk.store.decide() as connection:
        earlier = keys.earlier(connection, ask, idempotency_key)
        if earlier is not None:
            return earlier.response()
        hook = _begin(connection, ask, wanted, secret)
        ask.desk.store.append(connection, ask.event("webhook_made", f"webhook {hook.uuid}"))
        headers = {"Location": f"{PATH}/{hook.uuid}", "ETag": tag(hook.model_dump_json())}
        kept = Told(201, WebhookMade(webhook=hook, secret=None).model_dump_json(), headers)
        keys.keep(connection, ask, idempotency_key, kept)
    return Told(201, WebhookMade(webhook=hook, secret=secret).model_dump_json(), headers).response()


def _begin(connection: Connection, ask: Ask, wanted: NewWebhook, secret: str) -> Webhook:
    owner = HOOK.c.owner.is_(None) if ask.tenant is None else HOOK.c.owner == ask.tenant
    if (connection.scalar(select(func.count()).select_from(HOOK).where(owner)) or 0) >= _MOST:
        raise Conflict(f"There are {_MOST} webhooks already: end one first.")
    at = now().timestamp()
    row = {
        **wanted.model_dump(),
        "uuid": str(uuid4()),
        "owner": ask.tenant,
        "made_by": ask.actor.name,
        "secret": secret,
        "state": ACTIVE,
        "place": events.newest(connection),
        "attempts": 0,
        "next_at": at,
        "says": "nothing was sent yet",
        "created_at": at,
        "updated_at": at,
    }
    connection.execute(insert(HOOK).values(row))
    return _told(connection.execute(select(HOOK).where(HOOK.c.uuid == row["uuid"])).mappings().one())


def shown(ask: Asked, webhook: Ident, if_none_match: IfNoneMatch = None) -> Response:
    with ask.desk.store.engine.connect() as connection:
        return document(_told(_row(connection, ask, webhook)), unless=if_none_match)


def changed(ask: Asked, webhook: Ident, change: WebhookChange, if_match: IfMatch = None) -> Response:
    anew: dict[str, object] = {}
    if change.url is not None:
        _check(ask, change.url)
        anew = {"state": ACTIVE, "attempts": 0, "next_at": now().timestamp()}
    with ask.desk.store.decide() as connection:
        check(if_match, _told(_row(connection, ask, webhook)).model_dump_json())
        values = change.model_dump(exclude_none=True)
        _change(connection, webhook, {**values, **anew})
        says = f"webhook {webhook}: changed {', '.join(sorted(values)) or 'nothing'}"
        ask.desk.store.append(connection, ask.event("webhook_changed", says))
        return document(_told(_row(connection, ask, webhook)))


def ended(ask: Asked, webhook: Ident, if_match: IfMatch = None) -> Response:
    with ask.desk.store.decide() as connection:
        check(if_match, _told(_row(connection, ask, webhook)).model_dump_json())
        connection.execute(delete(HOOK).where(HOOK.c.uuid == str(webhook)))
        ask.desk.store.append(connection, ask.event("webhook_ended", f"webhook {webhook}"))
    return Response(status_code=204)


def delivery(ask: Asked, webhook: Ident) -> Response:
    with ask.desk.store.engine.connect() as connection:
        return document(_delivery(_row(connection, ask, webhook)))


def replayed(ask: Asked, webhook: Ident, wanted: Replay) -> Response:
    """It is sent what happened after that place once more, or for the first time, also where it was given up."""
    with ask.desk.store.decide() as connection:
        row = _row(connection, ask, webhook)
        start = events.number(wanted.cursor) if wanted.cursor is not None else row["place"]
        values = {"state": ACTIVE, "place": min(start, events.newest(connection)), "attempts": 0}
        _change(connection, webhook, {**values, "next_at": now().timestamp()})
        ask.desk.store.append(connection, ask.event("webhook_replayed", f"webhook {webhook}"))
        return document(_delivery(_row(connection, ask, webhook)))


def secret_changed(ask: Asked, webhook: Ident) -> Response:
    secret = message.new_secret()
    with ask.desk.store.decide() as connection:
        row = _row(connection, ask, webhook)
        values = {"secret": secret, "former": row["secret"], "former_until": (now() + OVERLAP).timestamp()}
        _change(connection, webhook, values)
        ask.desk.store.append(connection, ask.event("webhook_changed", f"webhook {webhook}: a new secret"))
    return page(NewSecret(secret=secret))


def _check(ask: Ask, url: str) -> None:
    try:
        ask.front.outside.check(url)
    except NotOutside as error:
        raise Conflict(f"This URL is not called: {error}.") from error


def _change(connection: Connection, webhook: UUID, values: dict[str, object]) -> None:
    stamped = {**values, "updated_at": now().timestamp()}
    connection.execute(update(HOOK).where(HOOK.c.uuid == str(webhook)).values(stamped))


def _row(connection: Connection, ask: Ask, webhook: UUID) -> RowMapping:
    """`Missing`, also where it is another tenant's."""
    row = connection.execute(select(HOOK).where(HOOK.c.uuid == str(webhook))).mappings().one_or_none()
    if row is None or (ask.tenant is not None and row["owner"] != ask.tenant):
        raise Missing(f"There is no webhook {webhook}.")
    return row


def _told(row: RowMapping) -> Webhook:
    return Webhook(
        uuid=UUID(row["uuid"]),
        url=row["url"],
        kinds=row["kinds"],
        owner=row["owner"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        updated_at=datetime.fromtimestamp(row["updated_at"], UTC),
    )


def _delivery(row: RowMapping) -> Delivery:
    delivered = row["delivered_at"]
    return Delivery(
        state=row["state"],
        cursor=events.named(row["place"]),
        attempts=row["attempts"],
        next_at=datetime.fromtimestamp(row["next_at"], UTC),
        says=row["says"],
        delivered_at=None if delivered is None else datetime.fromtimestamp(delivered, UTC),
    )
