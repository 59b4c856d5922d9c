"""Events folded to where every node role stands (pure). The tables say the same, or one of the two is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from pydantic import JsonValue

from orchestrator.engine.vertex import (
    ACTIVE,
    BLOCKED,
    DRIFTED,
    ERROR,
    GATED,
    PROPOSED,
    STALE,
    TODO,
    TRANSITION,
    VertexKey,
)
from orchestrator.events import Recorded

STATES: Mapping[str, str] = MappingProxyType(
    {
        "role.proposed": PROPOSED,
        "role.blocked": BLOCKED,
        "role.todo": TODO,
        "role.consented": TODO,
        "role.gated": GATED,
        "role.started": TRANSITION,
        "role.acting": TRANSITION,
        "role.waiting": TRANSITION,
        "role.resumed": TRANSITION,
        "role.active": ACTIVE,
        "role.error": ERROR,
        "role.stale": STALE,
        "role.drifted": DRIFTED,
    }
)


@dataclass(frozen=True)
class Standing:
    """One node role as its events tell. `cause` is the last event that moved it."""

    state: str
    says: str
    generation: int
    waiting_for: str | None
    cause: int
    since: datetime


def fold(events: Iterable[Recorded]) -> Mapping[VertexKey, Standing]:
    """`events` from the first one on, in the order of their ids."""
    standing: dict[VertexKey, Standing] = {}
    for recorded in events:
        event = recorded.event
        if event.node is None or event.role is None:
            continue
        key = (event.node, event.role)
        if event.kind in STATES:
            standing[key] = Standing(
                state=STATES[event.kind],
                says=event.says,
                generation=_number(event.data["generation"]),
                waiting_for=_text(event.data.get("waiting_for")),
                cause=recorded.id,
                since=recorded.at,
            )
        elif event.kind == "role.note":
            standing[key] = replace(standing[key], says=event.says)
    return standing


def _number(value: JsonValue) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a generation is a number, not {value!r}")
    return value


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
