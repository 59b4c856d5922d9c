"""The API of a simulated switch over TLS: who is let in, what becomes of an answer on its way, and restarts."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Protocol

from aiohttp import web

from drivers.virtual.twin import certificates
from drivers.virtual.twin.listeners import HttpListeners, cut, lost
from drivers.virtual.twin.switch.chassis import Lost, Switch


class Api(Switch, Protocol):
    """A switch that is told what to do by JSON over HTTP: eAPI, NX-API."""

    path: str

    def unreachable(self) -> bool:
        """Whether nobody gets through to it now."""

    def rpc(self, asked: object) -> tuple[int, object]:
        """HTTP's status, and the answer to a body that was JSON. `Lost` where none comes."""


class HttpsDoor:
    """At one address, with one certificate that is kept in `state`."""

    def __init__(self, switch: Api, listeners: HttpListeners, state: Path) -> None:
        chassis = switch.chassis
        self._switch = switch
        self._listeners = listeners
        self._endpoint = (chassis.spec.address.host, chassis.spec.address.port or 0)
        self.pem = certificates.kept(state, chassis.name, self._endpoint[0])
        self._context = certificates.server_context(self.pem)
        self._back: asyncio.Task[None] | None = None
        chassis.restarting.append(self._restarted)

    async def open(self) -> None:
        await self._listeners.open(self._endpoint, self._answer, self._context)

    async def shut(self) -> None:
        if self._back is not None:
            self._back.cancel()
        await self._listeners.shut(self._endpoint)

    def _restarted(self, seconds: float) -> None:
        async def away() -> None:
            await self._listeners.shut(self._endpoint)
            await asyncio.sleep(seconds)
            await self.open()
            self._switch.chassis.away = False

        self._back = asyncio.ensure_future(away())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            status, answer = self._switch.rpc(_asked(body))
        except Lost:
            return lost(request)
        told = json.dumps(answer).encode()
        headers = {"Content-Type": "application/json"}
        if self._switch.chassis.take("F5"):
            return await cut(request, status, told, headers)
        return web.Response(status=status, body=told, headers=headers)

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        chassis = self._switch.chassis
        if self._switch.unreachable():
            return lost(request)
        if not chassis.admits(*_login(request)):
            return web.Response(status=401, text="Unauthorized")
        if chassis.take("F9"):
            return web.Response(status=503)
        return None if (request.method, request.path) == ("POST", self._switch.path) else web.Response(status=404)


def _asked(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _login(request: web.BaseRequest) -> tuple[str, str]:
    kind, _, word = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, secret = base64.b64decode(word).decode().partition(":")
    except ValueError:
        return "", ""
    return (user, secret) if kind == "Basic" else ("", "")
