"""What happened: append-only, each with its cause. Every other table is a projection of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue


@dataclass(frozen=True)
class Event:
    """`kind` is a stable dotted word (`role.active`); `says` is for people; `data` holds no secret."""

    kind: str
    says: str
    node: str | None = None
    role: str | None = None
    run: str | None = None
    cause: int | None = None
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """An event with its place in the log. `at` is UTC."""

    id: int
    at: datetime
    event: Event
