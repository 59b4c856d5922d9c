"""One simulated machine: its power, boot override and disks, and the count of everything that was done to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto
from functools import partial
from typing import Never

from drivers.virtual.twin.clock import Clock
from drivers.virtual.twin.disk import Disk
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.file import MachineSpec, password

POWER_ON = timedelta(seconds=3)
POWER_OFF = timedelta(seconds=3)
SHUTDOWN = timedelta(seconds=20)  # an operating system that is asked to stop


class Power(StrEnum):
    """The values of Redfish's Resource.PowerState."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"


class Stage(StrEnum):
    """What a machine is about."""

    OFF = "off"
    POST = "post"
    NETBOOT = "netboot"
    AGENT = "agent"
    OS = "os"
    HUNG = "hung"  # nothing to boot, or what was booted does not come up


class Target(StrEnum):
    """Where an override boots from, in Redfish's words."""

    NONE = "None"
    PXE = "Pxe"
    DISK = "Hdd"
    SETUP = "BiosSetup"


class Lasts(StrEnum):
    DISABLED = "Disabled"
    ONCE = "Once"
    CONTINUOUS = "Continuous"


@dataclass(frozen=True)
class Override:
    """The boot override. `mode` is UEFI or Legacy; `expires` is a monotonic time, IPMI's only."""

    lasts: Lasts
    target: Target
    mode: str
    expires: float | None = None


@dataclass(frozen=True)
class Write:
    """Something asked of a BMC that changes a machine. `via` is redfish or ipmi."""

    at: float
    via: str
    says: str


@dataclass(frozen=True)
class Work:
    """An agent's erasure or installation, counted when it takes effect."""

    at: float
    says: str


class End(Enum):
    """How a boot ended by itself."""

    REBOOT = auto()
    OFF = auto()


Heed = Callable[[Fault], Awaitable[None]]


async def until_unplugged() -> Never:
    """For what ends only with the power: the task that awaits this is cancelled then."""
    while True:
        await asyncio.sleep(3600)


class Machine:
    """State in plain sight; changed only by its twin's loop."""

    def __init__(self, spec: MachineSpec, clock: Clock, firmware: "Callable[[Machine], Awaitable[End]]") -> None:
        """`firmware` is one boot, from POST until what was booted ends by itself; it is cancelled by the power."""
        self.spec = spec
        self.name = spec.name
        self.clock = clock
        self.user = spec.bmc.user
        self.password = password(spec.bmc)
        self.faults: set[Fault] = set(spec.faults)
        self.disks = [Disk(disk, index) for index, disk in enumerate(spec.disks)]
        self.power = Power.OFF
        self.override = self.no_override()
        self.stage = Stage.OFF
        self.writes: list[Write] = []
        self.erases: list[Work] = []
        self.installs: list[Work] = []
        self.boots: list[str] = []  # what each boot came to: pxe, disk, nothing, reboot
        self.complaints: list[str] = []  # what its agent or OS would have logged as an error
        self.power_actions = 0
        self.sessions_opened = 0
        self.sessions_closed = 0
        self.sessions_expired = 0
        self.sessions_live: set[str] = set()
        self.logins_denied = 0
        self._firmware = firmware
        self._lives: list[asyncio.Task[None]] = []
        self._heeds: list[Heed] = []

    def no_override(self) -> Override:
        return Override(Lasts.DISABLED, Target.NONE, "UEFI" if self.spec.firmware == "uefi" else "Legacy")

    def valid_override(self) -> Override:
        """The override as of now; one that has expired is gone."""
        if self.override.expires is not None and time.monotonic() > self.override.expires:
            self.override = self.no_override()
        return self.override

    def heed(self, change: Heed) -> None:
        """Have `change` called whenever a fault of this machine goes on or off."""
        self._heeds.append(change)

    def unheed(self, change: Heed) -> None:
        self._heeds.remove(change)

    async def set_fault(self, fault: Fault, *, on: bool) -> None:
        """Switch a fault; what it is now already stays untouched."""
        if (fault in self.faults) is on:
            return
        if on:
            self.faults.add(fault)
        else:
            self.faults.discard(fault)
        for change in list(self._heeds):
            await change(fault)

    def lies(self) -> bool:
        return Fault.BMC_LIES in self.faults

    def admits(self, user: str, secret: str) -> bool:
        """Whether the BMC takes this login."""
        good = user == self.user and secret == self.password and Fault.BMC_WRONG_PASSWORD not in self.faults
        self.logins_denied += not good
        return good

    def wrote(self, via: str, says: str) -> None:
        self.writes.append(Write(time.time(), via, says))

    def session_opened(self, session: str) -> None:
        self.sessions_opened += 1
        self.sessions_live.add(session)

    def session_closed(self, session: str) -> None:
        if session in self.sessions_live:
            self.sessions_closed += 1
            self.sessions_live.discard(session)

    def session_expired(self, session: str) -> None:
        if session in self.sessions_live:
            self.sessions_expired += 1
            self.sessions_live.discard(session)

    def complain(self, says: str) -> None:
        self.complaints.append(says)

    @property
    def is_off(self) -> bool:
        return self.power in (Power.OFF, Power.POWERING_OFF)

    def turn_on(self) -> None:
        """From off alone; otherwise nothing happens."""
        if self.is_off:
            self.power_actions += 1
            if Fault.POWER_STUCK_OFF not in self.faults:
                self.power = Power.POWERING_ON
                self._live(partial(self._run, POWER_ON))

    def turn_off(self) -> None:
        """Pull the plug."""
        if not self.is_off:
            self.power_actions += 1
            self._go_down(POWER_OFF)

    def shut_down(self) -> None:
        """Ask whatever runs to stop; a running OS does, anything else is not listening."""
        if self.stage is Stage.OS:
            self.power_actions += 1
            self._go_down(SHUTDOWN)

    def restart(self) -> None:
        """Reset: the power never goes."""
        if not self.is_off:
            self.power_actions += 1
            self._live(partial(self._run, timedelta(0)))

    def cycle(self) -> None:
        """Off and on again."""
        if not self.is_off:
            self.power_actions += 1
            self._go_down(POWER_OFF, then_on=Fault.POWER_STUCK_OFF not in self.faults)

    def _go_down(self, lag: timedelta, *, then_on: bool = False) -> None:
        self.power = Power.POWERING_OFF
        self._live(partial(self._stop, lag, then_on=then_on))

    async def unplug(self) -> None:
        """End whatever runs, at once; for a twin that stops."""
        self.power, self.stage = Power.OFF, Stage.OFF
        await self._ended()

    async def _run(self, lag: timedelta) -> None:
        await self.clock.lag(lag)
        self.power = Power.ON
        while await self._firmware(self) is End.REBOOT:
            self.boots.append("reboot")
        await self._stop(POWER_OFF, then_on=False)

    async def _stop(self, lag: timedelta, *, then_on: bool) -> None:
        await self.clock.lag(lag)
        self.power, self.stage = Power.OFF, Stage.OFF
        if then_on:
            self.power = Power.POWERING_ON
            await self._run(POWER_ON)

    def _live(self, life: Callable[[], Awaitable[None]]) -> None:
        """Let `life` follow once what ran before has given its sockets back."""

        async def follow() -> None:
            await self._ended(but=asyncio.current_task())
            await life()

        task = asyncio.create_task(follow(), name=f"twin:{self.name}")
        task.add_done_callback(self._mourn)
        self._lives.append(task)

    async def _ended(self, but: asyncio.Task[None] | None = None) -> None:
        past = [task for task in self._lives if task is not but]
        for task in past:
            task.cancel()
        if past:
            await asyncio.wait(past)
        self._lives = [task for task in self._lives if task not in past]

    def _mourn(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.complain(f"twin: {error!r}")
            asyncio.get_running_loop().call_exception_handler({"message": f"twin of {self.name}", "exception": error})
