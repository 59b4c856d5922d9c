"""What happens by itself as time goes by: waits that end, evidence that ages, leases that are kept, work left behind.

One thread; each tick reads first and writes only where something is due.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.exc import SQLAlchemyError

from inventory.quantity import in_words
from orchestrator.engine import leases
from orchestrator.engine.attempt import overdue, still
from orchestrator.engine.durable import Durable
from orchestrator.engine.ledger import UNPARKED, Ledger, Move, NodeRole
from orchestrator.engine.presence import Presence
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.engine.vertex import ACTIVE, ERROR, STALE, TRANSITION
from orchestrator.engine.worker import Worker
from orchestrator.errors import Held
from orchestrator.store import SIGNAL, now

_LOG = logging.getLogger("anneal.engine")
_TICK = 0.2  # seconds
_OFTEN, _SELDOM, _RARELY = 5, 25, 3000  # ticks
_REMEMBERED = timedelta(hours=1)


@dataclass(frozen=True)
class Sweep:
    ledger: Ledger
    worker: Worker
    durable: Durable
    presence: Presence

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. A database that does not answer is asked again at the next tick."""
        ticks = 0
        while not stop.wait(_TICK):
            ticks += 1
            try:
                self._wake()
                if ticks % _OFTEN == 0:
                    self._look_round()
                if ticks % _SELDOM == 0:
                    self.keep()
                if ticks % _RARELY == 0:
                    self.durable.forget(_REMEMBERED)
            except SQLAlchemyError as error:
                _LOG.warning("the database does not answer, trying again: %s", type(error).__name__)
            except Held as error:
                _LOG.warning("others cannot see that this engine lives, trying again: %s", error)

    def recover(self) -> None:
        """Before the start: keep the leases of what is under way, drop those whose holders are gone."""
        with self.ledger.store.decide() as connection:
            alive = self._holders(connection)
            if self.ledger.store.one_process:
                leases.drop_orphans(connection, alive)
            leases.renew(connection, alive)

    def keep(self) -> None:
        """Renew the leases of what is under way, and take up what nobody does: the work of dead executors, and
        segments that ended without moving their row (a stop, a lost database)."""
        with self.ledger.store.decide() as connection:
            leases.renew(connection, self._holders(connection))
            leases.drop_expired(connection)
        self.presence.stay()
        for executor in self.durable.abandoned():
            with self.presence.dead(executor) as dead:
                if dead:
                    self.durable.adopt(executor)
        self._take_up_stranded()

    def _wake(self) -> None:
        """Parked rows whose moment has come: those that slept go on, those that waited in vain fail."""
        moment = now().timestamp()

        def wake(connection: Connection, row: NodeRole) -> None:
            if row.signal is None:
                self.ledger.resume(connection, row, "looking again")
            else:
                self.ledger.settle(connection, row, _in_vain(row))

        self._each(wake, NODE_ROLE.c.parked, NODE_ROLE.c.due <= moment)

    def _look_round(self) -> None:
        moment = now().timestamp()
        came = select(SIGNAL.c.count).where(SIGNAL.c.name == NODE_ROLE.c.signal).scalar_subquery()
        self._each(self._signal_came, NODE_ROLE.c.parked, NODE_ROLE.c.signal.is_not(None), NODE_ROLE.c.seen < came)
        self._each(self._age, NODE_ROLE.c.state == ACTIVE, NODE_ROLE.c.expires <= moment)
        for segment in self.worker.running.values():
            if segment.ends_by < moment:
                self._give_up(segment.row)
        self._take_up_checks()
        with self.ledger.store.engine.connect() as connection:
            startable = leases.startable(connection)
        if startable:
            with self.ledger.store.decide() as connection:
                self.ledger.admit(connection, startable)

    def _signal_came(self, connection: Connection, row: NodeRole) -> None:
        self.ledger.resume(connection, row, f"{row.signal} came")

    def _age(self, connection: Connection, row: NodeRole) -> None:
        age = in_words(timedelta(seconds=row.ttl or 0))
        self.ledger.settle(connection, row, Move("role.stale", STALE, f"its evidence is older than {age}"))

    def _give_up(self, row: NodeRole) -> None:
        """A thread cannot be stopped: the row fails, its leases stay until the thread has come back."""
        with self.ledger.store.decide() as connection:
            fresh = still(connection, self.ledger, row)
            if fresh is not None:
                says = f"{overdue(row)}. It has not come back; its node stays locked until it does"
                self.ledger.move(connection, fresh, Move("role.error", ERROR, says, {"error": "Overdue"}))

    def _take_up_stranded(self) -> None:
        with self.ledger.store.engine.connect() as connection:
            rows = self.ledger.rows(connection, NODE_ROLE.c.state == TRANSITION, ~NODE_ROLE.c.parked)
        running = self.worker.running
        ended = self.durable.ended([row.ticket for row in rows if row.ticket not in running])
        for row in (one for one in rows if one.ticket in ended):
            with self.ledger.store.decide() as connection:
                fresh = still(connection, self.ledger, row)
                if fresh is not None:
                    self.ledger.resume(connection, fresh, "taken up again")

    def _take_up_checks(self) -> None:
        """Those asked for where nothing ran, and those that a stop cut off."""
        with self.ledger.store.engine.connect() as connection:
            asked = self.ledger.rows(connection, NODE_ROLE.c.checking > 0)
        lost = self.durable.ended([row.check_ticket for row in asked])
        for row in (one for one in asked if one.check_ticket in lost):
            with self.ledger.store.decide() as connection:
                if self.ledger.row(connection, row.id).checking == row.checking:
                    self.ledger.check(connection, row)

    def _holders(self, connection: Connection) -> list[str]:
        under_way = select(NODE_ROLE.c.id, NODE_ROLE.c.generation).where(NODE_ROLE.c.state == TRANSITION)
        holders = {leases.holder(*row) for row in connection.execute(under_way)}
        return sorted(holders | {segment.row.holder for segment in self.worker.running.values()})

    def _each(self, do: Callable[[Connection, NodeRole], None], *where: ColumnElement[bool]) -> None:
        """Do it for every row where it holds, each in a transaction of its own in which it still holds."""
        with self.ledger.store.engine.connect() as connection:
            found = connection.scalars(select(NODE_ROLE.c.id).where(*where).order_by(NODE_ROLE.c.id)).all()
        for node_role in found:
            with self.ledger.store.decide() as connection:
                for row in self.ledger.rows(connection, NODE_ROLE.c.id == node_role, *where):
                    do(connection, row)


def _in_vain(row: NodeRole) -> Move:
    waited = in_words(timedelta(seconds=(row.due or row.since) - row.since))
    says = (
        f"{row.node}: {row.role} waited {waited} for {row.waiting_for}. "
        "Look at the machine's console, then plan it again"
    )
    return Move("role.error", ERROR, says, {"error": "TimedOut"}, UNPARKED)
