"""The rows of node roles and how they move: each move with its event, its leases and its children in one transaction.

Readiness is counted, never scanned: a row's `waiting` is how many of its parents are not done, and changes with them.
All of this runs within `Store.decide`, so what is read here stays true until it commits; only a signal, which comes in
somebody else's transaction, moves a row by a conditional update.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from orchestrator.engine import leases
from orchestrator.engine.tables import EDGE, NODE_ROLE
from orchestrator.engine.vertex import BLOCKED, DONE, GATED, TODO, TRANSITION
from orchestrator.events import Event
from orchestrator.store import SIGNAL, Store, now

_CHUNK = 500


@dataclass(frozen=True)
class NodeRole:
    """A row of the table of that name; see there."""

    id: int
    node: str
    role: str
    run: str
    state: str
    waiting: int
    generation: int
    attempt: int
    segment: int
    phase: str
    says: str
    since: float
    event: int
    parked: bool
    signal: str | None
    seen: int | None
    waiting_for: str | None
    due: float | None
    ends: float | None
    act_by: float | None
    verify_by: float | None
    cancelled: bool
    checking: int
    checks: int
    evidence: int | None
    expires: float | None
    stake: Mapping[str, JsonValue] | None
    inputs: Mapping[str, JsonValue]
    input_hash: str
    within: float
    verify_within: float
    ttl: float | None
    retries: int
    erases: bool
    idempotent: bool

    @property
    def ticket(self) -> str:
        return f"nr:{self.id}:{self.generation}:{self.attempt}:{self.segment}"

    @property
    def check_ticket(self) -> str:
        return f"check:{self.id}:{self.generation}:{self.checking}"

    @property
    def holder(self) -> str:
        return leases.holder(self.id, self.generation)


@dataclass(frozen=True)
class Move:
    """To which state, with what to say; `data` goes into the event, `sets` into the row."""

    kind: str
    state: str
    says: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    sets: Mapping[str, object] = field(default_factory=dict)


UNPARKED: Mapping[str, object] = {
    "parked": False,
    "signal": None,
    "seen": None,
    "waiting_for": None,
    "due": None,
    "ends": None,
}


# Statements of the hot path are built once: building one costs more than SQLite needs to run it.
_ROW = select(NODE_ROLE).where(NODE_ROLE.c.id == bindparam("b_id"))
_READY = (
    select(NODE_ROLE)
    .where(NODE_ROLE.c.id.in_(bindparam("b_ids", expanding=True)), NODE_ROLE.c.state == TODO)
    .order_by(NODE_ROLE.c.id)
)
_MOVED = update(NODE_ROLE).where(NODE_ROLE.c.id == bindparam("b_id"))
_TOLD = (
    update(NODE_ROLE)
    .where(NODE_ROLE.c.id.in_(select(EDGE.c.child).where(EDGE.c.parent == bindparam("b_parent"))))
    .values(waiting=NODE_ROLE.c.waiting + bindparam("b_delta"))
    .returning(NODE_ROLE)
)


class Queue(Protocol):
    @property
    def running(self) -> bool: ...

    def enqueue(self, connection: Connection, ticket: str) -> None: ...


class Ledger:
    """`queue` takes tickets in the same transaction; None where no engine is. While it does not run, nothing starts."""

    def __init__(self, store: Store, queue: Queue | None) -> None:
        self.store = store
        self._queue = queue

    def row(self, connection: Connection, node_role: int) -> NodeRole:
        return NodeRole(**connection.execute(_ROW, {"b_id": node_role}).one()._asdict())

    def rows(self, connection: Connection, *where: ColumnElement[bool]) -> list[NodeRole]:
        found = connection.execute(select(NODE_ROLE).where(*where).order_by(NODE_ROLE.c.id))
        return [NodeRole(**row._asdict()) for row in found]

    def move(self, connection: Connection, row: NodeRole, move: Move, cause: int | None = None) -> int:
        """The event's id. Its cause is the row's last event where none is given."""
        event = self.store.append(connection, _event(row, move, cause or row.event))
        connection.execute(_MOVED, {"b_id": row.id, **_values(move, event)})
        return event

    def settle(self, connection: Connection, row: NodeRole, move: Move, cause: int | None = None) -> None:
        """As `move`, for a row that ends its attempt or loses its place: leases go, children and others start."""
        event = self.move(connection, row, move, cause)
        freed = leases.release(connection, row.holder)
        ready = self.ripple(connection, row.id, (row.state in DONE) - (move.state in DONE), event)
        self.admit(connection, [*ready, *leases.wanting(connection, freed)])

    def drop(self, connection: Connection, whose: str) -> None:
        """Free the leases of an attempt that no longer counts."""
        self.admit(connection, leases.wanting(connection, leases.release(connection, whose)))

    def ripple(self, connection: Connection, parent: int, delta: int, cause: int) -> list[int]:
        """Tell the children that a parent is done (-1) or no longer done (+1); those that became ready."""
        if delta == 0:
            return []
        told = [NodeRole(**row._asdict()) for row in connection.execute(_TOLD, {"b_parent": parent, "b_delta": delta})]
        return self.recount(connection, told, cause)

    def recount(self, connection: Connection, rows: Sequence[NodeRole], cause: int) -> list[int]:
        """Make rows ready or blocked as their `waiting` says; those that became ready."""
        ready = [row for row in rows if row.state == BLOCKED and row.waiting == 0]
        blocked = [row for row in rows if row.state in {TODO, GATED} and row.waiting > 0]
        self._move_all(connection, ready, lambda _: Move("role.todo", TODO, "ready"), cause)
        self._move_all(connection, blocked, lambda row: Move("role.blocked", BLOCKED, blocked_by(row.waiting)), cause)
        return [row.id for row in ready]

    def admit(self, connection: Connection, candidates: Sequence[int]) -> None:
        """Start those of the ready rows that get their leases; the rest waits for a release."""
        if self._queue is None or not self._queue.running:
            return
        unique = sorted(set(candidates))
        for start in range(0, len(unique), _CHUNK):
            part = unique[start : start + _CHUNK]
            rows = [NodeRole(**row._asdict()) for row in connection.execute(_READY, {"b_ids": part})]
            given = set(leases.take(connection, [(row.id, row.generation) for row in rows]))
            started = [row for row in rows if row.id in given]
            self._move_all(connection, started, lambda _: Move("role.started", TRANSITION, "started"), None)
            for row in started:
                self._queue.enqueue(connection, row.ticket)

    def admit_all(self, connection: Connection) -> None:
        self.admit(connection, connection.scalars(select(NODE_ROLE.c.id).where(NODE_ROLE.c.state == TODO)).all())

    def resume(self, connection: Connection, row: NodeRole, says: str) -> None:
        """Go on with a parked row in a new segment."""
        going_on = {**UNPARKED, "segment": row.segment + 1}
        self.move(connection, row, Move("role.resumed", TRANSITION, says, sets=going_on))
        self.enqueue(connection, f"nr:{row.id}:{row.generation}:{row.attempt}:{row.segment + 1}")

    def signalled(self, connection: Connection, name: str) -> None:
        """Go on with all that is parked for a signal, in the transaction that sends it."""
        came = select(SIGNAL.c.count).where(SIGNAL.c.name == name).scalar_subquery()
        due = (NODE_ROLE.c.parked, NODE_ROLE.c.signal == name, NODE_ROLE.c.seen < came)
        taken = update(NODE_ROLE).where(*due).values(parked=False).returning(NODE_ROLE)
        for found in connection.execute(taken).all():
            self.resume(connection, NodeRole(**found._asdict()), f"{name} came")

    def check(self, connection: Connection, row: NodeRole) -> None:
        """Have the row observed again, in a check with a number of its own."""
        number = row.checks + 1
        connection.execute(_MOVED, {"b_id": row.id, "checking": number, "checks": number})
        self.enqueue(connection, replace(row, checking=number).check_ticket)

    def enqueue(self, connection: Connection, ticket: str) -> None:
        """Where nothing runs, the next start finds the row and takes it up."""
        if self._queue is not None and self._queue.running:
            self._queue.enqueue(connection, ticket)

    def _move_all(
        self, connection: Connection, rows: Sequence[NodeRole], to: Callable[[NodeRole], Move], cause: int | None
    ) -> None:
        if not rows:
            return
        moves = [to(row) for row in rows]
        events = [_event(row, move, cause or row.event) for row, move in zip(rows, moves, strict=True)]
        ids = self.store.append_all(connection, events)
        values = [{"b_id": row.id, **_values(move, event)} for row, move, event in zip(rows, moves, ids, strict=True)]
        connection.execute(_MOVED, values)


def blocked_by(parents: int) -> str:
    return f"waits for {parents} {'role' if parents == 1 else 'roles'} before it"


def _event(row: NodeRole, move: Move, cause: int) -> Event:
    data = {"generation": row.generation, "attempt": row.attempt, **move.data}
    return Event(move.kind, move.says, row.node, row.role, row.run, cause, data)


def _values(move: Move, event: int) -> dict[str, object]:
    return {"state": move.state, "says": move.says, "event": event, "since": now().timestamp(), **move.sets}
