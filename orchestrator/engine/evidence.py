"""Proof kept: what a witness saw, when, and a digest by which it can be named. Append-only."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from sqlalchemy import Connection, insert, select

from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.engine.vertex import ACTIVE, VertexKey
from orchestrator.store import Store, now
from orchestrator.work import Observation

_KEPT = insert(EVIDENCE).returning(EVIDENCE.c.id)


@dataclass(frozen=True)
class Evidence:
    """`at`: seconds since the epoch (UTC); `ttl`: seconds for which it counts, None for ever."""

    node: str
    role: str
    says: str
    witness: str
    value: Mapping[str, JsonValue]
    at: float
    ttl: float | None

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all of it."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def expires(self) -> float | None:
        return None if self.ttl is None else self.at + self.ttl


@dataclass(frozen=True)
class Proof:
    id: int
    digest: str
    expires: float | None


def record(connection: Connection, node: str, role: str, seen: Observation, ttl: float | None) -> Proof:
    """`ttl`: seconds for which it counts; None: for ever."""
    one = Evidence(node, role, seen.says, seen.witness, dict(seen.value), now().timestamp(), ttl)
    number: int = connection.execute(_KEPT, {**asdict(one), "digest": one.digest}).scalar_one()
    return Proof(number, one.digest, one.expires)


def overtaken(connection: Connection, role: str, seen: Observation) -> bool:
    """Has one that did not count in it been proven since? Asked in the transaction that would record it."""
    if not seen.without:
        return False
    proven = connection.scalars(select(NODE_ROLE.c.node).where(NODE_ROLE.c.role == role, NODE_ROLE.c.state == ACTIVE))
    return not seen.without.isdisjoint(proven)


@dataclass(frozen=True)
class Standing:
    """A node role with what it stands on. `recorded`: the digest that the evidence had when it was kept."""

    state: str
    says: str
    input_hash: str
    evidence: Evidence | None
    recorded: str | None


def standing(store: Store, keys: Collection[VertexKey]) -> Mapping[VertexKey, Standing]:
    """Of those node roles that were ever planned."""
    told = (NODE_ROLE.c.node, NODE_ROLE.c.role, NODE_ROLE.c.state, NODE_ROLE.c.says, NODE_ROLE.c.input_hash)
    kept = [EVIDENCE.c[name].label(f"e_{name}") for name in Evidence.__dataclass_fields__]
    asked = (
        select(*told, EVIDENCE.c.digest, *kept)
        .outerjoin(EVIDENCE, EVIDENCE.c.id == NODE_ROLE.c.evidence)
        .where(NODE_ROLE.c.node.in_({node for node, _ in keys}))
    )
    with store.engine.connect() as connection:
        rows = connection.execute(asked).all()
    return {
        (row.node, row.role): Standing(
            row.state,
            row.says,
            row.input_hash,
            None if row.digest is None else Evidence(*row[-len(kept) :]),
            row.digest,
        )
        for row in rows
        if (row.node, row.role) in keys
    }
