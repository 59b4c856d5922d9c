"""eAPI of a simulated EOS over TLS: who is let in, what becomes of an answer on its way, and restarts."""

import asyncio
import base64
import json
from pathlib import Path

from aiohttp import web

from drivers.virtual.twin import certificates
from drivers.virtual.twin.listeners import HttpListeners, cut, lost
from drivers.virtual.twin.switch.chassis import Lost
from drivers.virtual.twin.switch.eos import Eos

_PATH = "/command-api"


class EapiServer:
    """At one address, with one certificate that is kept in `state`."""

    def __init__(self, switch: Eos, listeners: HttpListeners, state: Path) -> None:
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
            told = json.dumps(self._switch.rpc(_asked(body))).encode()
        except Lost:
            return lost(request)
        headers = {"Content-Type": "application/json"}
        if self._switch.chassis.take("F5"):
            return await cut(request, 200, told, headers)
        return web.Response(body=told, headers=headers)

    def _refused(self, request: web.BaseRequest) -> web.Response | None:
        chassis = self._switch.chassis
        if self._switch.unreachable():
            return lost(request)
        if not chassis.admits(*_login(request)):
            return web.Response(status=401, text="Unauthorized")
        if chassis.take("F9"):
            return web.Response(status=503)
        return None if (request.method, request.path) == ("POST", _PATH) else web.Response(status=404)


def _asked(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _login(request: web.BaseRequest) -> tuple[str, str]:
    kind, _, word = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, secret = base64.b64decode(word).decode().partition(":")
    except ValueError:
        return "", ""
    return (user, secret) if kind == "Basic" else ("", "")
