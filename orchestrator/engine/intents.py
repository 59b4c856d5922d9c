"""What was about to be done: a row committed before each side effect, so that after a crash nobody acts blindly."""

from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import Connection, insert, select, update

from orchestrator.engine.tables import INTENT, NODE_ROLE
from orchestrator.store import now


@dataclass(frozen=True)
class Intent:
    """`closed`: it was done, with this outcome. Neither fresh nor closed: nobody knows."""

    fresh: bool
    closed: bool
    outcome: JsonValue


def open_intent(connection: Connection, key: str, node_role: int) -> Intent:
    """Say that it is about to be done; what was said before where somebody did."""
    found = connection.execute(select(INTENT.c.state, INTENT.c.outcome).where(INTENT.c.key == key)).one_or_none()
    if found is not None:
        return Intent(fresh=False, closed=found.state == "closed", outcome=found.outcome)
    connection.execute(insert(INTENT).values(key=key, node_role=node_role, state="open", opened=now().timestamp()))
    return Intent(fresh=True, closed=False, outcome=None)


def is_closed(connection: Connection, key: str) -> bool:
    return connection.scalar(select(INTENT.c.state).where(INTENT.c.key == key)) == "closed"


def outcome_of(connection: Connection, key: str) -> JsonValue:
    """None also where nothing of the kind was ever about to be done."""
    outcome: JsonValue = connection.scalar(select(INTENT.c.outcome).where(INTENT.c.key == key))
    return outcome


def outcomes_of(connection: Connection, node: str, key: str) -> tuple[JsonValue, ...]:
    """What intents of that name came to on a node, in all attempts of all its roles; the newest first."""
    roles = select(NODE_ROLE.c.id).where(NODE_ROLE.c.node == node)
    asked = select(INTENT.c.outcome).where(
        INTENT.c.node_role.in_(roles), INTENT.c.state == "closed", INTENT.c.key.endswith(f":{key}", autoescape=True)
    )
    return tuple(connection.execute(asked.order_by(INTENT.c.opened.desc())).scalars())


def gate_key(node_role: int, generation: int) -> str:
    """The intent by which an erasing role passed its gate; its outcome is what was at stake."""
    return f"{node_role}:{generation}:gate"


def close_intent(connection: Connection, key: str, outcome: JsonValue) -> None:
    done = {"state": "closed", "outcome": outcome, "closed": now().timestamp()}
    connection.execute(update(INTENT).where(INTENT.c.key == key).values(done))
