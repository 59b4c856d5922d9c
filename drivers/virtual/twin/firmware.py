"""One boot of a machine: POST, the choice of a device, and what is found there."""

from datetime import timedelta
from typing import Never

from drivers.virtual.twin import agent_parameters
from drivers.virtual.twin.agent import Agent
from drivers.virtual.twin.file import NicSpec, TwinSpec
from drivers.virtual.twin.ipxe import Kernel, LocalBoot, Outcome, PowerDown, Stopped
from drivers.virtual.twin.listeners import HttpListeners
from drivers.virtual.twin.machine import End, Machine, until_unplugged
from drivers.virtual.twin.netboot import Netboot, client
from drivers.virtual.twin.operating_system import OperatingSystem
from drivers.virtual.twin.states import Lasts, Stage, Target
from drivers.virtual.twin.wire import Wire

POST = timedelta(seconds=30)
DHCP = timedelta(seconds=5)
NETBOOT_TRIES = 10
NETBOOT_PAUSE = timedelta(seconds=20)
_NETWORK = (Target.PXE, Target.HTTP)
_MEDIA = (Target.CD, Target.USB_CD, Target.USB)  # what is on them is not played: the boot goes on as without them
SHORTEST_PAUSE = timedelta(seconds=1)


class Firmware:
    """BIOS or UEFI of every machine of a twin. An override goes first, else a disk with an OS, else the network."""

    def __init__(self, spec: TwinSpec, listeners: HttpListeners, wire: Wire) -> None:
        self._boot = spec.boot
        self._ssh_port = spec.ssh_port
        self._listeners = listeners
        self._wire = wire

    async def run(self, machine: Machine) -> End:
        """Until what was booted ends by itself; with nothing to boot it waits for the power."""
        await _post(machine)
        target = _taken(machine)
        if target in _MEDIA:
            machine.boots.append("media")
        if target is not Target.SETUP:
            for device in (self._network, self._disk) if target in _NETWORK else (self._disk, self._network):
                end = None if target is Target.DISK and device == self._network else await device(machine)
                if end is not None:
                    return end
        return await _hang(machine, "nothing")

    async def _disk(self, machine: Machine) -> End | None:
        disk = next((disk for disk in machine.disks if disk.image is not None), None)
        if disk is None:
            return None
        machine.boots.append("disk")
        await OperatingSystem(machine, disk, self._wire, self._ssh_port).run()

    async def _network(self, machine: Machine) -> End | None:
        nic = next((nic for nic in machine.spec.nics if nic.address is not None), None)
        if nic is None:
            machine.complain("netboot: DHCP gives no NIC an address")
            return None
        machine.stage = Stage.NETBOOT
        machine.boots.append("pxe")
        netboot = Netboot(machine, nic, self._boot)
        outcome = await self._scripted(machine, netboot)
        match outcome:
            case Kernel():
                return await self._ramdisk(machine, nic, outcome, netboot.files)
            case PowerDown(again=again):
                return End.REBOOT if again else End.OFF
            case _:
                return None

    async def _scripted(self, machine: Machine, netboot: Netboot) -> Outcome:
        """Firmware that was given nothing to boot asks again for a while."""
        outcome: Outcome = LocalBoot()
        for _ in range(NETBOOT_TRIES):
            await machine.clock.lag(DHCP)
            outcome = await netboot.run()
            if not isinstance(outcome, Stopped):
                break
            machine.complain(f"netboot: {outcome.says}")
            await machine.clock.lag(NETBOOT_PAUSE, SHORTEST_PAUSE)
        return outcome

    async def _ramdisk(self, machine: Machine, nic: NicSpec, kernel: Kernel, files: dict[str, bytes]) -> End:
        try:
            parameters = agent_parameters.read(kernel.cmdline, files)
        except ValueError as error:
            machine.complain(f"agent: {error}")
            await _hang(machine, "agent that cannot start")
        machine.stage = Stage.AGENT
        async with client(machine, nic) as session:
            return await Agent(machine, nic, parameters, session, self._listeners).run()


async def _post(machine: Machine) -> None:
    machine.stage, machine.discovered = Stage.POST, False
    machine.post(begun=True)
    await machine.clock.lag(POST * 0.8)
    machine.discovered = True
    await machine.clock.lag(POST * 0.2)
    machine.post(begun=False)


def _taken(machine: Machine) -> Target:
    """The override's target; one for a single boot is used up by this."""
    override = machine.valid_override()
    if override.lasts is Lasts.ONCE:
        machine.override = machine.no_override()
    return override.target


async def _hang(machine: Machine, what: str) -> Never:
    machine.stage = Stage.HUNG
    machine.boots.append(what)
    await until_unplugged()
