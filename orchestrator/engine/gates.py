"""Consent to what cannot be undone: given by a person, bound to what would be destroyed, used once."""

from collections.abc import Mapping

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, insert, select, update

from orchestrator.engine.intents import close_intent, gate_key, open_intent
from orchestrator.engine.ledger import Ledger, Move, NodeRole
from orchestrator.engine.tables import CONSENT, NODE_ROLE
from orchestrator.engine.vertex import GATED, TODO, WHATEVER, VertexKey
from orchestrator.events import Event
from orchestrator.store import now
from orchestrator.work import AtStake


def give(connection: Connection, ledger: Ledger, key: VertexKey, by: str, bound_to: str) -> None:
    """Record a consent, and let a row go on that waits for just this. `bound_to`: a digest, or `WHATEVER`."""
    node, role = key
    given = {"node": node, "role": role, "given_by": by, "at": now().timestamp(), "bound_to": bound_to}
    connection.execute(insert(CONSENT).values(given))
    here = (NODE_ROLE.c.node == node, NODE_ROLE.c.role == role, NODE_ROLE.c.state == GATED)
    for row in ledger.rows(connection, *here):
        if bound_to in {WHATEVER, _digest(row)}:
            data: dict[str, JsonValue] = {"bound_to": bound_to}
            consented = Move("role.consented", TODO, f"{by} consented to erase", data, {"stake": None})
            ledger.move(connection, row, consented)
            ledger.admit(connection, [row.id])
            return
    ledger.store.append(connection, Event("consent.given", f"{by} consented to erase", node, role))


def gate(connection: Connection, ledger: Ledger, row: NodeRole, stake: AtStake) -> None:
    """Stop the row before it acts; its leases go to others meanwhile."""
    other = connection.scalar(select(CONSENT.c.given_by).where(*_unused(row)).limit(1))
    note = f"; the consent by {other} was for other content" if other else ""
    detail: dict[str, JsonValue] = {"digest": stake.digest, "detail": dict(stake.detail)}
    sets: Mapping[str, object] = {"stake": detail, "segment": row.segment + 1}
    ledger.settle(connection, row, Move("role.gated", GATED, stake.says + note, data=detail, sets=sets))


def consume(connection: Connection, row: NodeRole, stake: AtStake) -> str | None:
    """Use up a consent to just this, if there is one; who gave it."""
    covering = [stake.digest] if stake.named else [stake.digest, WHATEVER]
    wanted = select(CONSENT.c.id, CONSENT.c.given_by).where(*_unused(row), CONSENT.c.bound_to.in_(covering))
    found = connection.execute(wanted.order_by(CONSENT.c.id).limit(1)).one_or_none()
    if found is None:
        return None
    used = {"consumed": now().timestamp(), "consumed_by": row.holder}
    connection.execute(update(CONSENT).where(CONSENT.c.id == found.id).values(used))
    return str(found.given_by)


def passed(connection: Connection, row: NodeRole, stake: AtStake) -> None:
    """Keep what was let through: who destroys it later, by another reading, must find just this."""
    key = gate_key(row.id, row.generation)
    open_intent(connection, key, row.id)
    close_intent(connection, key, {"digest": stake.digest, "named": stake.named})


def _unused(row: NodeRole) -> tuple[ColumnElement[bool], ...]:
    return CONSENT.c.node == row.node, CONSENT.c.role == row.role, CONSENT.c.consumed.is_(None)


def _digest(row: NodeRole) -> JsonValue:
    return row.stake["digest"] if row.stake else None
