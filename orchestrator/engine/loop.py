"""The one loop: what is ready and admitted is observed, brought about, observed again, and proven; through crashes."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic

from sqlalchemy import update

from orchestrator.engine import gates
from orchestrator.engine.checks import Checks
from orchestrator.engine.durable import Durable
from orchestrator.engine.ledger import UNPARKED, Ledger, Move
from orchestrator.engine.presence import enter
from orchestrator.engine.status import settled, statuses
from orchestrator.engine.submission import let_go, submit, wanted
from orchestrator.engine.sweep import Sweep
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.engine.vertex import (
    BLOCKED,
    GATED,
    PROPOSED,
    TODO,
    TRANSITION,
    WHATEVER,
    Limits,
    RoleStatus,
    Vertex,
    VertexKey,
)
from orchestrator.engine.worker import Worker
from orchestrator.store import Store
from orchestrator.work import Task

__all__ = ["WHATEVER", "Engine", "Limits", "RoleStatus", "Vertex", "VertexKey"]

_LOOK = 0.1  # seconds between two looks at whether a run has settled


class Engine:
    """`tasks` by role. `executor_id` must be the same after a restart: it names whose work is taken up.

    While it is not started, what is asked of it is recorded, and done at the next start.
    """

    def __init__(self, store: Store, tasks: Mapping[str, Task], limits: Limits, executor_id: str) -> None:
        self._store = store
        self._limits = limits
        self._executor = executor_id
        self._durable = Durable(store.engine, executor_id, limits.threads, self._run)
        self._ledger = Ledger(store, self._durable)
        self._worker = Worker(self._ledger, tasks, limits.backoff)
        self._checks = Checks(self._ledger, self._worker)
        self._undo = ExitStack()

    def start(self) -> None:
        """Begin to work, where it was left. `Held` where another engine has the database."""
        with ExitStack() as undo:
            presence = enter(self._store, self._executor)
            undo.callback(presence.leave)
            sweep = Sweep(self._ledger, self._worker, self._durable, presence)
            sweep.recover()
            self._durable.launch()
            undo.callback(self._durable.stop)
            self._worker.stopping.clear()
            self._store.listen(self._ledger.signalled)
            undo.callback(self._store.unlisten, self._ledger.signalled)
            sweep.keep()
            with self._store.decide() as connection:
                self._ledger.admit_all(connection)
            sweeper = threading.Thread(target=sweep.run, args=(self._worker.stopping,), name="anneal-sweep")
            sweeper.start()
            undo.callback(sweeper.join)
            self._undo = undo.pop_all()

    def stop(self, grace: timedelta = timedelta(seconds=30)) -> None:
        """Begin nothing more, wait for what runs, and leave. What does not end within `grace` is taken up next time."""
        self._worker.stopping.set()
        self._worker.drained(grace)
        self._undo.close()

    def submit(self, vertices: Sequence[Vertex], edges: Iterable[tuple[VertexKey, VertexKey]], run: str) -> None:
        """Want these, under the name `run`; an edge is (parent, child), and a parent may be known from before.

        New ones and changed ones (`input_hash`) go, and so do those that had failed, drifted or gone stale; what is
        active or under way stays. `Knot`, `Impossible`, `Held`; then nothing was submitted.
        """
        want = wanted(vertices, edges, run)
        with self._store.decide() as connection:
            submit(connection, self._ledger, want, self._limits)
            self._ledger.admit_all(connection)

    def consent(self, node: str, role: str, by: str, bound_to: str) -> None:
        """Allow an irreversible step once. `bound_to`: the digest of what may be destroyed, or `WHATEVER`."""
        with self._store.decide() as connection:
            gates.give(connection, self._ledger, (node, role), by, bound_to)

    def cancel(self, keys: Iterable[VertexKey]) -> None:
        """Want these no longer. One that acts does nothing more to the world and then goes back to proposed."""
        wanted_no_more = set(keys)
        with self._store.decide() as connection:
            for row in self._ledger.rows(connection, NODE_ROLE.c.state.in_([TODO, BLOCKED, GATED, TRANSITION])):
                if (row.node, row.role) not in wanted_no_more:
                    continue
                if row.state == TRANSITION and not row.parked:
                    connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == row.id).values(cancelled=True))
                else:
                    self._ledger.settle(connection, row, Move("role.proposed", PROPOSED, "cancelled", sets=UNPARKED))

    def let_go(self, keys: Iterable[VertexKey]) -> None:
        """Claim these no longer, whatever stands of them; their records stay. One that is at work is called off."""
        with self._store.decide() as connection:
            let_go(connection, self._ledger, keys)

    def verify(self, keys: Iterable[VertexKey]) -> None:
        """Observe again what was proven: what is contradicted drifts, and its children stay as they are."""
        with self._store.decide() as connection:
            self._checks.ask(connection, keys)

    def settled(self, run: str) -> bool:
        """Whether nothing of the run will move without somebody doing something."""
        return settled(self._store, run)

    def wait(self, run: str, timeout: timedelta) -> bool:
        """Until the run has settled; False where time was up first."""
        until = monotonic() + timeout.total_seconds()
        while not self.settled(run):
            if monotonic() > until:
                return False
            self._worker.stopping.wait(_LOOK)
        return True

    def statuses(self) -> tuple[RoleStatus, ...]:
        return statuses(self._store)

    def _run(self, ticket: str) -> None:
        if ticket.startswith("check:"):
            self._checks.run(ticket)
        else:
            self._worker.run(ticket)
