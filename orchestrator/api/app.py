"""The hand-off over HTTP: versions, who asks, errors in the clients' form, and the table of routes."""

import json
import logging
import uuid
from collections.abc import Callable, Coroutine

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import JsonValue
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException as NotRouted
from starlette.types import ASGIApp, Receive, Scope, Send

from drivers.errors import DriverError
from orchestrator.api import versions
from orchestrator.api.access import Actor, Porter
from orchestrator.api.call import Answer, Call, fault
from orchestrator.api.desk import Desk
from orchestrator.api.errors import ApiError, Bad, Forbidden, Missing, Unavailable
from orchestrator.api.routes import ROUTES, Route
from orchestrator.boot.request import bounded
from orchestrator.boot.web import application

BODY_BYTES = 1 << 20  # a config drive may be 64 MiB in Ironic; none is taken yet
_LOG = logging.getLogger("anneal.api")
_OWN = ("v1", "networking")
_JSON = "application/json"


def handoff(desk: Desk, porter: Porter) -> ASGIApp:
    """Ready to be served. Paths without `/v1`, and with a slash at the end, are the same as those with and without."""
    app = application()
    for route in ROUTES:
        app.add_api_route(route.path, _endpoint(desk, porter, route), methods=[route.method], response_model=None)
    app.add_exception_handler(NotRouted, _not_routed)
    return _Paths(app)


class _Paths:
    """Clients know each resource by several paths: Ironic's bookmark links have no `/v1`, its CLI adds a slash."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].rstrip("/")
            if path and path.split("/")[1] not in _OWN:
                path = f"/v1{path}"
            scope = {**scope, "path": path or "/", "raw_path": (path or "/").encode()}
        await self._app(scope, receive, send)


def _endpoint(desk: Desk, porter: Porter, route: Route) -> Callable[[Request], Coroutine[None, None, Response]]:
    async def answer(request: Request) -> Response:
        ident = f"req-{uuid.uuid4()}"
        headers = _standard(ident)
        try:
            minor = versions.negotiate(request.headers.get(versions.HEADER))
            headers[versions.HEADER] = f"1.{minor}"
            actor = await run_in_threadpool(_entered, porter, route, minor, request)
            call = await _call(request, actor, minor, ident)
            told = await run_in_threadpool(_answered, desk, route, call)
        except ApiError as error:
            return Response(fault(error.says, error.status), error.status, {**headers, **error.headers}, _JSON)
        return Response(told.encoded(), told.status, {**headers, **told.headers}, None if told.empty else _JSON)

    return answer


def _entered(porter: Porter, route: Route, minor: int, request: Request) -> Actor:
    address = request.client.host if request.client else ""
    actor = porter.stranger(address) if route.public else porter.enter(request.headers, address)
    if actor.role not in route.may:
        raise Forbidden(f"{route.method} of {route.path} is not for the role {actor.role.value}.")
    if minor < route.since:
        raise Missing("The resource could not be found.")
    return actor


def _answered(desk: Desk, route: Route, call: Call) -> Answer:
    try:
        return route.answer(desk, call)
    except DriverError as error:
        _LOG.warning("%s: %s", call.request, error)
        raise Bad(f"Its BMC did not do as it was told: {type(error).__name__}. See anneal events.") from error
    except OperationalError as error:
        _LOG.warning("%s: the database failed: %s", call.request, error.orig)
        raise Unavailable("The database does not answer; try again.") from error


async def _call(request: Request, actor: Actor, minor: int, ident: str) -> Call:
    body: JsonValue = None
    if request.method in ("POST", "PUT", "PATCH"):
        body = _document(await _read(request))
    base = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    path, query = dict(request.path_params), dict(request.query_params)
    return Call(request.method, request.url.path, path, query, body, minor, base, actor, ident)


async def _read(request: Request) -> bytes:
    try:
        return await bounded(request, BODY_BYTES)
    except HTTPException as error:
        raise Bad(f"The body has {error.detail}.") from error


def _document(body: bytes) -> JsonValue:
    try:
        told: JsonValue = json.loads(body) if body.strip() else None
    except ValueError as error:
        raise Bad("The body is no JSON.") from error
    return told


def _standard(ident: str) -> dict[str, str]:
    lowest, highest = versions.RANGE
    return {
        lowest: f"1.{versions.LOWEST}",
        highest: f"1.{versions.HIGHEST}",
        "x-openstack-request-id": ident,
        "openstack-request-id": ident,
        "Vary": versions.HEADER,
    }


async def _not_routed(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, NotRouted) else 500
    says = "The resource could not be found." if status == 404 else "The method is not allowed for this resource."
    return Response(fault(says, status), status, _standard(f"req-{uuid.uuid4()}"), _JSON)
