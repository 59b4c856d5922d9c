"""Operations that outlive the call which began them: how to find them again, and how far they are."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pydantic import JsonValue, TypeAdapter


class Phase(StrEnum):
    SCHEDULED = "scheduled"  # staged; it begins when the host is reset
    RUNNING = "running"
    DONE = "done"  # by its own word: what it changed is still to be read back
    FAILED = "failed"
    GONE = "gone"  # it was there and is no more, or never could be followed: only what it changed can tell


@dataclass(frozen=True)
class Progress:
    """One look at an operation. `percent` is 0 to 100 where the BMC tells; `says` is the BMC's own words, bounded."""

    phase: Phase
    percent: int | None = None
    says: str = ""


@dataclass(frozen=True)
class Handle:
    """Where an operation is followed. Survives a restart of ours as JSON; holds no secret.

    `path` is the task or job to look at; None where the BMC gave nothing to follow, and only reading back tells.
    """

    what: str
    path: str | None
    begun_at: datetime
    needs_reset: bool = False  # it begins, or takes effect, when the host is reset

    def as_json(self) -> JsonValue:
        return {**asdict(self), "begun_at": self.begun_at.isoformat()}


def handle_from(told: JsonValue) -> Handle:
    """What `as_json` gave. `ValueError` for anything else."""
    return _HANDLE.validate_python(told)


_HANDLE = TypeAdapter(Handle)


@runtime_checkable
class Follow(Protocol):
    def follow(self, handle: Handle) -> Progress:
        """One look at an operation, never a wait. A task that vanished is GONE, not done."""
