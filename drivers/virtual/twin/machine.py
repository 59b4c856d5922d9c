"""One simulated machine: its power, boot override and disks, and the count of everything that was done to it."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import Never

from drivers.virtual.twin.account_slots import LOCKED_AFTER, AccountSlots
from drivers.virtual.twin.array import Array
from drivers.virtual.twin.clock import Clock
from drivers.virtual.twin.fabric import Fabric
from drivers.virtual.twin.faults import Fault, Strike, parse
from drivers.virtual.twin.file import MachineSpec, password
from drivers.virtual.twin.manners import Manners, personality
from drivers.virtual.twin.settings import Settings
from drivers.virtual.twin.states import Entry, Lasts, Override, Power, Stage, Target, Work, Write
from drivers.virtual.twin.work import Work as Tasks

POWER_ON = timedelta(seconds=3)
POWER_OFF = timedelta(seconds=3)
SESSION_TIMEOUT = timedelta(minutes=30)
SHORTEST_TIMEOUT = timedelta(seconds=30)  # DSP0268, SessionService.SessionTimeout
SHUTDOWN = timedelta(seconds=20)  # an operating system that is asked to stop


class End(Enum):
    """How a boot ended by itself."""

    REBOOT = auto()
    OFF = auto()


Heed = Callable[[Fault | Strike], Awaitable[None]]
Restarting = Callable[[bool], Awaitable[None]]  # False: the BMC goes down; True: it is back
LOG_KEPT = 200


async def until_unplugged() -> Never:
    """For what ends only with the power: the task that awaits this is cancelled then."""
    while True:
        await asyncio.sleep(3600)


class Machine:
    """State in plain sight; changed only by its twin's loop."""

    def __init__(
        self, spec: MachineSpec, clock: Clock, fabric: Fabric, firmware: "Callable[[Machine], Awaitable[End]]"
    ) -> None:
        """`firmware` is one boot, from POST until what was booted ends by itself; it is cancelled by the power."""
        self.spec = spec
        self.name = spec.name
        self.clock = clock
        self.fabric = fabric
        self.personality = personality(spec.bmc)
        self.manners = Manners(self.personality, spec)
        self.faults = self.manners.faults
        self.quirks = self.manners.quirks
        self.accounts = AccountSlots(self.personality.users, spec.bmc.user, password(spec.bmc))
        self.accounts.first.must_change = spec.bmc.expired
        self.array = Array(spec.disks, spec.volumes)
        self.disks = self.array.disks
        self.boot_mode = "UEFI" if spec.firmware == "uefi" else "Legacy"
        self.settings = Settings(self.personality, len(spec.nics))
        self.work = Tasks(clock, lambda: 88 in self.quirks, self.note, self._mourn)
        self.log: deque[Entry] = deque(maxlen=LOG_KEPT)
        self.hearers: list[Callable[[Entry], None]] = []
        self.power = Power.OFF
        self.override = self.no_override()
        self.stage = Stage.OFF
        self.session_seconds = int(clock.scaled(SESSION_TIMEOUT, SHORTEST_TIMEOUT))
        self.discovered = False  # within POST: devices are found (iLO's InPostDiscoveryComplete)
        self.powered_at = 0.0  # monotonic, of the last power action
        self.bmc_up = True
        self.bmc_restarts = 0
        self._firmware = firmware
        self._lives: list[asyncio.Task[None]] = []
        self._heeds: list[Heed] = []
        self._restarting: list[Restarting] = []
        self._moving: list[Callable[[], None]] = []
        self._posts: list[Callable[[bool], None]] = []
        self._restart: asyncio.Task[None] | None = None
        self._count()

    def _count(self) -> None:
        """From nothing."""
        self.writes: list[Write] = []
        self.erases: list[Work] = []
        self.installs: list[Work] = []
        self.flashes: list[Work] = []
        self.boots: list[str] = []  # what each boot came to: pxe, disk, nothing, reboot
        self.complaints: list[str] = []  # what its agent or OS would have logged as an error
        self.power_actions = 0
        self.sessions_opened = 0
        self.sessions_closed = 0
        self.sessions_expired = 0
        self.sessions_live: set[str] = set()
        self.logins_denied = 0
        self.in_flight = self.in_flight_most = 0
        self.writing = self.writing_most = 0

    def no_override(self) -> Override:
        return Override(Lasts.DISABLED, Target.NONE, self.boot_mode)

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

    async def set_fault(self, fault: Fault | Strike | str, *, on: bool) -> None:
        """Switch a fault; what it is now already stays untouched. `ValueError` for what is none."""
        known = parse(fault) if isinstance(fault, str) and not isinstance(fault, Fault) else fault
        if self.manners.switch(known, on=on):
            for change in list(self._heeds):
                await change(known)

    async def heed_what_is_on(self) -> None:
        """Let the numbered faults that the twin file switched on begin."""
        for strike in list(self.manners.strikes.values()):
            for change in list(self._heeds):
                await change(strike)

    def lies(self) -> bool:
        return Fault.BMC_LIES in self.faults

    def pretends(self, kind: str) -> bool:
        """Whether a write of this kind is answered as done and not done (faults.KINDS)."""
        return self.lies() or self.manners.take("F17", kind) is not None

    def admits(self, user: str, secret: str) -> bool:
        """Whether the BMC takes this login."""
        if self.manners.on("F7"):
            self.accounts.missed(user, LOCKED_AFTER)
            good = False
        else:
            good = self.accounts.admits(user, secret) is not None and Fault.BMC_WRONG_PASSWORD not in self.faults
        self.logins_denied += not good
        return good

    def wrote(self, via: str, says: str, path: str = "") -> None:
        self.writes.append(Write(time.time(), via, says, path))

    def erased(self, says: str) -> None:
        self.erases.append(Work(time.time(), says))

    def flashed(self, says: str) -> None:
        self.flashes.append(Work(time.time(), says))

    def note(self, says: str, severity: str = "OK") -> None:
        """Add to the BMC's event log, and tell whoever listens."""
        entry = Entry(self.log[-1].number + 1 if self.log else 1, time.time(), severity, says)
        self.log.append(entry)
        for hear in list(self.hearers):
            hear(entry)

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
            self._acted()
            if Fault.POWER_STUCK_OFF not in self.faults:
                self.power = Power.POWERING_ON
                self._live(partial(self._run, POWER_ON))

    def turn_off(self) -> None:
        """Pull the plug."""
        if not self.is_off:
            self._acted()
            self._go_down(POWER_OFF)

    def shut_down(self) -> None:
        """Ask whatever runs to stop; a running OS does, anything else is not listening."""
        deaf = 22 in self.quirks or self.manners.on("F22") is not None
        if self.stage is Stage.OS and not deaf:
            self._acted()
            self._go_down(SHUTDOWN)

    def restart(self) -> None:
        """Reset: the power never goes."""
        if not self.is_off:
            self._acted()
            self._live(partial(self._run, timedelta(0)))

    def cycle(self) -> None:
        """Off and on again."""
        if not self.is_off:
            self._acted()
            self._go_down(POWER_OFF, then_on=Fault.POWER_STUCK_OFF not in self.faults)

    def lose_power(self) -> None:
        """At once, and not by the BMC's doing."""
        self.power, self.stage = Power.OFF, Stage.OFF
        self.note("The host lost its power.", "Critical")
        self.work.break_off("The host lost its power.")
        self._live(partial(self._stop, timedelta(0), then_on=False))

    def _acted(self) -> None:
        self.power_actions += 1
        self.powered_at = time.monotonic()

    @property
    def undiscovered(self) -> bool:
        """Whether F12 has it hide its devices, as long as POST goes on."""
        posting = self.power is not Power.OFF and self.stage in (Stage.POST, Stage.OFF)
        return posting and self.manners.on("F12", "discover") is not None

    @property
    def post_state(self) -> str:
        """In iLO's words (Oem.Hpe.PostState)."""
        if self.power is Power.OFF:
            return "PowerOff"
        if self.stage in (Stage.POST, Stage.OFF):
            return "InPostDiscoveryComplete" if self.discovered else "InPost"
        return "FinishedPost"

    def heed_post(self, change: Callable[[bool], None]) -> None:
        """Have `change` called as each POST begins (True) and ends (False), before a device is chosen."""
        self._posts.append(change)

    def post(self, *, begun: bool) -> None:
        self.work.at_post(begun=begun)
        for change in self._posts:
            change(begun)

    def heed_restart(self, change: Restarting) -> None:
        self._restarting.append(change)

    def heed_move(self, change: Callable[[], None]) -> None:
        self._moving.append(change)

    def move_bmc(self) -> None:
        """It is to be at `settings.bmc_host` from now on."""
        for change in self._moving:
            change()

    def restart_bmc(self, down: float, *, after: float = 0.0, relapse: float = 0.0) -> None:
        """Take the BMC away for so many real seconds; with `relapse` it comes back, and goes and comes once more."""
        if self._restart is None or self._restart.done():
            self._restart = asyncio.create_task(self._restarted(down, after, relapse), name=f"twin:{self.name}:bmc")
            self._restart.add_done_callback(self._mourn)

    async def _restarted(self, down: float, after: float, relapse: float) -> None:
        await asyncio.sleep(after)
        self.bmc_restarts += 1
        await self._set_bmc(up=False)
        await asyncio.sleep(down)
        await self._set_bmc(up=True)
        if relapse:
            await asyncio.sleep(relapse)
            await self._set_bmc(up=False)
            await asyncio.sleep(relapse)
            await self._set_bmc(up=True)
        self.note("The BMC was restarted.")

    async def _set_bmc(self, *, up: bool) -> None:
        self.bmc_up = up
        for change in list(self._restarting):
            await change(up)

    def _go_down(self, lag: timedelta, *, then_on: bool = False) -> None:
        self.power = Power.POWERING_OFF
        self._live(partial(self._stop, lag, then_on=then_on))

    async def unplug(self) -> None:
        """End whatever runs, at once; for a twin that stops."""
        self.power, self.stage = Power.OFF, Stage.OFF
        if self._restart is not None:
            self._restart.cancel()
            await asyncio.wait([self._restart])
        await self.work.stop()
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
