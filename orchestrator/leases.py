"""Who may touch a node, a BMC or a switch now. A lease runs out by itself, so a dead holder does not lock it for ever.

A resource has as many places as its capacity: `node:NAME` and `bmc:ADDRESS` one, `role:NAME` the role's `at_once`.
Admission takes all that a node role needs, or nothing, within the transaction that flips its row.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from orchestrator.errors import Held
from orchestrator.store import Store, now
from orchestrator.tables import LEASE, NEED, NODE_ROLE
from orchestrator.vertex import TODO, Limits, Vertex

TERM = timedelta(minutes=2)  # renewed every ten seconds by whoever is alive
_CHUNK = 500
_FEW = 16
_ASKING = NEED.alias("asking")


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
    ids = [node_role for node_role, _ in wanting]
    needed: dict[int, dict[str, int]] = {node_role: {} for node_role in ids}
    for row in connection.execute(select(NEED).where(NEED.c.node_role.in_(ids))):
        needed[row.node_role][row.resource] = row.capacity
    used = _used(connection, {name for wanted in needed.values() for name in wanted})
    until = (now() + TERM).timestamp()
    given: list[int] = []
    leases: list[dict[str, str | float]] = []
    for node_role, generation in wanting:
        wanted = needed[node_role]
        if any(used.get(name, 0) >= capacity for name, capacity in wanted.items()):
            continue
        given.append(node_role)
        for name in wanted:
            used[name] = used.get(name, 0) + 1
            leases.append({"resource": name, "holder": holder(node_role, generation), "until": until})
    if leases:
        connection.execute(insert(LEASE), leases)
    return given


def release(connection: Connection, whose: str) -> list[str]:
    """Give back all that a holder has; the resources freed."""
    freed = delete(LEASE).where(LEASE.c.holder == whose).returning(LEASE.c.resource)
    return list(connection.scalars(freed).all())


def wanting(connection: Connection, resources: Sequence[str] | None) -> list[int]:
    """Ready node roles none of whose resources is full; oldest first, some of them. Given resources: only those that
    need one of these."""
    moment = now().timestamp()
    places_taken = (
        select(func.count()).where(LEASE.c.resource == NEED.c.resource, LEASE.c.until > moment).scalar_subquery()
    )
    full = select(NEED.c.node_role).where(NEED.c.node_role == NODE_ROLE.c.id, places_taken >= NEED.c.capacity)
    found = select(NODE_ROLE.c.id).where(NODE_ROLE.c.state == TODO, ~full.exists()).order_by(NODE_ROLE.c.id)
    if resources is None:
        return list(connection.scalars(found.limit(_CHUNK)).all())
    if not resources:
        return []
    asking = select(_ASKING.c.node_role).where(_ASKING.c.resource.in_(resources))
    return list(connection.scalars(found.where(NODE_ROLE.c.id.in_(asking)).limit(_FEW)).all())


def renew(connection: Connection, holders: Sequence[str]) -> None:
    until = (now() + TERM).timestamp()
    for start in range(0, len(holders), _CHUNK):
        part = holders[start : start + _CHUNK]
        connection.execute(update(LEASE).where(LEASE.c.holder.in_(part)).values(until=until))


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


def _used(connection: Connection, resources: Collection[str]) -> dict[str, int]:
    """Places taken. A lease that ran out takes none, and goes: its place may be given to the same holder again."""
    moment = now().timestamp()
    names = sorted(resources)
    used: dict[str, int] = {}
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        connection.execute(delete(LEASE).where(LEASE.c.resource.in_(part), LEASE.c.until <= moment))
        counted = select(LEASE.c.resource, func.count()).where(LEASE.c.resource.in_(part)).group_by(LEASE.c.resource)
        used.update((name, places) for name, places in connection.execute(counted).tuples())
    return used


def _named(connection: Connection, whose: str) -> str:
    parts = whose.split(":")
    if parts[0] != "nr":
        return whose
    row = connection.execute(select(NODE_ROLE.c.node, NODE_ROLE.c.role).where(NODE_ROLE.c.id == int(parts[1]))).one()
    return f"{row.role} of {row.node}"
