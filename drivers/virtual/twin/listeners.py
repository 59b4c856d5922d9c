"""HTTP on many loopback addresses from one process: who was called is told by the address that was called."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

Endpoint = tuple[str, int]
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
LARGEST_BODY = 128 << 20  # a config drive may have 64 MiB, and base64 makes more of it


class HttpListeners:
    """One HTTP server with a listener and an answering function for each endpoint."""

    def __init__(self) -> None:
        self._answers: dict[Endpoint, Answer] = {}
        self._listeners: dict[Endpoint, asyncio.Server] = {}
        self._server = web.Server(self._handle, request_factory=_request)

    async def open(self, endpoint: Endpoint, answer: Answer, context: ssl.SSLContext | None = None) -> Endpoint:
        """Listen, and return the endpoint as bound. `OSError` where it is taken."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._server, *endpoint, ssl=context, backlog=16)
        bound: Endpoint = listener.sockets[0].getsockname()[:2]
        self._answers[bound] = answer
        self._listeners[bound] = listener
        return bound

    def is_open(self, endpoint: Endpoint) -> bool:
        return endpoint in self._listeners

    async def shut(self, endpoint: Endpoint) -> None:
        """Stop listening and cut every connection there. Safe to call twice."""
        listener = self._listeners.pop(endpoint, None)
        if listener is None:
            return
        listener.close()
        del self._answers[endpoint]
        self.cut(endpoint)

    def cut(self, endpoint: Endpoint) -> None:
        """Break the connections to an endpoint; it goes on listening."""
        for connection in list(self._server.connections):
            transport = connection.transport
            if not isinstance(transport, asyncio.Transport) or transport.is_closing():
                continue  # one that was aborted cannot even tell who was called
            if _called(transport) == endpoint:
                transport.abort()

    async def stop(self) -> None:
        for endpoint in list(self._listeners):
            await self.shut(endpoint)
        await self._server.shutdown(timeout=1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        called = _called(transport) if transport is not None and not transport.is_closing() else None
        answer = self._answers.get(called) if called is not None else None
        if answer is None:
            return web.Response(status=503)
        return await answer(request)


def lost(request: web.BaseRequest) -> web.Response:
    """Reset the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def cut(request: web.BaseRequest, status: int, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    """The headers of the whole and half of the body."""
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _called(transport: asyncio.BaseTransport) -> Endpoint:
    endpoint: Endpoint = transport.get_extra_info("sockname")[:2]
    return endpoint


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)
