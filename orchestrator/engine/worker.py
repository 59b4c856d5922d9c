"""One segment of an attempt, on a thread: observe; where it does not hold, act; observe again.

A segment ends by moving its row: active, error, gated, or parked until a signal or a moment comes. A crash ends none;
its ticket is run again.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import TypeVar

from pydantic import JsonValue
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from drivers.errors import DriverError
from inventory.quantity import in_words
from orchestrator.engine import evidence, gates
from orchestrator.engine.attempt import Attempt, node_named, still
from orchestrator.engine.intents import gate_key
from orchestrator.engine.ledger import UNPARKED, Ledger, Move, NodeRole
from orchestrator.engine.tables import INTENT
from orchestrator.engine.vertex import ACTIVE, ERROR, PROPOSED, TRANSITION, WHATEVER
from orchestrator.errors import Abandoned, StepFailed
from orchestrator.store import SIGNAL, now
from orchestrator.work import AtStake, Irreversible, Observation, Park, Task

_LOG = logging.getLogger("anneal.engine")
T = TypeVar("T")
_RANDOM = SystemRandom()
_QUICKEST_LOOK, _SLOWEST_LOOK = 0.2, 5.0  # seconds between two looks at a world that does not show it yet
_LONGEST_BACKOFF = 60.0  # seconds
_NOT_INSPECTED = AtStake(empty=False, says="what its disks hold is not known: counts as data", digest=WHATEVER)


@dataclass(frozen=True)
class Segment:
    """What a thread is at, and when it should have ended (seconds since the epoch)."""

    row: NodeRole
    ends_by: float


class Worker:
    """Runs tickets of node roles; `running` holds what is under way in this process."""

    def __init__(self, ledger: Ledger, tasks: Mapping[str, Task], backoff: timedelta) -> None:
        self.stopping = threading.Event()
        self._ledger = ledger
        self._tasks = tasks
        self._backoff = backoff.total_seconds()
        self._running: dict[str, Segment] = {}
        self._ended = threading.Condition()

    @property
    def running(self) -> Mapping[str, Segment]:
        with self._ended:
            return dict(self._running)

    def drained(self, within: timedelta) -> bool:
        """Wait until nothing runs."""
        with self._ended:
            return self._ended.wait_for(lambda: not self._running, within.total_seconds())

    def run(self, ticket: str) -> None:
        """A ticket whose row has moved on is void."""
        row = self._begin(ticket)
        if row is None:
            return
        try:
            named(row, lambda: self._drive(row))
        except Abandoned:
            self._called_off(row)
        except (DriverError, StepFailed) as error:
            self._failed(row, error)
        except OperationalError as error:
            _LOG.warning("%s %s is taken up again: the database failed: %s", row.node, row.role, error.orig)
        finally:
            with self._ended:
                del self._running[ticket]
                self._ended.notify_all()

    def task(self, row: NodeRole) -> Task:
        if row.role not in self._tasks:
            raise StepFailed(row.node, f"nothing here knows how to do {row.role}", "Use the version that planned it")
        return self._tasks[row.role]

    def attempt(self, row: NodeRole) -> Attempt:
        with self._ledger.store.engine.connect() as connection:
            return Attempt(self._ledger, row, node_named(connection, row.node), self.stopping)

    def _begin(self, ticket: str) -> NodeRole | None:
        with self._ledger.store.engine.connect() as connection:
            row = self._ledger.row(connection, int(ticket.split(":")[1]))
        if row.ticket != ticket or row.state != TRANSITION or row.parked or self.stopping.is_set():
            return None
        with self._ended:
            self._running[ticket] = Segment(row, now().timestamp() + row.within + row.verify_within)
        return row

    def _drive(self, row: NodeRole) -> None:
        task, job = self.task(row), self.attempt(row)
        if row.phase == "observe":
            seen = self._look(row, task, job)
            if seen is None:
                return
            stake = self._at_stake(job, task) if row.erases else None
            if isinstance(stake, Park):
                self._park(row, stake)
                return
            cleared = self._begin_acting(row, seen, stake)
            if cleared is None:
                return
            row = cleared
        if row.phase == "act":
            park = task.act(replace(job, row=row))
            if park is not None:
                self._park(row, park)
                return
            row = replace(row, phase="verify", verify_by=now().timestamp() + row.verify_within)
        self._verify(row, task, replace(job, row=row))

    def _begin_acting(self, row: NodeRole, seen: Observation, stake: AtStake | None) -> NodeRole | None:
        """The row with the deadline of its acting; None where it must wait for a consent."""
        with self._ledger.store.decide() as connection:
            fresh = self._counting(connection, row)
            data: dict[str, JsonValue] = {"observed": seen.says}
            if stake is not None:
                consent = None if stake.empty else gates.consume(connection, fresh, stake)
                if consent is None and not stake.empty:
                    gates.gate(connection, self._ledger, fresh, stake)
                    return None
                gates.passed(connection, row, stake)
                data |= {"erases": stake.says, "digest": stake.digest, "consent_by": consent}
            act_by = fresh.act_by or now().timestamp() + row.within
            acting = Move("role.acting", TRANSITION, f"acting: {seen.says}", data, {"act_by": act_by})
            self._ledger.move(connection, fresh, acting)
        with self._ended:
            self._running[row.ticket] = Segment(row, act_by + row.verify_within)
        return replace(fresh, phase="act", act_by=act_by)

    def _at_stake(self, job: Attempt, task: Task) -> AtStake | Park | None:
        """None where this generation has passed its gate already; a Park while it waits to be able to look."""
        with self._ledger.store.engine.connect() as connection:
            if connection.scalar(select(INTENT.c.key).where(INTENT.c.key == gate_key(job.row.id, job.row.generation))):
                return None
        return task.at_stake(job) if isinstance(task, Irreversible) else _NOT_INSPECTED

    def _verify(self, row: NodeRole, task: Task, job: Attempt) -> None:
        try:
            seen = self._look(row, task, job)
        except (DriverError, StepFailed) as error:
            if not error.retryable:
                raise
            seen = Observation(holds=False, says=str(error), witness="none")
        if seen is None:
            return
        moment = now().timestamp()
        verify_by = row.verify_by or moment
        if moment >= verify_by:
            later = in_words(timedelta(seconds=row.verify_within))
            raise StepFailed(
                row.node,
                f"{row.role} was done, but {later} later it does not hold: {seen.says}",
                "Compare what was asked with what the machine shows: anneal events",
            )
        looking_since = verify_by - row.verify_within
        pause = min(_SLOWEST_LOOK, max(_QUICKEST_LOOK, (moment - looking_since) / 4))
        sets = {"phase": "verify", "verify_by": verify_by, "act_by": row.act_by}
        self._sleep(row, min(verify_by, moment + pause), f"it to hold: {seen.says}", sets)

    def _look(self, row: NodeRole, task: Task, job: Attempt) -> Observation | None:
        """What does not hold; None where it holds and that is recorded, or counts no more."""
        while (seen := task.observe(job)).holds:
            if self._settled(row, seen):
                return None
        return seen

    def _settled(self, row: NodeRole, seen: Observation) -> bool:
        with self._ledger.store.decide() as connection:
            fresh = still(connection, self._ledger, row)
            if fresh is None:
                self._forget(connection, row)
                return True
            if evidence.overtaken(connection, row.role, seen):
                return False
            proof = evidence.record(connection, row.node, row.role, seen, row.ttl)
            self._ledger.settle(connection, fresh, proven(seen, proof))
        return True

    def _park(self, row: NodeRole, park: Park) -> None:
        began = (park.since or now()).timestamp()
        due = began + park.within.total_seconds()
        due = min(due, row.act_by) if row.act_by else due
        if park.again is not None:
            self._look_later(row, park, began, due)
            return
        with self._ledger.store.decide() as connection:
            fresh = self._counting(connection, row)
            sets = {
                "phase": row.phase,
                "parked": True,
                "signal": park.signal,
                "seen": park.seen,
                "waiting_for": park.waiting_for,
                "due": due,
                "act_by": row.act_by,
            }
            data: dict[str, JsonValue] = {"waiting_for": park.waiting_for, "deadline": _iso(due), "signal": park.signal}
            waiting = Move("role.waiting", TRANSITION, f"waiting for {park.waiting_for}", data, sets)
            self._ledger.move(connection, fresh, waiting)
            came = connection.scalar(select(SIGNAL.c.count).where(SIGNAL.c.name == park.signal)) or 0
            if came > park.seen:
                self._ledger.resume(connection, self._ledger.row(connection, row.id), f"{park.signal} came")

    def _look_later(self, row: NodeRole, park: Park, began: float, ends: float) -> None:
        """Park until the next look at what nobody signals."""
        look = now().timestamp() + (park.again or timedelta()).total_seconds()
        if now().timestamp() >= ends:
            raise StepFailed(
                row.node,
                f"{row.role} waited in vain for {park.waiting_for}",
                "Look at the machine's console and its BMC's log, then plan it again",
            )
        sets = {"phase": row.phase, "act_by": row.act_by, "since": began, "ends": ends}
        self._sleep(row, min(ends, look), park.waiting_for, sets)

    def _sleep(self, row: NodeRole, until: float, waiting_for: str, sets: Mapping[str, object]) -> None:
        """Park until a moment."""
        with self._ledger.store.decide() as connection:
            fresh = self._counting(connection, row)
            parked = {**UNPARKED, "parked": True, "waiting_for": waiting_for, "due": until, **sets}
            data: dict[str, JsonValue] = {"waiting_for": waiting_for, "deadline": _iso(until)}
            self._ledger.move(
                connection, fresh, Move("role.waiting", TRANSITION, f"waiting for {waiting_for}", data, parked)
            )

    def _failed(self, row: NodeRole, error: DriverError | StepFailed) -> None:
        if error.retryable and row.attempt < row.retries:
            pause = min(_LONGEST_BACKOFF, self._backoff * 2**row.attempt) * _RANDOM.uniform(0.5, 1.5)
            again = {"attempt": row.attempt + 1, "segment": 0, "phase": "observe", "act_by": None, "verify_by": None}
            try:
                self._sleep(
                    row, now().timestamp() + pause, f"try {row.attempt + 2} of {row.retries + 1}: {error}", again
                )
            except Abandoned:
                self._called_off(row)
            return
        with self._ledger.store.decide() as connection:
            fresh = still(connection, self._ledger, row)
            if fresh is None:
                self._forget(connection, row)
                return
            failed = Move("role.error", ERROR, str(error), {"error": type(error).__name__}, UNPARKED)
            self._ledger.settle(connection, fresh, failed)

    def _called_off(self, row: NodeRole) -> None:
        """Cancelled: back to proposed. Stopped: left as it is, for the next start. Overtaken: only its leases go."""
        with self._ledger.store.decide() as connection:
            fresh = still(connection, self._ledger, row)
            if fresh is None:
                self._forget(connection, row)
            elif fresh.cancelled:
                self._ledger.settle(connection, fresh, Move("role.proposed", PROPOSED, "cancelled", sets=UNPARKED))

    def _counting(self, connection: Connection, row: NodeRole) -> NodeRole:
        fresh = still(connection, self._ledger, row)
        if fresh is None or fresh.cancelled or self.stopping.is_set():
            raise Abandoned(f"{row.node}: {row.role} was called off")
        return fresh

    def _forget(self, connection: Connection, row: NodeRole) -> None:
        fresh = self._ledger.row(connection, row.id)
        if fresh.state != TRANSITION or fresh.generation != row.generation:
            self._ledger.drop(connection, row.holder)


def named(row: NodeRole, do: Callable[[], T]) -> T:
    """Do it; whatever a task throws comes out as one of ours. `Abandoned`, `DriverError`, `StepFailed`.

    A database that fails is no fault of the role: its `OperationalError` passes, and the segment is taken up again.
    """
    try:
        return do()
    except (Abandoned, DriverError, StepFailed, OperationalError):
        raise
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        _LOG.error("%s %s: unforeseen %s\n%s", row.node, row.role, type(error).__name__, where)
        raise _unforeseen(row, error) from error


def proven(seen: Observation, proof: evidence.Proof) -> Move:
    data: dict[str, JsonValue] = {"witness": seen.witness, "digest": proof.digest, "evidence": proof.id}
    sets = {**UNPARKED, "evidence": proof.id, "expires": proof.expires, "checking": 0, "cancelled": False}
    return Move("role.active", ACTIVE, seen.says, data, sets)


def _unforeseen(row: NodeRole, error: Exception) -> StepFailed:
    """Without the exception's own words, here and in the log: nobody has checked them for secrets."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return StepFailed(
        row.node,
        f"{row.role} ended by an unforeseen {type(error).__name__} in {frame.name}",
        "This is a fault in Anneal or in the role: report it with the log",
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
