"""What the engine is asked for and what it answers: vertices in, rows of state out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue

from inventory.model import Node

VertexKey = tuple[str, str]  # node, role

PROPOSED, BLOCKED, TODO, GATED = "proposed", "blocked", "todo", "gated"
TRANSITION, ACTIVE, ERROR = "transition", "active", "error"
STALE, DRIFTED = "stale", "drifted"
DONE = frozenset({ACTIVE, STALE})  # what a child may build on
WHATEVER = "unknown"  # a consent bound to this covers any content


@dataclass(frozen=True)
class Vertex:
    """One role on one node. `resources` are leases it holds while in transition, besides its node's where it `mutates`.

    `within` bounds the acting, `verify_within` how long the world may take to show it; `ttl` is how long evidence
    counts, None for ever. `idempotent`: a retry may do everything again; otherwise it goes on from its intents.
    """

    node: Node
    role: str
    input_hash: str
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    within: timedelta = timedelta(minutes=15)
    verify_within: timedelta = timedelta(minutes=1)
    ttl: timedelta | None = None
    at_once: int | None = None
    retries: int = 3
    resources: tuple[str, ...] = ()
    mutates: bool = True
    erases: bool = False
    idempotent: bool = True

    @property
    def key(self) -> VertexKey:
        return self.node.name, self.role


@dataclass(frozen=True)
class Limits:
    """How much goes on at once. `slots`: how many may hold a named resource; one where it is not named.

    `backoff`: before the second try of what failed for a passing reason; doubled each time.
    """

    threads: int = 32
    backoff: timedelta = timedelta(seconds=2)
    slots: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RoleStatus:
    """One node role as it stands. `waiting_for` and `deadline` are set while it waits; `stake` while it is gated."""

    node: str
    role: str
    run: str
    state: str
    says: str
    since: datetime
    generation: int
    attempt: int
    input_hash: str
    waiting_for: str | None
    deadline: datetime | None
    evidence_digest: str | None
    evidence_at: datetime | None
    stake: Mapping[str, JsonValue] | None

    @property
    def key(self) -> VertexKey:
        return self.node, self.role
