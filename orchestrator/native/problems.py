"""Errors as problem details (RFC 9457), each with the request by which the log knows it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from orchestrator.api.errors import ApiError

MEDIA = "application/problem+json"
_MOST = 20  # faults that are named


class Fault(BaseModel):
    """One place of the request that is not as it must be."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="body, query, path or header, and the way to the place.")
    says: str


class Problem(BaseModel):
    """RFC 9457. `type` is `about:blank`: the status says which problem it is, and `detail` what to do."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = Field(description="urn:anneal:request: and the request's id, which its events have too.")
    errors: list[Fault] = []


def problem(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
) -> Response:
    told = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=f"urn:anneal:request:{ident(request)}",
        errors=list(faults[:_MOST]),
    )
    return Response(told.model_dump_json(), status, dict(headers or {}), MEDIA)


def ident(request: Request) -> str:
    """The request's id, which the gate gave it."""
    given: str = request.scope["anneal.request"]
    return given


async def refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return problem(request, error.status, error.says, error.headers)


async def misread(request: Request, error: Exception) -> Response:
    """415 and 400 for what is no JSON, 422 for JSON that says nothing we know."""
    if not isinstance(error, RequestValidationError):
        raise error
    told = error.errors()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and any(one["loc"] == ("body",) for one in told):
        return problem(request, 415, "The body must be sent as application/json.")
    if any(one["type"] == "json_invalid" for one in told):
        return problem(request, 400, "The body is no JSON.")
    faults = [Fault(where=".".join(map(str, one["loc"])), says=one["msg"]) for one in told]
    return problem(request, 422, "; ".join(f"{one.where}: {one.says}" for one in faults[:3]), faults=faults)


async def not_routed(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    says = {404: "There is nothing at this address.", 405: "This is not done at this address."}
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else {}
    return problem(request, error.status_code, says.get(error.status_code, str(error.detail)), headers)


def _allowed(request: Request) -> str:
    there = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted(method for one in there for method in one.methods))


async def failed(request: Request, error: Exception) -> Response:
    if not isinstance(error, OperationalError):
        raise error
    return problem(request, 503, "The database does not answer; try again.", {"Retry-After": "1"})
