"""Where each node role stands, read from the tables; any process may ask."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import func, select

from orchestrator.engine.tables import EDGE, EVIDENCE, NODE_ROLE
from orchestrator.engine.vertex import BLOCKED, PROPOSED, TODO, TRANSITION, RoleStatus, VertexKey
from orchestrator.store import Store

_COLUMNS = (
    "node", "role", "run", "state", "says", "generation", "attempt", "input_hash", "waiting_for", "stake"
)  # fmt: skip


def statuses(store: Store) -> tuple[RoleStatus, ...]:
    """Every node role, in the order in which they were first submitted."""
    asked = (
        select(
            *(NODE_ROLE.c[name] for name in _COLUMNS),
            NODE_ROLE.c.since,
            NODE_ROLE.c.due,
            NODE_ROLE.c.act_by,
            NODE_ROLE.c.ends,
            EVIDENCE.c.digest,
            EVIDENCE.c.at,
        )
        .outerjoin(EVIDENCE, EVIDENCE.c.id == NODE_ROLE.c.evidence)
        .order_by(NODE_ROLE.c.id)
    )
    with store.engine.connect() as connection:
        return tuple(
            RoleStatus(
                **{name: row[index] for index, name in enumerate(_COLUMNS)},
                since=datetime.fromtimestamp(row.since, UTC),
                deadline=_moment(row.ends or row.due or row.act_by) if row.state == TRANSITION else None,
                evidence_digest=row.digest,
                evidence_at=_moment(row.at),
            )
            for row in connection.execute(asked)
        )


def inputs(store: Store, nodes: Collection[str]) -> Mapping[VertexKey, Mapping[str, JsonValue]]:
    """What each node role was last run with."""
    with store.engine.connect() as connection:
        rows = connection.execute(select(NODE_ROLE.c.node, NODE_ROLE.c.role, NODE_ROLE.c.inputs))
        return {(node, role): given for node, role, given in rows if node in nodes}


def newest(store: Store, role: str, nodes: Collection[str]) -> dict[str, Mapping[str, JsonValue]]:
    """By node, the value of what was last proven of a role, however old."""
    return {node: value for node, (_, value) in newest_seen(store, role, nodes).items()}


def newest_seen(store: Store, role: str, nodes: Collection[str]) -> dict[str, tuple[datetime, Mapping[str, JsonValue]]]:
    """The same with when it was seen."""
    last = select(func.max(EVIDENCE.c.id)).where(EVIDENCE.c.role == role).group_by(EVIDENCE.c.node)
    with store.engine.connect() as connection:
        asked = select(EVIDENCE.c.node, EVIDENCE.c.at, EVIDENCE.c.value).where(EVIDENCE.c.id.in_(last))
        rows = [row for row in connection.execute(asked) if row.node in nodes]
    return {row.node: (datetime.fromtimestamp(row.at, UTC), row.value) for row in rows}


def states_of(store: Store, role: str) -> Mapping[str, str]:
    """Node to the state of one role on it."""
    with store.engine.connect() as connection:
        asked = select(NODE_ROLE.c.node, NODE_ROLE.c.state).where(NODE_ROLE.c.role == role)
        return {row.node: row.state for row in connection.execute(asked)}


def holders(store: Store, roles: Collection[str]) -> Mapping[str, Sequence[str]]:
    """Role to the nodes that have it, those that were asked for it last first."""
    found: dict[str, list[str]] = {}
    wanted = (NODE_ROLE.c.role.in_(roles), NODE_ROLE.c.state != PROPOSED)
    asked = select(NODE_ROLE.c.node, NODE_ROLE.c.role).where(*wanted)
    last_first = (NODE_ROLE.c.run.desc(), NODE_ROLE.c.node)
    with store.engine.connect() as connection:
        for node, role in connection.execute(asked.order_by(*last_first)):
            found.setdefault(role, []).append(node)
    return found


@dataclass(frozen=True)
class LastRun:
    """A node role and what it was last asked for. `evidence`: the id of what proves it."""

    state: str
    generation: int
    input_hash: str
    evidence: int | None
    inputs: Mapping[str, JsonValue]


def last_runs(store: Store, roles: Collection[str]) -> Mapping[VertexKey, LastRun]:
    """Of these roles alone, on every node."""
    told = [NODE_ROLE.c[name] for name in LastRun.__dataclass_fields__]
    with store.engine.connect() as connection:
        asked = select(NODE_ROLE.c.node, NODE_ROLE.c.role, *told).where(NODE_ROLE.c.role.in_(roles))
        return {(node, role): LastRun(*rest) for node, role, *rest in connection.execute(asked)}


def under_way(store: Store, role: str) -> Mapping[str, Mapping[str, JsonValue]]:
    """Node to what a role was asked for there, where it is at work and still wanted: its node and needs are its own."""
    wanted = (NODE_ROLE.c.role == role, NODE_ROLE.c.state == TRANSITION, ~NODE_ROLE.c.cancelled)
    with store.engine.connect() as connection:
        asked = select(NODE_ROLE.c.node, NODE_ROLE.c.inputs).where(*wanted)
        return {row.node: row.inputs for row in connection.execute(asked)}


@dataclass(frozen=True)
class Row:
    """A role of a node as it stands, and what it was last asked for."""

    state: str
    inputs: Mapping[str, JsonValue]


def rows_of(store: Store, node: str) -> Mapping[str, Row]:
    """By role."""
    with store.engine.connect() as connection:
        asked = select(NODE_ROLE.c.role, NODE_ROLE.c.state, NODE_ROLE.c.inputs).where(NODE_ROLE.c.node == node)
        return {row.role: Row(row.state, row.inputs) for row in connection.execute(asked)}


def settled(store: Store, run: str) -> bool:
    """Whether nothing of the run will move without somebody doing something: all of it is active, failed, gated, or
    blocked behind such."""
    moving = NODE_ROLE.c.state.in_([TODO, TRANSITION])
    with store.engine.connect() as connection:
        own = select(NODE_ROLE.c.id).where(NODE_ROLE.c.run == run, moving).limit(1)
        checked = select(NODE_ROLE.c.id).where(NODE_ROLE.c.run == run, NODE_ROLE.c.checking > 0).limit(1)
        if connection.scalar(own) is not None or connection.scalar(checked) is not None:
            return False
        others = select(NODE_ROLE.c.id).where(moving).cte("others", recursive=True)
        below = others.union(select(EDGE.c.child).join(others, EDGE.c.parent == others.c.id))
        waiting = select(NODE_ROLE.c.id).where(NODE_ROLE.c.run == run, NODE_ROLE.c.state == BLOCKED)
        return connection.scalar(waiting.where(NODE_ROLE.c.id.in_(select(below.c.id))).limit(1)) is None


def parents(store: Store) -> Mapping[VertexKey, tuple[VertexKey, ...]]:
    """What each node role needs first."""
    parent, child = NODE_ROLE.alias(), NODE_ROLE.alias()
    asked = (
        select(child.c.node, child.c.role, parent.c.node, parent.c.role)
        .join(EDGE, EDGE.c.child == child.c.id)
        .join(parent, EDGE.c.parent == parent.c.id)
        .order_by(child.c.id, parent.c.id)
    )
    found: dict[VertexKey, list[VertexKey]] = {}
    with store.engine.connect() as connection:
        for node, role, parent_node, parent_role in connection.execute(asked):
            found.setdefault((node, role), []).append((parent_node, parent_role))
    return {key: tuple(above) for key, above in found.items()}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
