"""The native API over HTTP: who asks, how much he may send, and the table of routes as FastAPI serves and tells it."""

import uuid
from collections.abc import Mapping

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.access import Actor, Porter
from orchestrator.api.errors import ApiError
from orchestrator.native.ask import Allowed, Front
from orchestrator.native.problems import MEDIA, failed, misread, not_routed, refused
from orchestrator.native.routes import PREFIX, ROUTES

BODY_BYTES = 1 << 20
OPENAPI = f"{PREFIX}/openapi.json"
_LOGINS = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
}


class _Native(FastAPI):
    """Publishes what its table says: problems by their media type, the ways to log in."""

    def openapi(self) -> dict[str, object]:
        if not self.openapi_schema:
            told = get_openapi(title=self.title, version=self.version, routes=self.routes)
            told["components"]["securitySchemes"] = _LOGINS
            told["security"] = [{name: []} for name in _LOGINS]
            for operations in told["paths"].values():
                for operation in operations.values():
                    _as_answered(operation)
            self.openapi_schema = told
        return self.openapi_schema


def native(front: Front, porter: Porter) -> ASGIApp:
    """Ready to be served."""
    app = _Native(title="Anneal", version="1", openapi_url=OPENAPI, docs_url=None, redoc_url=None)
    app.state.front = front
    for route in ROUTES:
        app.add_api_route(
            route.path,
            route.answer,
            methods=[route.method],
            status_code=min(route.told),
            response_model=None,
            responses=route.responses,
            dependencies=[Depends(Allowed(route.may))],
            operation_id=route.name,
        )
    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(RequestValidationError, misread)
    app.add_exception_handler(HTTPException, not_routed)
    app.add_exception_handler(OperationalError, failed)
    return _Gate(app, porter)


def _as_answered(operation: dict[str, dict[str, dict[str, object]]]) -> None:
    for status, answer in operation["responses"].items():
        if status >= "400" and "content" in answer:
            content = answer["content"]
            answer["content"] = {MEDIA: content["application/json"]} if isinstance(content, dict) else content


class _Gate:
    """Before anything of a request is read: its id, who asks, and how long its body may be."""

    def __init__(self, app: ASGIApp, porter: Porter) -> None:
        self._app = app
        self._porter = porter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request({**scope, "anneal.request": f"req-{uuid.uuid4()}"})
        try:
            actor = await self._enter(request)
        except ApiError as error:
            await (await refused(request, error))(scope, receive, send)
            return
        request.scope["anneal.actor"] = actor
        await self._app(request.scope, _Bounded(receive), _Named(send, request.scope["anneal.request"]))

    async def _enter(self, request: Request) -> Actor:
        address = request.client.host if request.client else ""
        if request.url.path == OPENAPI:
            return self._porter.stranger(address)
        headers: Mapping[str, str] = request.headers
        return await run_in_threadpool(self._porter.enter, headers, address)


class _Bounded:
    """What is received, up to as much as a body may have."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = BODY_BYTES

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, f"The body has more than {BODY_BYTES} bytes.")
        return message


class _Named:
    """What is sent, with the request's id."""

    def __init__(self, send: Send, ident: str) -> None:
        self._send = send
        self._ident = ident

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"x-request-id", self._ident.encode())]}
        await self._send(message)
