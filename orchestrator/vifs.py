"""What is attached to which node, as stored. While a node is lent, its switch ports follow from it."""

from collections.abc import Collection

from sqlalchemy import Boolean, Column, Connection, String, Table, delete, insert, select

from orchestrator.store import METADATA
from orchestrator.tenancy import Vif

VIF = Table(
    "vif",
    METADATA,
    Column("id", String, primary_key=True),
    Column("node", String, nullable=False, index=True),
    Column("interface", String),
    Column("network", String),  # of the inventory; None: it stands for none of the site's
    Column("tagged", Boolean),
)


def read(connection: Connection, nodes: Collection[str] | None = None) -> dict[str, tuple[Vif, ...]]:
    """By node, in the order of their ids; of all nodes where none are named."""
    asked = select(VIF) if nodes is None else select(VIF).where(VIF.c.node.in_(nodes))
    found: dict[str, tuple[Vif, ...]] = {}
    for row in connection.execute(asked.order_by(VIF.c.id)):
        one = Vif(row.id, row.interface, row.network, bool(row.tagged))
        found[row.node] = (*found.get(row.node, ()), one)
    return found


def keep(connection: Connection, node: str, vif: Vif) -> None:
    connection.execute(insert(VIF).values(node=node, **vif.as_json()))


def holder(connection: Connection, vif: str) -> str | None:
    """The node that it is attached to."""
    found: str | None = connection.scalar(select(VIF.c.node).where(VIF.c.id == vif))
    return found


def drop(connection: Connection, node: str, vif: str) -> bool:
    """Whether it was there."""
    return connection.execute(delete(VIF).where(VIF.c.id == vif, VIF.c.node == node)).rowcount > 0


def drop_all(connection: Connection, node: str) -> None:
    connection.execute(delete(VIF).where(VIF.c.node == node))
