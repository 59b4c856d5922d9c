"""One request as its answerer sees it: who asks, by which request, of which site."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import StringConstraints

from orchestrator.annealer import Annealer
from orchestrator.api.access import Actor, Role
from orchestrator.api.call import audited
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Changed, Forbidden, Unconditional
from orchestrator.events import Event
from orchestrator.native.outside import Outside
from orchestrator.native.tail import Tail

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same request is answered as the first time, for a week.",
    ),
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of what is changed, as last read, or *. 428 without.")
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="An ETag: 304 where it is still as it was.")
]


@dataclass(frozen=True)
class Front:
    """What answers rest on. `planning` is held by whoever makes or takes up plans and certificates."""

    desk: Desk
    works: Annealer
    outside: Outside
    tail: Tail = field(default_factory=Tail)
    planning: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Ask:
    """`digest`: of all that the client asked, by which a repeated key is held to be the same request."""

    front: Front
    actor: Actor
    request: str
    digest: str

    @property
    def desk(self) -> Desk:
        return self.front.desk

    @property
    def tenant(self) -> str | None:
        return self.actor.tenant

    def event(self, kind: str, says: str, node: str | None = None) -> Event:
        return audited(self.actor, self.request, kind, says, node)


async def entered(request: Request) -> Ask:
    front: Front = request.app.state.front
    actor: Actor = request.scope["anneal.actor"]
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return Ask(front, actor, request.scope["anneal.request"], digest.hexdigest())


Asked = Annotated[Ask, Depends(entered)]


@dataclass(frozen=True)
class Allowed:
    """Lets only these roles through."""

    roles: frozenset[Role]

    def __call__(self, ask: Asked) -> None:
        if ask.actor.role not in self.roles:
            raise Forbidden(f"This is not for the role {ask.actor.role.value}.")


def tag(text: str) -> str:
    """The ETag of what is told: strong, of its content (RFC 9110, section 8.8.3)."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check(if_match: str | None, text: str) -> None:
    """RFC 9110, section 13.1.1. `Unconditional` without the header, `Changed` where it names something else."""
    if if_match is None:
        raise Unconditional("Say by If-Match which state of it is to be changed: its ETag, as last read.")
    if if_match.strip() != "*" and tag(text) not in [one.strip() for one in if_match.split(",")]:
        raise Changed("It is not as you last read it. Read it again.")


def told_already(if_none_match: str | None, etag: str) -> bool:
    """RFC 9110, section 13.1.2: a weak comparison."""
    if if_none_match is None:
        return False
    given = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in given or "*" in given


Headers = Mapping[str, str]
