"""Lending a node and taking it back: what is written down in one transaction, and then handed to the engine.

What was written down and not handed over (a crash, a role that was still at work) is handed over later by itself.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from orchestrator import tenancies
from orchestrator.annealer import Annealer
from orchestrator.boot.drives import Drives
from orchestrator.engine import gates, status
from orchestrator.engine.ledger import Ledger
from orchestrator.engine.submission import let_go
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.engine.vertex import VertexKey
from orchestrator.errors import Held, Impossible
from orchestrator.roles import LEVELS, Role
from orchestrator.tenancy import IMAGE, WIPED, Phase, Tenancy, Wish

_LOG = logging.getLogger("anneal.tenants")
_AGAIN = 1.0  # seconds between two tries to hand over what was at work


@dataclass(frozen=True)
class Lease:
    """Who has a node lent to him. `by`: whom the log names."""

    claim: str
    tenant: str | None
    by: str


class Tenants:
    """A context manager: within it, what is pending is tried again."""

    def __init__(self, works: Annealer) -> None:
        self._works = works
        self._drives = Drives(works.state / "tenants")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="anneal-tenants", daemon=True)

    def __enter__(self) -> Self:
        self._wake.set()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    @contextmanager
    def lending(self) -> Iterator[Connection]:
        """One transaction of `deploy` or `release` with whatever else is to be true with it; then the engine has it."""
        with self._works.store.decide() as connection:
            yield connection
        self._hand_over()

    def deploy(self, connection: Connection, node: str, lease: Lease, wish: Wish) -> None:
        """The claim is the consent to erase the node's disks: once, for this."""
        self._turn(connection, tenancies.begin(connection, node, lease.claim, wish, lease.tenant), lease.by)

    def release(self, connection: Connection, held: Tenancy, by: str) -> None:
        self._turn(connection, tenancies.release(connection, held), by)

    def _turn(self, connection: Connection, told: Tenancy, by: str) -> None:
        """What stood on its disks stands no more, whoever is at work there is called off, and the ramdisk is over."""
        ledger = Ledger(self._works.store, None)
        gates.give(connection, ledger, (told.node, told.eraser), by, told.consent)
        let_go(connection, ledger, list(self._on_disks(connection, told.node)))
        self._works.phone_homes.forget(connection, told.node)
        self._works.agents.forget(connection, told.node)

    def _on_disks(self, connection: Connection, node: str) -> Iterator[VertexKey]:
        for name in connection.scalars(select(NODE_ROLE.c.role).where(NODE_ROLE.c.node == node)):
            role = self._works.roles.get(name)
            if role is not None and _lies_on_disks(role):
                yield node, name

    def keep_drive(self, node: str, drive: str) -> str:
        """The config drive, before the transaction that names it; its digest."""
        return self._drives.keep(node, drive)

    def _hand_over(self) -> None:
        with self._lock:
            try:
                pending = self._pending()
            except Impossible as error:
                _LOG.warning("the engine cannot be given what is lent or comes back: %s", error)
                return
            for node in pending:
                self._engage(node)

    def _engage(self, node: str) -> None:
        if self._works.tenancies[node].phase is Phase.RELEASE:
            self._drives.drop(node)
        try:
            self._works.engage(node)
        except Held:
            self._wake.set()
        except Impossible as error:
            _LOG.warning("%s cannot be lent or taken back: %s", node, error)

    def _pending(self) -> list[str]:
        """Nodes of which the engine has not what is written down."""
        self._works.refresh()
        rows = status.last_runs(self._works.store, {IMAGE, WIPED})
        found = []
        for node, told in self._works.tenancies.items():
            key = (node, told.eraser)
            wanted, row = self._works.bound.get(key), rows.get(key)
            if wanted is not None and (row is None or row.input_hash != wanted.digest):
                found.append(node)
        return found

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if self._stopping.is_set():
                return
            self._wake.clear()
            try:
                self._hand_over()
            except SQLAlchemyError as error:
                _LOG.warning("the database does not answer, trying again: %s", type(error).__name__)
                self._wake.set()
            self._stopping.wait(_AGAIN)


def _lies_on_disks(role: Role) -> bool:
    return LEVELS.index(role.level) >= LEVELS.index("os") or (role.erases and not role.through_bmc)
