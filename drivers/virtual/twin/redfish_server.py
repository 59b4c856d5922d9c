"""The Redfish services of a twin's BMCs over TLS, each at its own address and with its own certificate."""

import ssl
from pathlib import Path

from aiohttp import web

from drivers.virtual.twin import certificates
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.listeners import Answer, Endpoint, HttpListeners
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_bmc import RedfishBmc
from drivers.virtual.twin.redfish_messages import Call


class RedfishServer:
    """`state` is the directory that keeps the BMCs' certificates."""

    def __init__(self, machine: Machine, listeners: HttpListeners, state: Path) -> None:
        address = machine.spec.bmc.address
        self._machine = machine
        self._listeners = listeners
        self._endpoint: Endpoint = (address.host, address.port or 443)
        self._pem = certificates.kept(state / "bmc", machine.name, address.host)
        self._context: ssl.SSLContext = certificates.server_context(self._pem)
        self._answer: Answer = _answering(RedfishBmc(machine))
        machine.heed(self.heed)

    async def open(self) -> None:
        """Safe to call twice; an unreachable BMC stays shut."""
        if Fault.BMC_UNREACHABLE not in self._machine.faults and not self._listeners.is_open(self._endpoint):
            await self._listeners.open(self._endpoint, self._answer, self._context)

    async def shut(self) -> None:
        await self._listeners.shut(self._endpoint)

    async def heed(self, fault: Fault) -> None:
        on = fault in self._machine.faults
        if fault is Fault.BMC_UNREACHABLE:
            await (self.shut() if on else self.open())
        elif fault is Fault.BMC_NEW_CERTIFICATE and on:
            self._renew_certificate()

    def _renew_certificate(self) -> None:
        """Another key and certificate, from the next connection on."""
        certificates.replace(self._pem, self._machine.name, self._endpoint[0])
        self._context.load_cert_chain(self._pem)
        self._listeners.cut(self._endpoint)


def _answering(bmc: RedfishBmc) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = bmc.answer(Call(request.method, request.path, headers, await request.read()))
        standard = {"OData-Version": "4.0", "Cache-Control": "no-cache"}
        if reply.body is None:
            return web.Response(status=reply.status, text=reply.text, headers={**standard, **reply.headers})
        return web.json_response(reply.body, status=reply.status, headers={**standard, **reply.headers})

    return answer
