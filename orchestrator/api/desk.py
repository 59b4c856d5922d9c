"""What answers rest on: the site, its record, its nodes as cards, its BMCs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from drivers.ability.machine import Machine
from drivers.errors import DriverError, Transient
from inventory.errors import SecretMissing
from inventory.model import Node, Site
from orchestrator.agent.client import Agents
from orchestrator.api.call import Call
from orchestrator.api.cards import Card
from orchestrator.api.errors import Bad, Conflict, Missing
from orchestrator.api.pool import Pool
from orchestrator.api.wishes import Shelf
from orchestrator.bmcs import Bmcs
from orchestrator.engine import leases
from orchestrator.errors import Held
from orchestrator.processes import here
from orchestrator.store import Store
from orchestrator.tenants import Tenants

_AT_THE_BMC = timedelta(minutes=2)


@dataclass(frozen=True)
class Desk:
    site: Site
    store: Store
    pool: Pool
    bmcs: Bmcs
    agents: Agents
    tenants: Tenants
    shelf: Shelf

    def card(self, call: Call, *, own: bool = False) -> Card:
        """The node of the request. `Missing`, also of one that the tenant may not know of.

        `own`: what a tenant could merely claim is not there either.
        """
        return self.seen(call.path["node"], call.tenant, own=own)

    def seen(self, ident: str, tenant: str | None, *, own: bool) -> Card:
        """As `card`, by name or uuid."""
        card = self.pool.card(ident)
        if not card.seen_by(tenant) or (own and tenant is not None and tenant not in card.tenants):
            raise Missing(f"Node {ident} could not be found.")
        return card

    def node(self, call: Call, *, own: bool = False) -> Node:
        return self.site.nodes[self.card(call, own=own).name]

    @contextmanager
    def machine(self, node: Node) -> Iterator[Machine]:
        """Its BMC, to read from. A failing one is the client's to know, without its address."""
        try:
            with self.bmcs.open(node) as machine:
                yield machine
        except Transient as error:
            raise Conflict(f"The BMC of node {node.name} does not answer now: {type(error).__name__}.") from error
        except (DriverError, SecretMissing) as error:
            raise Bad(f"The BMC of node {node.name} refuses: {type(error).__name__}. See anneal node facts.") from error

    @contextmanager
    def changing(self, node: Node, request: str) -> Iterator[Machine]:
        """Its BMC, to write to, while nobody else does. `Conflict` where the engine has it."""
        holder = f"handoff {here()} {request}"
        try:
            with leases.hold(self.store, f"bmc:{node.bmc.address}", holder, _AT_THE_BMC), self.machine(node) as machine:
                yield machine
        except Held as error:
            raise Conflict(
                f"Node {node.name} is locked by host anneal, please retry after the current operation is completed."
            ) from error
