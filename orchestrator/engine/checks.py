"""Looking again at what was proven: nothing is acted on, and the row keeps its place until the answer is in."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, update
from sqlalchemy.exc import OperationalError

from drivers.errors import DriverError
from orchestrator.engine import evidence
from orchestrator.engine.ledger import Ledger, Move, NodeRole
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.engine.vertex import ACTIVE, DRIFTED, STALE, VertexKey
from orchestrator.engine.worker import Worker, named, proven
from orchestrator.errors import Abandoned, StepFailed
from orchestrator.events import Event
from orchestrator.work import Observation

_CHECKED = (ACTIVE, STALE, DRIFTED)


@dataclass(frozen=True)
class Checks:
    ledger: Ledger
    worker: Worker

    def ask(self, connection: Connection, keys: Iterable[VertexKey]) -> None:
        """Have those of `keys` observed that were proven before; one that is being observed is not asked twice."""
        wanted = set(keys)
        for row in self.ledger.rows(connection, NODE_ROLE.c.state.in_(_CHECKED), NODE_ROLE.c.checking == 0):
            if (row.node, row.role) in wanted:
                self.ledger.check(connection, row)

    def run(self, ticket: str) -> None:
        with self.ledger.store.engine.connect() as connection:
            row = self.ledger.row(connection, int(ticket.split(":")[1]))
        if row.check_ticket != ticket or self.worker.stopping.is_set():
            return
        try:
            while not self._told(row, named(row, lambda: self.worker.task(row).observe(self.worker.attempt(row)))):
                pass
        except (Abandoned, DriverError, StepFailed) as error:
            self._unseen(row, str(error))
        except OperationalError as error:
            self._unseen(row, f"{row.node}: {row.role} could not be looked at: the database failed: {error.orig}")

    def _told(self, row: NodeRole, seen: Observation) -> bool:
        """False where it must be looked at anew."""
        with self.ledger.store.decide() as connection:
            fresh = self._asked(connection, row)
            if fresh is None:
                return True
            if seen.holds:
                if evidence.overtaken(connection, row.role, seen):
                    return False
                proof = evidence.record(connection, row.node, row.role, seen, row.ttl)
                self.ledger.settle(connection, fresh, proven(seen, proof))
            else:
                self.ledger.settle(connection, fresh, Move("role.drifted", DRIFTED, seen.says, sets={"checking": 0}))
        return True

    def _unseen(self, row: NodeRole, why: str) -> None:
        """Not seen is not contradicted: the state stays."""
        with self.ledger.store.decide() as connection:
            if self._asked(connection, row) is not None:
                self.ledger.store.append(connection, Event("role.unseen", why, row.node, row.role, row.run, row.event))
                connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == row.id).values(checking=0))

    def _asked(self, connection: Connection, row: NodeRole) -> NodeRole | None:
        fresh = self.ledger.row(connection, row.id)
        return fresh if fresh.check_ticket == row.check_ticket and fresh.state in _CHECKED else None
