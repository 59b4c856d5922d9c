"""What clients are told of where a node stands, concluded from its node roles (pure)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.engine.vertex import ACTIVE, DRIFTED, ERROR, STALE
from orchestrator.roles import Roles

PROOF = "network-ready"  # what a node must have proven to be handed out
REACHED = "managed"  # from here on Anneal works with the machine


@dataclass(frozen=True)
class Proven:
    """A node role as recorded. `expires`: seconds since the epoch when its evidence is too old; None: never."""

    state: str
    says: str
    since: float
    event: int
    expires: float | None

    def fresh(self, at: float) -> bool:
        return self.state == ACTIVE and (self.expires is None or self.expires > at)


@dataclass(frozen=True)
class Standing:
    """`broken`: why a node that had been proven is not any more. `until`: when that may change by time alone."""

    provision: str
    target: str | None = None
    since: float | None = None
    broken: str | None = None
    error: str | None = None
    until: float | None = None


def basis(roles: Roles) -> frozenset[str]:
    """All roles that `PROOF` rests on, on the same node."""
    found: set[str] = set()
    todo = [PROOF]
    while todo:
        name = todo.pop()
        if name not in found and name in roles:
            found.add(name)
            todo += roles[name].same_node
    return frozenset(found)


def standing(rows: Mapping[str, Proven], wanted: Collection[str], at: float) -> Standing:
    """`rows`: by role; `wanted`: what must hold for the pool, as `basis`, and all else that the node has."""
    if not rows:
        return Standing("enroll")
    lacking = {name: row for name, row in rows.items() if not row.fresh(at)}
    proof = rows.get(PROOF)
    since = max(row.since for row in rows.values())
    if proof is not None and proof.state == ACTIVE:
        broken = {name: row for name, row in lacking.items() if name in wanted or row.state in (ERROR, DRIFTED)}
        if broken:
            return Standing("manageable", since=since, broken=_why(broken, at))
        ends = [row.expires for row in rows.values() if row.expires is not None and row.fresh(at)]
        return Standing("available", since=proof.since, until=min(ends, default=None))
    reached = REACHED in rows and rows[REACHED].state in (ACTIVE, STALE)
    failed = {name: row for name, row in lacking.items() if row.state in (ERROR, DRIFTED)}
    if failed:
        return Standing("clean failed" if reached else "enroll", since=since, error=_why(failed, at))
    if proof is None and reached:
        return Standing("manageable", since=since)
    return Standing("cleaning", "available", since) if reached else Standing("verifying", "manageable", since)


def _why(rows: Mapping[str, Proven], at: float) -> str:
    """The gravest first, and the event by which it can be looked up."""
    name, row = min(rows.items(), key=lambda one: (one[1].state == ACTIVE, one[1].state == STALE, -one[1].event))
    says = "its evidence is too old" if row.state == ACTIVE and not row.fresh(at) else row.says
    return f"{name}: {says} (event {row.event})"
