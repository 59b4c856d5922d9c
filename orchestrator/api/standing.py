"""What clients are told of where a node stands, concluded from its node roles (pure)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.engine.vertex import ACTIVE, DRIFTED, ERROR, GATED, STALE, TRANSITION
from orchestrator.roles import Roles
from orchestrator.tenancy import IMAGE, PORTS, READY, WIPED, Phase

PROOF = "network-ready"  # what a node must have proven to be handed out
REACHED = "managed"  # from here on Anneal works with the machine


@dataclass(frozen=True)
class Proven:
    """A node role as recorded. `expires`: seconds since the epoch when its evidence is too old; None: never.

    `parked`: it waits for the machine, and nobody is at work on it.
    """

    state: str
    says: str
    since: float
    event: int
    expires: float | None
    parked: bool = False

    def fresh(self, at: float) -> bool:
        return self.state == ACTIVE and (self.expires is None or self.expires > at)


@dataclass(frozen=True)
class Standing:
    """`broken`: why a node that had been proven is not any more. `until`: when that may change by time alone.

    `locked`: something is at work there, and no other wish is taken until it has ended.
    """

    provision: str
    target: str | None = None
    since: float | None = None
    broken: str | None = None
    error: str | None = None
    until: float | None = None
    locked: bool = True


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


def stands(rows: Mapping[str, Proven], wanted: Collection[str], at: float, phase: Phase | None) -> Standing:
    """`phase`: of the tenancy that the node is in, or was in last."""
    if phase is None:
        return standing(rows, wanted, at)
    return lent(rows, at) if phase is Phase.DEPLOY else coming_back(rows, wanted, at)


def lent(rows: Mapping[str, Proven], at: float) -> Standing:
    """A node that is, or is to be, a tenant's."""
    since = max((row.since for row in rows.values()), default=None)
    ready, image, failed = rows.get(READY), rows.get(IMAGE), _failed(rows)
    if ready is not None and ready.state == ACTIVE:
        return Standing("active", since=ready.since, error=_why(failed, at) if PORTS in failed else None)
    if failed:
        return Standing("deploy failed", "active", since, error=_why(failed, at), locked=False)
    if image is not None and image.state == TRANSITION and image.parked:
        return Standing("wait call-back", "active", since, locked=False)
    return Standing("deploying", "active", since)


def coming_back(rows: Mapping[str, Proven], wanted: Collection[str], at: float) -> Standing:
    """A node that a tenant gave back: it is as any other once all is proven anew, the wipe before all."""
    proof = rows.get(PROOF)
    if proof is not None and proof.state == ACTIVE:
        return standing(rows, {*wanted, WIPED}, at)
    since = max((row.since for row in rows.values()), default=None)
    failed = _failed(rows)
    if failed:
        return Standing("clean failed", since=since, broken=_why(failed, at), error=_why(failed, at))
    return Standing("cleaning", "available", since)


def _failed(rows: Mapping[str, Proven]) -> dict[str, Proven]:
    """What goes on only when somebody does something."""
    return {name: row for name, row in rows.items() if row.state in (ERROR, DRIFTED, GATED)}


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
