"""Which node is lent to whom, as stored."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from orchestrator import vifs
from orchestrator.store import METADATA, Store, now
from orchestrator.tenancy import Phase, Tenancy, Vif, Wish

TENANCY = Table(
    "tenancy",
    METADATA,
    Column("node", String, primary_key=True),
    Column("claim", String, nullable=False),  # the instance's uuid
    Column("number", Integer, nullable=False),
    Column("phase", String, nullable=False),
    Column("wish", JSON, nullable=False),
    Column("tenant", String),
    Column("began", Float, nullable=False),
    Column("changes", Integer),  # of what is attached, since then
)


def read(connection: Connection, nodes: Collection[str] | None = None) -> dict[str, Tenancy]:
    """By node; of all nodes where none are named."""
    asked = select(TENANCY) if nodes is None else select(TENANCY).where(TENANCY.c.node.in_(nodes))
    attached = vifs.read(connection, nodes)
    return {row.node: _tenancy(row, attached.get(row.node, ())) for row in connection.execute(asked)}


def read_all(store: Store) -> dict[str, Tenancy]:
    with store.engine.connect() as connection:
        return read(connection)


def begin(connection: Connection, node: str, claim: str, wish: Wish, tenant: str | None) -> Tenancy:
    """A deploy, within the caller's `decide`."""
    before = read(connection, [node]).get(node)
    attached = vifs.read(connection, [node]).get(node, ())
    return _keep(connection, Tenancy(node, claim, _next(before), Phase.DEPLOY, wish, tenant, attached))


def release(connection: Connection, held: Tenancy) -> Tenancy:
    """The way back, also once more where it failed; within the caller's `decide`."""
    return _keep(connection, replace(held, number=_next(held), phase=Phase.RELEASE))


def rewired(connection: Connection, node: str) -> None:
    """Something was attached or detached; of a node that is lent to nobody that is nothing to do."""
    told = {"changes": func.coalesce(TENANCY.c.changes, 0) + 1}
    connection.execute(update(TENANCY).where(TENANCY.c.node == node).values(told))


def _next(before: Tenancy | None) -> int:
    return before.number + 1 if before is not None else 1


def _keep(connection: Connection, told: Tenancy) -> Tenancy:
    connection.execute(delete(TENANCY).where(TENANCY.c.node == told.node))
    row = {
        "node": told.node,
        "claim": told.claim,
        "number": told.number,
        "phase": told.phase.value,
        "wish": told.wish.as_json(),
        "tenant": told.tenant,
        "began": now().timestamp(),
    }
    connection.execute(insert(TENANCY).values(row))
    return told


def _tenancy(row: Row[tuple[object, ...]], attached: tuple[Vif, ...]) -> Tenancy:
    wish, changes = Wish(**row.wish), row.changes or 0
    return Tenancy(row.node, row.claim, row.number, Phase(row.phase), wish, row.tenant, attached, changes)
