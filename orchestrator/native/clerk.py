"""What happens without being asked again: waiting claims are filled, leases run out, operations are carried out.

One thread that looks at the tables once a second, and as soon as the log has grown. All that it needs to know is
there, so a process that dies is followed by one that goes on.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select
from sqlalchemy.exc import OperationalError

from drivers.errors import DriverError
from orchestrator.api import hardware
from orchestrator.api.access import Actor, Role
from orchestrator.api.call import audited
from orchestrator.api.claims import Told
from orchestrator.api.desk import Desk
from orchestrator.api.errors import ApiError
from orchestrator.api.tables import ALLOCATION
from orchestrator.events import Event
from orchestrator.native import holding, keys, operations
from orchestrator.native.holding import HELD, WAITING
from orchestrator.native.tables import CLAIM, OPERATION
from orchestrator.native.tail import Tail
from orchestrator.native.turn import Turn
from orchestrator.store import EVENT, now

LOOKS = 0.2  # seconds between two looks at how far the log is
_EVERY = 5  # looks, after which deadlines are looked at too
_AT_ONCE = 8  # BMCs that are spoken to
_STATES = ("power on", "power off")  # asked for again, they do no harm
_LOG = logging.getLogger("anneal.native")


class Clerk(AbstractContextManager["Clerk"]):
    """Works within its `with`, while it is this process's turn; looks how far the log is all the time."""

    def __init__(self, desk: Desk, tail: Tail, turn: Turn) -> None:
        self._desk = desk
        self._tail = tail
        self._turn = turn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="native-clerk", daemon=True)
        self._hands = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="native-power")
        self._seen = -1
        self._at_it = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tail.closed = True
        self._stop.set()
        self._thread.join()
        self._hands.shutdown(cancel_futures=True)
        self._turn.leave()

    def _work(self) -> None:
        looks = 0
        while not self._stop.is_set():
            try:
                if looks % _EVERY == 0:
                    self._take_turn()
                grown = self._grown()
                if self._turn.ours:
                    self._do(grown=grown, look=grown or looks % _EVERY == 0)
                looks += 1
            except OperationalError as error:
                _LOG.warning("the database failed: %s", error.orig)
                self._seen = -1
            self._stop.wait(LOOKS)

    def _take_turn(self) -> None:
        self._turn.look()
        if self._turn.ours and not self._at_it:
            self._settle_left()
            self._seen = -1  # claims may have waited since, with nobody to fill them
        self._at_it = self._turn.ours

    def _do(self, *, grown: bool, look: bool) -> None:
        if grown:
            self._in_turn(self._due(CLAIM.c.state == WAITING), self._fill)
        if look:
            self._look()

    def _settle_left(self) -> None:
        """What a process that died was at: on and off are asked for again, a power cycle is for a person to judge."""
        with self._desk.store.decide() as connection:
            keys.forget_old(connection)
            left = select(OPERATION).where(OPERATION.c.state == operations.RUNNING)
            for row in connection.execute(left).mappings().all():
                if row["asked"].get("state") in _STATES:
                    operations.move(connection, row["uuid"], operations.WAITING, "begun anew after a restart")
                else:
                    says = "unknown outcome: anneal stopped while it was done. Look at the node, and ask again"
                    operations.move(connection, row["uuid"], operations.FAILED, says)

    def _look(self) -> None:
        self._in_turn(self._due(CLAIM.c.state == HELD, CLAIM.c.ends_at <= now().timestamp()), self._expire)
        self._in_turn(self._due(CLAIM.c.state == HELD, ~_HAS_NODES), self._expire)
        self._in_turn(self._due(CLAIM.c.state == WAITING, CLAIM.c.wait_until <= now().timestamp()), self._give_up)
        self._take_up()

    def _grown(self) -> bool:
        """Whether anything has happened since: where nothing has, nothing has become free."""
        with self._desk.store.engine.connect() as connection:
            newest = connection.scalar(select(func.max(EVENT.c.id))) or 0
        grown, self._tail.newest = newest != self._seen, newest
        self._seen = newest
        return grown

    def _due(self, *conditions: ColumnElement[bool]) -> list[str]:
        wanted = select(CLAIM.c.uuid).where(*conditions).order_by(CLAIM.c.created_at, CLAIM.c.uuid)
        with self._desk.store.engine.connect() as connection:
            return list(connection.scalars(wanted))

    def _in_turn(self, idents: list[str], do: Callable[[Connection, holding.ClaimRow], None]) -> None:
        """Each in a transaction of its own, and read anew in it."""
        for ident in idents:
            with self._desk.store.decide() as connection:
                row = holding.row_of(connection, ident)
                if row is not None:
                    do(connection, row)

    def _fill(self, connection: Connection, claim: holding.ClaimRow) -> None:
        if claim.state == WAITING and holding.fill(self._desk, connection, claim, _told(claim)):
            operations.move(connection, claim.uuid, operations.DONE, f"it has its {claim.count} nodes")

    def _give_up(self, connection: Connection, claim: holding.ClaimRow) -> None:
        if claim.state != WAITING:
            return
        why = holding.why_not(self._desk, connection, claim)
        operations.move(connection, claim.uuid, operations.FAILED, f"its time is up. {why}")
        holding.end(self._desk.store, connection, claim.uuid, _told(claim))

    def _expire(self, connection: Connection, claim: holding.ClaimRow) -> None:
        """Its lease may have been made longer, and its nodes been given back one by one, since it was found."""
        told = _told(claim)
        if claim.ends_at is not None and claim.ends_at <= now().timestamp():
            says = f"the lease of claim {claim.uuid} ran out"
            holding.tell(self._desk.store, connection, claim.owner, told("lease_ended", says, None))
        elif holding.held(connection, claim.uuid):
            return
        holding.end(self._desk.store, connection, claim.uuid, told)

    def _take_up(self) -> None:
        waiting = select(OPERATION).where(OPERATION.c.state == operations.WAITING, OPERATION.c.kind == "power")
        with self._desk.store.engine.connect() as connection:
            rows = connection.execute(waiting.order_by(OPERATION.c.created_at)).mappings().all()
        for row in rows:
            with self._desk.store.decide() as connection:
                operations.move(connection, row["uuid"], operations.RUNNING, "under way")
            self._hands.submit(self._power, row)

    def _power(self, row: RowMapping) -> None:
        def told(kind: str, says: str, node: str | None) -> Event:
            return audited(Actor(row["actor"], Role(row["role"])), row["request"], kind, says, node)

        state, says = operations.FAILED, "it was not tried"
        try:
            node = self._desk.site.nodes[row["subject"]]
            seen = hardware.switch(self._desk, node, str(row["asked"]["state"]), told, row["request"])
            state, says = operations.DONE, f"read back: it is {seen.value}"
        except ApiError as error:
            says = error.says
        except DriverError as error:
            _LOG.warning("%s: %s", row["request"], error)
            says = f"its BMC did not do as it was told: {type(error).__name__}"
        with self._desk.store.decide() as connection:
            operations.move(connection, row["uuid"], state, says)


_HAS_NODES = select(ALLOCATION.c.uuid).where(ALLOCATION.c.claim == CLAIM.c.uuid).exists()


def _told(claim: holding.ClaimRow) -> Told:
    """Anneal acts for whom the claim is."""
    role = Role.OPERATOR if claim.owner is None else Role.TENANT
    return lambda kind, says, node: audited(Actor("anneal", role, claim.owner), claim.uuid, kind, says, node)
