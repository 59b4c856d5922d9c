"""A whole twin: every BMC, machine and cable of a twin file in one event loop, in a thread or in the foreground."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, TracebackType
from typing import Self

from drivers.virtual.twin import quirks
from drivers.virtual.twin.admin import Admin
from drivers.virtual.twin.clock import Clock
from drivers.virtual.twin.fabric import Fabric
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.firmware import Firmware
from drivers.virtual.twin.ipmi_server import IpmiServer
from drivers.virtual.twin.listeners import Endpoint, HttpListeners
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_server import RedfishServer
from drivers.virtual.twin.switch.cables import Cables
from drivers.virtual.twin.switch.chassis import Switch
from drivers.virtual.twin.switch.chassis import set_fault as set_switch_fault
from drivers.virtual.twin.switch.families import SwitchServer, switch_of
from drivers.virtual.twin.wire import Wire

START_SECONDS = 120


class Twin:
    """`state` keeps the BMCs' certificates; without it they last as long as the twin.

    Machines may be read from any thread; they are changed through the twin alone.
    """

    def __init__(self, spec: TwinSpec, state: Path | None = None) -> None:
        self.spec = spec
        self._temporary = None if state is not None else TemporaryDirectory(prefix="anneal-twin-")
        self._state = state if state is not None else Path(self._temporary.name if self._temporary else "")
        self._listeners: HttpListeners | None = None
        self._bmcs: list[RedfishServer | IpmiServer] = []
        self._ways: list[SwitchServer] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.machines: Mapping[str, Machine] = MappingProxyType({})
        self.switches: Mapping[str, Switch] = MappingProxyType({})
        self.admin: Endpoint = (spec.admin.host, spec.admin.port or 0) if spec.admin else ("127.0.0.1", 0)

    def machine(self, name: str) -> Machine:
        return self.machines[name]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Open every listener and return. `OSError` where an address is taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"twin-{self.spec.name}", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.open(), self._loop).result(START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything; safe to call twice."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.close(), loop).result(START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def set_fault(self, name: str, fault: Fault | Strike | str) -> None:
        """Of a machine or a switch; by name, or by number as in `F6x2`. `ValueError` for what is none."""
        self._in_loop(self._switched(name, fault, on=True))

    def clear_fault(self, name: str, fault: Fault | Strike | str) -> None:
        self._in_loop(self._switched(name, fault, on=False))

    async def _switched(self, name: str, fault: Fault | Strike | str, *, on: bool) -> None:
        if name in self.switches and not isinstance(fault, Fault):
            set_switch_fault(self.switches[name], fault, on=on)
        else:
            await self.machine(name).set_fault(fault, on=on)

    def set_quirk(self, name: str, quirk: int) -> None:
        """`ValueError` for a number that is none."""
        self.do(partial(self.machine(name).quirks.add, quirks.number(str(quirk))))

    def clear_quirk(self, name: str, quirk: int) -> None:
        self.do(partial(self.machine(name).quirks.discard, quirks.number(str(quirk))))

    def do(self, change: Callable[[], None]) -> None:
        """Do something to a machine, `twin.do(machine.turn_on)`, in the thread that may."""

        async def change_it() -> None:
            change()

        self._in_loop(change_it())

    def _in_loop(self, change: Coroutine[None, None, None]) -> None:
        if self._loop is None:
            change.close()
            raise RuntimeError(f"twin {self.spec.name} is not running; start it first")
        asyncio.run_coroutine_threadsafe(change, self._loop).result(START_SECONDS)

    async def open(self) -> None:
        """In the running loop: make the machines and listen for them."""
        clock = Clock(self.spec.speed)
        self._listeners = HttpListeners()
        await self._open_switches(self._listeners)
        firmware = Firmware(self.spec, self._listeners, Wire(self.spec.networks))
        fabric = Fabric(self.spec.networks, self.switches)
        self.machines = MappingProxyType(
            {one.name: Machine(one, clock, fabric, firmware.run) for one in self.spec.machines}
        )
        for machine in self.machines.values():
            redfish = machine.spec.bmc.protocol == "redfish"
            bmc = RedfishServer(machine, self._listeners, self._state) if redfish else IpmiServer(machine)
            self._bmcs.append(bmc)
            await bmc.open()
            await machine.heed_what_is_on()
        admin = Admin(self.machines, self.switches)
        self.admin = await self._listeners.open(self.admin, admin.answer)

    async def _open_switches(self, listeners: HttpListeners) -> None:
        cables = Cables(self.spec.machines, self.machine)
        made = {one.name: switch_of(one, cables, listeners, self._state) for one in self.spec.switches}
        self.switches = MappingProxyType({name: switch for name, (switch, _) in made.items()})
        for _, server in made.values():
            self._ways.append(server)
            await server.open()

    async def close(self) -> None:
        await asyncio.gather(*(machine.unplug() for machine in self.machines.values()))
        for bmc in self._bmcs:
            await bmc.shut()
        self._bmcs.clear()
        for way in self._ways:
            await way.shut()
        self._ways.clear()
        if self._listeners is not None:
            await self._listeners.stop()
