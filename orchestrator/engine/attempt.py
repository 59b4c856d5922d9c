"""One attempt at one node role, as its task sees it: intents, signals, notes."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import Connection, bindparam, select, update

from inventory.model import Node
from inventory.quantity import in_words
from orchestrator.engine.intents import close_intent, gate_key, is_closed, open_intent, outcome_of, outcomes_of
from orchestrator.engine.ledger import Ledger, NodeRole
from orchestrator.engine.tables import NODE_ROLE, SUBJECT
from orchestrator.errors import Abandoned, OutcomeUnknown, StepFailed
from orchestrator.events import Event
from orchestrator.store import now
from orchestrator.work import Cleared

_DOCUMENT = select(SUBJECT.c.document).where(SUBJECT.c.name == bindparam("b_name"))


@dataclass(frozen=True)
class Attempt:
    """A `Job`. `row` is as it stood when this segment began."""

    ledger: Ledger
    row: NodeRole
    node: Node
    stopping: threading.Event

    @property
    def role(self) -> str:
        return self.row.role

    @property
    def generation(self) -> int:
        return self.row.generation

    @property
    def inputs(self) -> Mapping[str, JsonValue]:
        return self.row.inputs

    def now(self) -> datetime:
        return now()

    def once(self, key: str, do: Callable[[], JsonValue], seen: Callable[[], bool | None]) -> JsonValue:
        name = f"{self._scope}:{key}"
        with self.ledger.store.decide() as connection:
            self._may_go_on(connection)
            intent = open_intent(connection, name, self.row.id)
        if intent.closed:
            return intent.outcome
        outcome = None if not intent.fresh and self._took_effect(key, seen) else do()
        with self.ledger.store.begin() as connection:
            close_intent(connection, name, outcome)
        return outcome

    def done(self, key: str) -> bool:
        with self.ledger.store.engine.connect() as connection:
            return is_closed(connection, f"{self._scope}:{key}")

    def earlier(self, key: str) -> tuple[JsonValue, ...]:
        with self.ledger.store.engine.connect() as connection:
            return outcomes_of(connection, self.row.node, key)

    def cleared(self) -> Cleared | None:
        with self.ledger.store.engine.connect() as connection:
            told = outcome_of(connection, gate_key(self.row.id, self.row.generation))
        match told:
            case {"digest": str(digest), "named": bool(named)}:
                return Cleared(digest, named)
        return None

    def signals(self, signal: str) -> int:
        return self.ledger.store.signals(signal)

    def note(self, says: str) -> None:
        with self.ledger.store.decide() as connection:
            if still(connection, self.ledger, self.row) is None:
                return
            data: dict[str, JsonValue] = {"generation": self.row.generation, "attempt": self.row.attempt}
            happened = Event("role.note", says, self.row.node, self.row.role, self.row.run, self.row.event, data)
            self.ledger.store.append(connection, happened)
            connection.execute(update(NODE_ROLE).where(NODE_ROLE.c.id == self.row.id).values(says=says))

    @property
    def _scope(self) -> str:
        """What cannot be repeated keeps its intents over all attempts of a generation, and so over one consent."""
        generation = f"{self.row.id}:{self.row.generation}"
        return f"{generation}:{self.row.attempt}" if self.row.idempotent and not self.row.erases else generation

    def _may_go_on(self, connection: Connection) -> None:
        row = still(connection, self.ledger, self.row)
        if row is None or row.cancelled or self.stopping.is_set():
            raise Abandoned(f"{self.row.node}: {self.row.role} was called off")
        if row.act_by is not None and now().timestamp() > row.act_by:
            raise overdue(self.row)

    def _took_effect(self, key: str, seen: Callable[[], bool | None]) -> bool:
        verdict = seen()
        if verdict is None and self.row.erases:
            raise OutcomeUnknown(
                self.row.node,
                f"unknown outcome of {key} in {self.row.role}: it was under way when Anneal stopped",
                "Look at the machine, then plan it again",
            )
        return verdict is True


def still(connection: Connection, ledger: Ledger, row: NodeRole) -> NodeRole | None:
    """The row now, if this segment is still the one that counts."""
    fresh = ledger.row(connection, row.id)
    return fresh if fresh.ticket == row.ticket and fresh.state == "transition" and not fresh.parked else None


def overdue(row: NodeRole) -> StepFailed:
    bound = in_words(timedelta(seconds=row.within))
    return StepFailed(row.node, f"{row.role} was not done within {bound}", "See its last events: anneal events")


def node_named(connection: Connection, name: str) -> Node:
    return Node.model_validate(connection.scalar(_DOCUMENT, {"b_name": name}))
