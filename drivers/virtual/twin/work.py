"""What a BMC does in the background: tasks, which on Dell are jobs too. Some begin at the next POST."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from drivers.virtual.twin.clock import Clock

KEPT = 100  # ended tasks; OpenBMC keeps as many (bmcweb task.hpp)
_SHORTEST = timedelta(milliseconds=50)


class State(StrEnum):
    """The values of Redfish's Task.TaskState that occur."""

    NEW = "New"
    PENDING = "Pending"  # waits for the next POST
    RUNNING = "Running"
    COMPLETED = "Completed"
    EXCEPTION = "Exception"


class Broken(Exception):
    """Ends a task with an error; its text is the task's message."""


Effect = Callable[[], None]
Fetch = Callable[[], Awaitable[None]]
Mourn = Callable[["asyncio.Task[None]"], None]


@dataclass(frozen=True)
class Later:
    """Work that outlives its request. `fetch` is done first and at once; `at_reset`: `effect` waits for a POST."""

    says: str
    kind: str
    effect: Effect
    lasts: timedelta = timedelta(seconds=30)
    seconds: float | None = None  # real ones, instead of `lasts`
    at_reset: bool = False
    fetch: Fetch | None = None
    job_type: str = "RAIDConfiguration"


@dataclass
class Task:
    """`fails`: it will end in an exception. `false`: it will say Completed with health Critical (quirk 78)."""

    id: str
    later: Later
    state: State = State.NEW
    percent: int = 0
    message: str = "The task was created."
    fails: bool = False
    false: bool = False
    foreign: bool = False
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    born: float = field(default_factory=time.monotonic)
    ended: float | None = None
    looks: int = 0

    @property
    def is_over(self) -> bool:
        return self.ended is not None


class Work:
    """All tasks of one BMC. `slow_start` keeps new ones New for a while, and their effect late (quirk 88)."""

    def __init__(self, clock: Clock, slow_start: Callable[[], bool], note: Callable[[str], None], mourn: Mourn) -> None:
        self.tasks: dict[str, Task] = {}
        self._mourn = mourn
        self._clock = clock
        self._slow_start = slow_start
        self._note = note
        self._numbers = itertools.count(1)
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, later: Later, prefix: str = "") -> Task:
        number = next(self._numbers)
        identity = f"{prefix}{int(time.time()) % 10**8:08}{number:04}" if prefix else str(number)
        task = Task(identity, later)
        self.tasks[identity] = task
        over = [one.id for one in self.tasks.values() if one.is_over]
        for old in over[: max(0, len(over) - KEPT)]:
            del self.tasks[old]
        self._spawn(self._start(task))
        return task

    def foreign(self, later: Later, prefix: str = "") -> Task:
        """A task of somebody else's, which waits for a POST and changes nothing."""
        task = self.begin(later, prefix)
        task.foreign = True
        return task

    def open(self, kind: str | None = None) -> list[Task]:
        """Those not over, of one kind or of all."""
        return [one for one in self.tasks.values() if not one.is_over and kind in (None, one.later.kind)]

    def at_post(self, *, begun: bool) -> None:
        """Run what waited for it: it says Running through POST, and has its effect at the end of it."""
        for task in self.open():
            if begun and task.state is State.PENDING:
                task.state, task.message, task.percent = State.RUNNING, "The task runs in POST.", 34
            elif not begun and task.state is State.RUNNING and task.later.at_reset:
                self._end(task)

    def forget(self, *, all_of_it: bool) -> None:
        """A restart of the BMC: what runs is done. With `all_of_it` nobody can be asked about it any more."""
        for task in self.open():
            if not task.later.at_reset:
                self._end(task)
        if all_of_it:
            self.tasks = {task.id: task for task in self.tasks.values() if not task.is_over}

    def break_off(self, says: str) -> None:
        """End what runs in an exception, without its effect."""
        for task in self.open():
            if task.state is not State.PENDING:
                task.fails = True
                self._end(task, says)

    async def stop(self) -> None:
        running = list(self._running)
        for one in running:
            one.cancel()
        if running:
            await asyncio.wait(running)

    def _spawn(self, life: Awaitable[None]) -> None:
        async def live() -> None:
            await life

        running = asyncio.create_task(live())
        running.add_done_callback(self._mourn)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _start(self, task: Task) -> None:
        slow = self._slow_start()
        if slow:
            await self._clock.lag(timedelta(seconds=10), timedelta(milliseconds=300))
        if not task.is_over:  # it may be broken off at any time
            task.state, task.message = State.RUNNING, "The task runs."
            await self._fetch(task)
        if not task.is_over and task.later.at_reset:
            task.state, task.message = State.PENDING, "The task waits for a reset of the host."
            return
        if not task.is_over:
            await self._run(task)
        if not task.is_over:
            self._end(task, late=slow)

    async def _fetch(self, task: Task) -> None:
        if task.later.fetch is None:
            return
        try:
            await task.later.fetch()
        except Broken as error:
            task.fails = True
            self._end(task, str(error))

    async def _run(self, task: Task) -> None:
        """A third of its time at each step, so that its percentage moves."""
        later = task.later
        whole = later.seconds if later.seconds is not None else self._clock.scaled(later.lasts, _SHORTEST)
        for percent in (33, 66, 99):
            await asyncio.sleep(whole / 3)
            task.percent = percent

    def _end(self, task: Task, says: str | None = None, *, late: bool = False) -> None:
        if not task.fails and not task.false:
            try:
                if late:
                    self._spawn(self._late(task.later.effect))
                else:
                    task.later.effect()
            except Broken as error:
                task.fails, says = True, str(error)
        task.ended = time.monotonic()
        task.percent = 100
        task.state = State.EXCEPTION if task.fails else State.COMPLETED
        task.message = says or ("The task failed." if task.fails or task.false else "The task ended.")
        self._note(f"{task.later.says}: {task.message}")

    async def _late(self, effect: Effect) -> None:
        await self._clock.lag(timedelta(seconds=10), timedelta(milliseconds=300))
        effect()
