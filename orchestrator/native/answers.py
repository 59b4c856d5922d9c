"""Answers: a document with its ETag, a page with its cursor."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from orchestrator.api.errors import Missing
from orchestrator.native.ask import tag, told_already

MOST = 1000
_JSON = "application/json"


class Document(BaseModel):
    """What is told and asked here: nothing in it that its schema does not name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(Document):
    """How far, and from where."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many.")] = 100
    cursor: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{4,400}$", description="The `next` of the page before.")
    ] = None


def document(
    told: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None, *, unless: str | None = None
) -> Response:
    """With its ETag; 304 where `unless` (If-None-Match) names that."""
    text = told.model_dump_json()
    etag = tag(text)
    if told_already(unless, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(text, status, {"ETag": etag, **(headers or {})}, _JSON)


def page(told: BaseModel) -> Response:
    return Response(told.model_dump_json(), media_type=_JSON)


def cursor(kind: str, *place: JsonValue) -> str:
    """Names the last row of a page by what the list is ordered by, so rows that come and go shift nothing."""
    return base64.urlsafe_b64encode(json.dumps([kind, *place], separators=(",", ":")).encode()).decode().rstrip("=")


def place(kind: str, given: str, *types: type) -> list[JsonValue]:
    """What such a cursor names. `Missing` for any other text."""
    try:
        told = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise Missing("This is no cursor of this list.") from error
    if not isinstance(told, list) or told[:1] != [kind] or [type(one) for one in told[1:]] != list(types):
        raise Missing("This is no cursor of this list.")
    return told[1:]
