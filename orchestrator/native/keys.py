"""Idempotency-Key: what was answered is kept with the change that it tells of, and answered again.

Source: draft-ietf-httpapi-idempotency-key-header: the same key for another request is 422.
"""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import Response
from sqlalchemy import Connection, delete, insert, select

from orchestrator.api.errors import Unprocessable
from orchestrator.native.ask import Ask, Headers
from orchestrator.native.tables import KEY
from orchestrator.store import now

KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Told:
    """An answer as text, to be kept."""

    status: int
    body: str
    headers: Headers

    def response(self) -> Response:
        return Response(self.body, self.status, dict(self.headers), "application/json")


def earlier(connection: Connection, ask: Ask, key: str | None) -> Told | None:
    """What this request was answered before. `Unprocessable` where that was another request."""
    if key is None:
        return None
    asked = select(KEY).where(KEY.c.actor == ask.actor.name, KEY.c.key == key)
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    if row.digest != ask.digest:
        raise Unprocessable("This Idempotency-Key was used for another request. Take a new one for each.")
    return Told(row.status, row.body, row.headers)


def keep(connection: Connection, ask: Ask, key: str | None, told: Told) -> Told:
    """Within the transaction of the change itself."""
    if key is not None:
        row = {
            "actor": ask.actor.name,
            "key": key,
            "digest": ask.digest,
            "status": told.status,
            "headers": dict(told.headers),
            "body": told.body,
            "at": now().timestamp(),
        }
        connection.execute(insert(KEY).values(row))
    return told


def forget_old(connection: Connection) -> None:
    connection.execute(delete(KEY).where(KEY.c.at < (now() - KEPT).timestamp()))
