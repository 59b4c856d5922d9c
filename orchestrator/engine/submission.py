"""Taking up what a run wants: new node roles get rows with counted readiness, changed ones go again, others stay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from orchestrator.engine.fold import STATES
from orchestrator.engine.leases import needs
from orchestrator.engine.ledger import UNPARKED, Ledger, Move, NodeRole, blocked_by
from orchestrator.engine.tables import EDGE, NEED, NODE_ROLE, SUBJECT
from orchestrator.engine.vertex import (
    ACTIVE,
    BLOCKED,
    DONE,
    GATED,
    PROPOSED,
    TODO,
    TRANSITION,
    Limits,
    Vertex,
    VertexKey,
)
from orchestrator.errors import Held, Impossible
from orchestrator.events import Event
from orchestrator.graph import order
from orchestrator.store import now

_CHUNK = 500
_UNDER_WAY = frozenset({TODO, BLOCKED, GATED, TRANSITION})


@dataclass(frozen=True)
class Wanted:
    """A run's vertices and, for each, the parents that come before it."""

    run: str
    vertices: Mapping[VertexKey, Vertex]
    parents: Mapping[VertexKey, tuple[VertexKey, ...]]


def wanted(vertices: Sequence[Vertex], edges: Iterable[tuple[VertexKey, VertexKey]], run: str) -> Wanted:
    """Edges are (parent, child); a child must be one of `vertices`."""
    parents: dict[VertexKey, dict[VertexKey, None]] = {vertex.key: {} for vertex in vertices}
    for parent, child in edges:
        parents[child][parent] = None
    return Wanted(run, {vertex.key: vertex for vertex in vertices}, {key: tuple(of) for key, of in parents.items()})


def submit(connection: Connection, ledger: Ledger, want: Wanted, limits: Limits) -> None:
    """`Knot` where needs make a ring, `Impossible` where a parent is nowhere, `Held` where a changed one is at work."""
    known = {(row.node, row.role): row for row in ledger.rows(connection)}
    _refuse(connection, want, known)
    _write_subjects(connection, want)
    again = {key: None for key in want.vertices if key not in known or _goes_again(want.vertices[key], known[key])}
    kept = [key for key in want.vertices if key not in again]
    done = {key for key, row in known.items() if row.state in DONE and key not in again}
    waiting = {key: sum(parent not in done for parent in want.parents[key]) for key in want.vertices}
    _write_rows(connection, ledger, want, _Again(tuple(again), known, waiting))
    ids = {(row.node, row.role): row.id for row in connection.execute(_KEYS)}
    _write_edges(connection, want, ids)
    _write_needs(connection, [(ids[key], want.vertices[key]) for key in again], limits)
    _keep(connection, ledger, want.run, [(known[key], waiting[key]) for key in kept])
    undone = [known[key] for key in again if key in known and known[key].state in DONE]
    _tell_others(connection, ledger, undone, frozenset(ids[key] for key in want.vertices))


def let_go(connection: Connection, ledger: Ledger, keys: Iterable[VertexKey]) -> None:
    """Claim these no longer, whatever stands of them. One that is at work is called off at its next step."""
    gone = set(keys)
    for row in ledger.rows(connection, NODE_ROLE.c.state != PROPOSED):
        if (row.node, row.role) not in gone:
            continue
        if row.state == TRANSITION and not row.parked:
            connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == row.id).values(cancelled=True))
        else:
            told = Move("role.proposed", PROPOSED, "its node is to have it no longer", sets=UNPARKED)
            ledger.settle(connection, row, told)


_KEYS = select(NODE_ROLE.c.id, NODE_ROLE.c.node, NODE_ROLE.c.role)


@dataclass(frozen=True)
class _Again:
    """Those that go (again): their rows where they have any, and how many parents each waits for."""

    keys: Sequence[VertexKey]
    known: Mapping[VertexKey, NodeRole]
    waiting: Mapping[VertexKey, int]


def _refuse(connection: Connection, want: Wanted, known: Mapping[VertexKey, NodeRole]) -> None:
    lost = [(parent, key) for key, above in want.parents.items() for parent in above if parent not in want.vertices]
    for parent, key in lost:
        if parent not in known:
            raise Impossible(f"{'/'.join(key)}: needs {'/'.join(parent)}, which nobody planned. Plan that node too")
    order({**_needs_of_others(connection, known), **want.parents} if lost else want.parents)
    for key, vertex in want.vertices.items():
        row = known.get(key)
        if row and row.state == TRANSITION and row.input_hash != vertex.input_hash:
            raise Held(f"{'/'.join(key)}: changed while it is being worked on. Wait or cancel it, then apply again")


def _needs_of_others(
    connection: Connection, known: Mapping[VertexKey, NodeRole]
) -> dict[VertexKey, tuple[VertexKey, ...]]:
    keys = {row.id: key for key, row in known.items()}
    needs: dict[VertexKey, list[VertexKey]] = {key: [] for key in known}
    for edge in connection.execute(select(EDGE)):
        needs[keys[edge.child]].append(keys[edge.parent])
    return {key: tuple(above) for key, above in needs.items()}


def _goes_again(vertex: Vertex, row: NodeRole) -> bool:
    if row.input_hash != vertex.input_hash:
        return True
    return row.state != ACTIVE and row.state not in _UNDER_WAY


def _write_subjects(connection: Connection, want: Wanted) -> None:
    nodes = {vertex.node.name: vertex.node for vertex in want.vertices.values()}
    rows = [{"name": name, "document": node.model_dump(mode="json")} for name, node in nodes.items()]
    names = list(nodes)
    for start in range(0, len(names), _CHUNK):
        connection.execute(delete(SUBJECT).where(SUBJECT.c.name.in_(names[start : start + _CHUNK])))
    if rows:
        connection.execute(insert(SUBJECT), rows)


def _write_rows(connection: Connection, ledger: Ledger, want: Wanted, again: _Again) -> None:
    events = [_begun(want.run, key, again) for key in again.keys]
    numbers = ledger.store.append_all(connection, events)
    moment = now().timestamp()
    new: list[dict[str, object]] = []
    old: list[dict[str, object]] = []
    for key, event, number in zip(again.keys, events, numbers, strict=True):
        values = {
            **_FRESH,
            **_contract(want.vertices[key]),
            "run": want.run,
            "state": STATES[event.kind],
            "says": event.says,
            "waiting": again.waiting[key],
            "generation": event.data["generation"],
            "since": moment,
            "event": number,
        }
        if key in again.known:
            old.append({**values, "b_id": again.known[key].id})
        else:
            new.append({**values, "node": key[0], "role": key[1], "checks": 0})
    if new:
        connection.execute(insert(NODE_ROLE), new)
    if old:
        connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == bindparam("b_id")), old)


def _begun(run: str, key: VertexKey, again: _Again) -> Event:
    row, count = again.known.get(key), again.waiting[key]
    kind, says = ("role.blocked", blocked_by(count)) if count else ("role.todo", "ready")
    generation = row.generation + 1 if row else 1
    return Event(kind, says, *key, run, row.event if row else None, {"generation": generation, "attempt": 0})


_FRESH: Mapping[str, object] = {
    **UNPARKED,
    "attempt": 0,
    "segment": 0,
    "phase": "observe",
    "act_by": None,
    "verify_by": None,
    "cancelled": False,
    "checking": 0,
    "evidence": None,
    "expires": None,
    "stake": None,
}


def _contract(vertex: Vertex) -> dict[str, object]:
    return {
        "inputs": dict(vertex.inputs),
        "input_hash": vertex.input_hash,
        "within": vertex.within.total_seconds(),
        "verify_within": vertex.verify_within.total_seconds(),
        "ttl": vertex.ttl.total_seconds() if vertex.ttl else None,
        "retries": vertex.retries,
        "erases": vertex.erases,
        "idempotent": vertex.idempotent,
    }


def _write_edges(connection: Connection, want: Wanted, ids: Mapping[VertexKey, int]) -> None:
    children = [ids[key] for key in want.vertices]
    for start in range(0, len(children), _CHUNK):
        connection.execute(delete(EDGE).where(EDGE.c.child.in_(children[start : start + _CHUNK])))
    rows = [{"parent": ids[parent], "child": ids[key]} for key, above in want.parents.items() for parent in above]
    if rows:
        connection.execute(insert(EDGE), rows)


def _write_needs(connection: Connection, vertices: Sequence[tuple[int, Vertex]], limits: Limits) -> None:
    for start in range(0, len(vertices), _CHUNK):
        part = [node_role for node_role, _ in vertices[start : start + _CHUNK]]
        connection.execute(delete(NEED).where(NEED.c.node_role.in_(part)))
    rows = [
        {"node_role": node_role, "resource": name, "capacity": capacity}
        for node_role, vertex in vertices
        for name, capacity in needs(vertex, limits).items()
    ]
    if rows:
        connection.execute(insert(NEED), rows)


def _keep(connection: Connection, ledger: Ledger, run: str, rows: Sequence[tuple[NodeRole, int]]) -> None:
    values = [{"b_id": row.id, "run": run, "waiting": waiting} for row, waiting in rows]
    if not values:
        return
    connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == bindparam("b_id")), values)
    moved = [row.id for row, waiting in rows if row.waiting != waiting]
    for start in range(0, len(moved), _CHUNK):
        fresh = ledger.rows(connection, NODE_ROLE.c.id.in_(moved[start : start + _CHUNK]))
        for row in fresh:
            ledger.recount(connection, [row], row.event)


def _tell_others(connection: Connection, ledger: Ledger, undone: Sequence[NodeRole], own: frozenset[int]) -> None:
    """Children outside this run lose a parent that goes again."""
    for parent in undone:
        outside = set(connection.scalars(select(EDGE.c.child).where(EDGE.c.parent == parent.id)).all()) - own
        for child in outside:
            row = ledger.row(connection, child)
            connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == child).values(waiting=row.waiting + 1))
            ledger.recount(connection, [ledger.row(connection, child)], parent.event)
