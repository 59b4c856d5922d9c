"""Proof kept: what a witness saw, when, and a digest by which it can be named. Append-only."""

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from orchestrator.engine.tables import EVIDENCE
from orchestrator.store import now
from orchestrator.work import Observation

_KEPT = insert(EVIDENCE).returning(EVIDENCE.c.id)


@dataclass(frozen=True)
class Proof:
    id: int
    digest: str  # sha256 of the canonical JSON of what was recorded
    expires: float | None


def record(connection: Connection, node: str, role: str, seen: Observation, ttl: float | None) -> Proof:
    """`ttl`: seconds for which it counts; None: for ever."""
    moment = now().timestamp()
    told = {"node": node, "role": role, "says": seen.says, "witness": seen.witness, "value": dict(seen.value)}
    canonical = json.dumps({**told, "at": moment, "ttl": ttl}, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    number: int = connection.execute(_KEPT, {**told, "digest": digest, "at": moment, "ttl": ttl}).scalar_one()
    return Proof(number, digest, None if ttl is None else moment + ttl)
