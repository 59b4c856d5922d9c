"""A simulated BMC's IPMI over LAN: RMCP+ on UDP, at its own address."""

import asyncio
from typing import cast

from drivers.virtual.twin import ipmi_crypto, ipmi_message
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.ipmi_commands import Commands
from drivers.virtual.twin.ipmi_message import Packet
from drivers.virtual.twin.ipmi_session import OPEN_REQUEST, RAKP4, Sessions
from drivers.virtual.twin.machine import Machine

PORT = 623


class IpmiBmc(asyncio.DatagramProtocol):
    """One datagram in, at most one out; whatever is cut, forged or of another version is dropped."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._heard = 0
        self._sessions = Sessions(machine)
        self._commands = Commands(machine, self._sessions)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        manners = self._machine.manners
        self._heard += 1
        if self._strikes("lost", 1) and manners.take("F38", "lost"):
            return
        answer = ipmi_message.pong(data) or self.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)
            if self._strikes("duplicate", 2) and manners.take("F38", "duplicate"):
                self._transport.sendto(answer, addr)

    def _strikes(self, word: str, turn: int) -> bool:
        """F38 with that word strikes always, without one by turns."""
        shape = self._machine.manners.shape("F38")
        return shape is not None and (shape.word == word or (not shape.word and self._heard % 3 == turn))

    def answer(self, datagram: bytes) -> bytes | None:
        packet = ipmi_message.unpack(datagram)
        if packet is None:
            return None
        if packet.session:
            return self._in_session(packet, datagram)
        if OPEN_REQUEST <= packet.payload_type <= RAKP4:
            told = self._sessions.answer(packet.payload_type, packet.payload)
            return ipmi_message.pack_plain(Packet(2, told[0], 0, 0, told[1])) if told is not None else None
        request = ipmi_message.request(packet.payload) if packet.payload_type == 0 else None
        if request is None:
            return None
        return ipmi_message.pack_plain(Packet(packet.version, 0, 0, 0, self._commands.answer(request, None)))

    def _in_session(self, packet: Packet, datagram: bytes) -> bytes | None:
        session = self._sessions.find(packet.session)
        if session is None or session.keys is None or not session.active:
            return None
        if not (packet.encrypted and packet.authenticated and packet.payload_type == 0):
            return None
        if not ipmi_message.is_genuine(datagram, session.suite, session.keys):
            return None
        plain = ipmi_crypto.decrypt(session.keys.cipher, packet.payload)
        request = ipmi_message.request(plain) if plain is not None else None
        if request is None:
            return None
        answer = self._commands.answer(request, session)
        sent = Packet(2, 0, session.console, session.next_sequence(), answer)
        return ipmi_message.pack_sealed(sent, session.suite, session.keys)


class IpmiServer:
    """Where a machine's BMC listens; it heeds the machine's faults."""

    def __init__(self, machine: Machine) -> None:
        address = machine.spec.bmc.address
        self._machine = machine
        self._endpoint = (address.host, address.port or PORT)
        self._bmc = IpmiBmc(machine)
        self._transport: asyncio.DatagramTransport | None = None
        machine.heed(self.heed)
        machine.heed_restart(self._restarting)

    async def _restarting(self, up: bool) -> None:  # noqa: FBT001  a hook of Machine.heed_restart
        await (self.open() if up else self.shut())

    async def open(self) -> None:
        """Safe to call twice; an unreachable BMC stays shut. `OSError` where the address is taken."""
        if self._transport is None and Fault.BMC_UNREACHABLE not in self._machine.faults and self._machine.bmc_up:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self._bmc, local_addr=self._endpoint)

    async def shut(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    async def heed(self, fault: Fault | Strike) -> None:
        if fault is Fault.BMC_UNREACHABLE:
            await (self.shut() if fault in self._machine.faults else self.open())
