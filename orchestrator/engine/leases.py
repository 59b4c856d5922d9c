"""Who may touch a node, a BMC or a switch now. A lease runs out by itself, so a dead holder does not lock it for ever.

A resource has as many places as its capacity: `node:NAME` and `bmc:ADDRESS` one, `role:NAME` the role's `at_once`.
Admission takes all that a node role needs, or nothing, within the transaction that flips its row.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from orchestrator.engine.tables import LEASE, NEED, NODE_ROLE
from orchestrator.engine.vertex import TODO, Limits, Vertex
from orchestrator.errors import Held
from orchestrator.store import Store, now

TERM = timedelta(minutes=2)  # renewed every five seconds by whoever is alive
_CHUNK = 500
_FEW = 16
_PLACES_TAKEN = (
    select(func.count()).where(LEASE.c.resource == NEED.c.resource, LEASE.c.until > bindparam("b_moment"))
).scalar_subquery()
_NEEDED = select(NEED.c.node_role, NEED.c.resource, NEED.c.capacity, _PLACES_TAKEN).where(
    NEED.c.node_role.in_(bindparam("b_ids", expanding=True))
)
_FULL = select(NEED.c.node_role).where(NEED.c.node_role == NODE_ROLE.c.id, NEED.c.capacity <= _PLACES_TAKEN)
_STARTABLE = select(NODE_ROLE.c.id).where(NODE_ROLE.c.state == TODO, ~_FULL.exists()).order_by(NODE_ROLE.c.id)
_ASKING = NEED.alias("asking")
_WANTING = _STARTABLE.where(
    NODE_ROLE.c.id.in_(
        select(_ASKING.c.node_role).where(_ASKING.c.resource.in_(bindparam("b_resources", expanding=True)))
    )
).limit(_FEW)
_FREED = delete(LEASE).where(LEASE.c.holder == bindparam("b_holder")).returning(LEASE.c.resource)


def needs(vertex: Vertex, limits: Limits) -> dict[str, int]:
    """What a vertex holds while in transition, with each resource's capacity."""
    wanted = {name: limits.slots.get(name, 1) for name in vertex.resources}
    if vertex.mutates:
        wanted[f"node:{vertex.node.name}"] = 1
    if vertex.at_once is not None:
        wanted[f"role:{vertex.role}"] = vertex.at_once
    return wanted


def holder(node_role: int, generation: int) -> str:
    return f"nr:{node_role}:{generation}"


def take(connection: Connection, wanting: Sequence[tuple[int, int]]) -> list[int]:
    """Give leases to those of (node role, generation), in this order, whose needs are all free; whom they went to."""
    moment = now().timestamp()
    ids = [node_role for node_role, _ in wanting]
    needed: dict[int, dict[str, int]] = {node_role: {} for node_role in ids}
    used: dict[str, int] = {}
    for node_role, resource, capacity, places in connection.execute(_NEEDED, {"b_ids": ids, "b_moment": moment}):
        needed[node_role][resource] = capacity
        used[resource] = places
    until = moment + TERM.total_seconds()
    given: list[int] = []
    leases: list[dict[str, str | float]] = []
    for node_role, generation in wanting:
        wanted = needed[node_role]
        if any(used[resource] >= capacity for resource, capacity in wanted.items()):
            continue
        given.append(node_role)
        for resource in wanted:
            used[resource] += 1
            leases.append({"resource": resource, "holder": holder(node_role, generation), "until": until})
    if leases:
        connection.execute(insert(LEASE), leases)
    return given


def release(connection: Connection, whose: str) -> list[str]:
    """Give back all that a holder has; the resources freed."""
    return list(connection.scalars(_FREED, {"b_holder": whose}).all())


def startable(connection: Connection) -> list[int]:
    """Ready node roles none of whose resources is full; the oldest of them."""
    return list(connection.scalars(_STARTABLE.limit(_CHUNK), {"b_moment": now().timestamp()}).all())


def wanting(connection: Connection, resources: Sequence[str]) -> list[int]:
    """As `startable`, a few of those that need one of these resources."""
    if not resources:
        return []
    return list(connection.scalars(_WANTING, {"b_moment": now().timestamp(), "b_resources": resources}).all())


def renew(connection: Connection, holders: Sequence[str]) -> None:
    until = (now() + TERM).timestamp()
    for start in range(0, len(holders), _CHUNK):
        part = holders[start : start + _CHUNK]
        connection.execute(update(LEASE).where(LEASE.c.holder.in_(part)).values(until=until))


def drop_expired(connection: Connection) -> None:
    connection.execute(delete(LEASE).where(LEASE.c.until <= now().timestamp()))


def drop_orphans(connection: Connection, alive: Collection[str]) -> None:
    """Drop the leases of node roles that are not `alive`."""
    held = connection.scalars(select(LEASE.c.holder).where(LEASE.c.holder.like("nr:%")).distinct()).all()
    for dead in set(held) - set(alive):
        connection.execute(delete(LEASE).where(LEASE.c.holder == dead))


@contextmanager
def hold(store: Store, resource: str, whose: str, within: timedelta) -> Iterator[None]:
    """Keep a resource for a person's own work, at most for `within`. `Held` says who has it."""
    moment = now()
    with store.decide() as connection:
        connection.execute(delete(LEASE).where(LEASE.c.resource == resource, LEASE.c.until <= moment.timestamp()))
        other = connection.scalar(select(LEASE.c.holder).where(LEASE.c.resource == resource))
        if other is not None:
            raise Held(f"{resource}: {_named(connection, other)} is at work on it. Wait until it has ended")
        values = {"resource": resource, "holder": whose, "until": (moment + within).timestamp()}
        connection.execute(insert(LEASE).values(values))
    try:
        yield
    finally:
        with store.decide() as connection:
            connection.execute(delete(LEASE).where(LEASE.c.resource == resource, LEASE.c.holder == whose))


def _named(connection: Connection, whose: str) -> str:
    parts = whose.split(":")
    if parts[0] != "nr":
        return whose
    row = connection.execute(select(NODE_ROLE.c.node, NODE_ROLE.c.role).where(NODE_ROLE.c.id == int(parts[1]))).one()
    return f"{row.role} of {row.node}"
