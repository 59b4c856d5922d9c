"""Lending a node and taking it back, as it is written down: within one transaction of the caller's, with its consent.

`orchestrator.tenants` hands it to the engine afterwards.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrator import tenancies
from orchestrator.boot import phonehome
from orchestrator.boot.intents import BootIntents
from orchestrator.engine import gates
from orchestrator.engine.ledger import Ledger
from orchestrator.engine.submission import let_go
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.store import Store
from orchestrator.tenancy import Tenancy, Wish


@dataclass(frozen=True)
class Lease:
    """Who has a node lent to him. `by`: whom the log names."""

    claim: str
    tenant: str | None
    by: str


def lend(store: Store, connection: Connection, node: str, lease: Lease, wish: Wish) -> None:
    """The claim is the consent to erase the node's disks: once, for this."""
    _turn(store, connection, tenancies.begin(connection, node, lease.claim, wish, lease.tenant), lease.by)


def take_back(store: Store, connection: Connection, held: Tenancy, by: str) -> None:
    """From the tenant, or once more where that failed."""
    _turn(store, connection, tenancies.release(connection, held), by)


def _turn(store: Store, connection: Connection, told: Tenancy, by: str) -> None:
    """All that was proven of the node is claimed no more, who is at work there is called off, its ramdisk is over."""
    ledger = Ledger(store, None)
    gates.give(connection, ledger, (told.node, told.eraser), by, told.consent)
    roles = connection.scalars(select(NODE_ROLE.c.role).where(NODE_ROLE.c.node == told.node)).all()
    let_go(connection, ledger, [(told.node, role) for role in roles])
    phonehome.forget(connection, told.node)
    BootIntents(store).drop(connection, told.node)
