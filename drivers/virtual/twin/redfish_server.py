"""The Redfish services of a twin's BMCs over TLS, each at its own address and with its own certificate."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast
from weakref import WeakSet

from aiohttp import web

from drivers.virtual.twin import certificates
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.listeners import Endpoint, HttpListeners, cut, lost
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.part_events import stream
from drivers.virtual.twin.redfish_bmc import RedfishBmc
from drivers.virtual.twin.redfish_messages import Call, Reply
from drivers.virtual.twin.redfish_parts import Parts

_STANDARD = {"OData-Version": "4.0", "Cache-Control": "no-cache"}
_READING = ("GET", "HEAD")
_REPLY_SECONDS = 0.1
_HELD, _HELD_AT_LEAST = timedelta(seconds=70), timedelta(seconds=2)  # quirk 43


class RedfishServer:
    """`state` is the directory that keeps the BMCs' certificates."""

    def __init__(self, machine: Machine, listeners: HttpListeners, state: Path) -> None:
        address = machine.spec.bmc.address
        self._machine = machine
        self._listeners = listeners
        self._endpoint: Endpoint = (address.host, address.port or 443)
        self._pem = certificates.kept(state / "bmc", machine.name, address.host)
        self._context: ssl.SSLContext = certificates.server_context(self._pem)
        parts = Parts(machine, self._pem.read_text, self._use_certificate)
        self._door = Door(machine, RedfishBmc(machine, parts), parts)
        self._refuser: asyncio.Server | None = None
        machine.heed(self.heed)
        machine.heed_restart(self._restarting)
        machine.heed_move(self._move)

    async def open(self) -> None:
        """Safe to call twice; an unreachable BMC stays shut."""
        reachable = Fault.BMC_UNREACHABLE not in self._machine.faults and self._machine.bmc_up
        if reachable and not self._listeners.is_open(self._endpoint) and self._refuser is None:
            await self._listeners.open(self._endpoint, self._door.answer, self._context)

    async def shut(self) -> None:
        await self._listeners.shut(self._endpoint)
        await self._door.end_streams()
        if self._refuser is not None:
            self._refuser.close()
            self._refuser = None

    async def heed(self, fault: Fault | Strike) -> None:
        if isinstance(fault, Strike):
            if fault.code == "F1":
                await self._refuse(fault)
            return
        on = fault in self._machine.faults
        if fault is Fault.BMC_UNREACHABLE:
            await (self.shut() if on else self.open())
        elif fault is Fault.BMC_NEW_CERTIFICATE and on:
            self._renew_certificate()

    async def _restarting(self, up: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_restart
        if up:
            self._go()
            await self.open()
        else:
            self._machine.work.forget(all_of_it=not self._machine.personality.firmware.jobs)
            await self.shut()

    def _move(self) -> None:
        """From its address to the one that it was told, once its reply is out."""

        async def move() -> None:
            await asyncio.sleep(_REPLY_SECONDS)
            await self.shut()
            before = self._endpoint
            self._go()
            try:
                await self.open()
            except OSError as error:
                self._machine.note(f"The BMC cannot be at {self._endpoint[0]}: {error}")
                self._endpoint = before
                await self.open()

        self._opening = asyncio.ensure_future(move())

    def _go(self) -> None:
        settings = self._machine.settings
        settings.bmc_at = settings.bmc_host
        self._endpoint = (settings.bmc_at or self._machine.spec.bmc.address.host, self._endpoint[1])

    async def _refuse(self, fault: Strike) -> None:
        """F1: reset so many connections before TLS, or listen to nobody for so many seconds; then be as before."""
        await self.shut()
        if self._machine.manners.on("F1") is None:
            await self.open()
        elif fault.seconds is not None:
            asyncio.get_running_loop().call_later(fault.seconds, self._reopen)
        else:
            loop = asyncio.get_running_loop()
            self._refuser = await loop.create_server(lambda: Refusal(self._turned_away), *self._endpoint)

    def _turned_away(self) -> None:
        self._machine.manners.take("F1")
        if self._machine.manners.on("F1") is None:
            self._reopen()

    def _reopen(self) -> None:
        self._machine.manners.strikes.pop("F1", None)
        if self._refuser is not None:
            self._refuser.close()
            self._refuser = None
        self._opening = asyncio.ensure_future(self.open())

    def _use_certificate(self, pem: str) -> None:
        """From the next connection on; the reply to whoever asked for it still goes out."""
        self._pem.write_text(pem)
        self._context.load_cert_chain(self._pem)

    def _renew_certificate(self) -> None:
        """Another key and certificate, from the next connection on."""
        certificates.replace(self._pem, self._machine.name, self._endpoint[0])
        self._context.load_cert_chain(self._pem)
        self._listeners.cut(self._endpoint)


class Refusal(asyncio.Protocol):
    """A connection that is reset as soon as it is there."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast("asyncio.Transport", transport)
        made.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.abort()
        self._then()


class Door:
    """Between HTTP and the service: how many are in flight, and what happens to a request or a reply on its way."""

    def __init__(self, machine: Machine, bmc: RedfishBmc, parts: Parts) -> None:
        self._machine = machine
        self._parts = parts
        self._bmc = bmc
        self._streams: set[asyncio.Task[web.StreamResponse]] = set()
        self._served: WeakSet[asyncio.BaseTransport] = WeakSet()  # connections that had their one request (quirk 32)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        # A login is no change to the machine: it may come while a change is held that its sender gave up.
        machine, writes = self._machine, request.method not in _READING and "/Sessions" not in request.path
        machine.in_flight += 1
        machine.writing += writes
        machine.in_flight_most = max(machine.in_flight_most, machine.in_flight)
        machine.writing_most = max(machine.writing_most, machine.writing)
        try:
            return await self._answer(request)
        finally:
            machine.in_flight -= 1
            machine.writing -= writes

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        if 32 in self._machine.quirks and self._is_spent(request):
            return lost(request)
        call = Call(request.method, request.path, headers, body, dict(request.query))
        kind = self._bmc.kind(call)
        if request.method == "GET" and self._parts.streams(request.path) and self._bmc.answer(call).status != 401:
            return await self._stream(request)
        await self._hold(kind)
        reply = self._bmc.answer(call)
        manners = self._machine.manners
        if reply.lost or manners.take("F3", reply.kind):
            return lost(request)
        late = manners.take("F4", reply.kind)
        if late is not None:
            await asyncio.sleep(late.lasting())
        if manners.take("F5", reply.kind) or (reply.status == 401 and 29 in self._machine.quirks):
            return await _cut(request, reply)
        return _response(reply)

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.ensure_future(stream(self._machine, request))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        return await task

    async def end_streams(self) -> None:
        ending = list(self._streams)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _hold(self, kind: str) -> None:
        slow = self._machine.manners.take("F30", kind)
        if slow is not None:
            await asyncio.sleep(slow.lasting())
        if 43 in self._machine.quirks and kind not in ("discover", "session"):
            await self._machine.clock.lag(_HELD, _HELD_AT_LEAST)

    def _is_spent(self, request: web.BaseRequest) -> bool:
        transport = request.transport
        if transport is None or transport in self._served:
            return True
        self._served.add(transport)
        return False


def _response(reply: Reply) -> web.Response:
    headers = {**_STANDARD, **reply.headers}
    if reply.body is None:
        return web.Response(status=reply.status, text=reply.text, headers=headers)
    return web.json_response(reply.body, status=reply.status, headers=headers)


async def _cut(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    text = json.dumps(reply.body) if reply.body is not None else reply.text or '{"error": {}}'
    headers = {**_STANDARD, **reply.headers, "Content-Type": "application/json"}
    return await cut(request, reply.status if reply.status != 204 else 200, text.encode(), headers)
