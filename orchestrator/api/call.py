"""One request as its answerer sees it, and the answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from orchestrator.api.access import Actor
from orchestrator.api.errors import Bad, NotAcceptable
from orchestrator.events import Event

_TRUE, _FALSE = ("1", "t", "true", "on", "y", "yes"), ("0", "f", "false", "off", "n", "no")


@dataclass(frozen=True)
class Answer:
    """`body`: JSON, or its text; None: no body."""

    body: JsonValue = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    @property
    def empty(self) -> bool:
        return self.text is None and self.body is None

    def encoded(self) -> bytes:
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


def audited(actor: Actor, request: str, kind: str, says: str, node: str | None) -> Event:
    """What goes into the log of a change: who did it, by which request, for which tenant."""
    told: dict[str, JsonValue] = {"actor": actor.name, "role": actor.role.value, "request": request}
    told |= {"tenant": actor.tenant} if actor.tenant is not None else {}
    return Event(f"handoff.{kind}", f"{actor.name}: {says}", node, data=told)


@dataclass(frozen=True)
class Call:
    """`path`: what stands in the route's braces; `base`: scheme and host as the client wrote them."""

    method: str
    route: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: JsonValue
    minor: int
    base: str
    actor: Actor
    request: str

    @property
    def tenant(self) -> str | None:
        return self.actor.tenant

    def document(self) -> Mapping[str, JsonValue]:
        """The body, which must be an object. `Bad`."""
        if not isinstance(self.body, dict):
            raise Bad("The body must be a JSON object.")
        return self.body

    def event(self, kind: str, says: str, node: str | None = None) -> Event:
        """What goes into the log of a change: who did it, by which request."""
        return audited(self.actor, self.request, kind, says, node)

    def need_of_query(self, minor: int, name: str) -> None:
        """`NotAcceptable` where a parameter is newer than the request."""
        if self.minor < minor:
            raise NotAcceptable(f"Request not acceptable. The parameter {name} needs API version 1.{minor}.")

    def flag(self, name: str) -> bool | None:
        """A boolean of the query, None where it is not given. `Bad`."""
        value = self.query.get(name)
        return None if value is None else boolean(value)


def boolean(value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise Bad(f"Unrecognized value '{value[:40]}', acceptable values are: {', '.join((*_FALSE, *_TRUE))}")


def fault(says: str, status: int) -> bytes:
    """The body of an error: JSON within JSON, as Ironic's clients unwrap it."""
    inner = {"faultcode": "Client" if status < 500 else "Server", "faultstring": says, "debuginfo": None}
    return json.dumps({"error_message": json.dumps(inner)}).encode()
