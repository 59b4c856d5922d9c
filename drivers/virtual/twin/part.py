"""What the parts of a simulated Redfish service are made of: what they show, and the writes that they take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.places import Places
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource
from drivers.virtual.twin.redfish_tree import Tree
from drivers.virtual.twin.work import Effect, Later


@dataclass(frozen=True)
class Context:
    """One machine, its tree, and where things are in it."""

    machine: Machine
    tree: Tree
    places: Places

    def on(self, quirk: int) -> bool:
        return quirk in self.machine.quirks

    def soon(self, real_seconds: float, at_least: float) -> float:
        """Seconds on the twin's clock, and never fewer than `at_least` real ones."""
        return self.machine.clock.scaled(timedelta(seconds=real_seconds), timedelta(seconds=at_least))


@dataclass(frozen=True)
class Change:
    """A write that was found right: `effect` is had at once, `later` in a task. `reply` is asked after `effect`."""

    says: str
    effect: Effect | None = None
    later: Later | None = None
    reply: Callable[[], Reply] = field(default=lambda: Reply(204))


@dataclass(frozen=True)
class Write:
    """`kind` is one of faults.KINDS. `prepare` raises `Fail` for what is wrong with a call."""

    kind: str
    prepare: Callable[[Call], Change]
    action: bool = False


class Part(Protocol):
    def show(self, path: str, base: Resource | None) -> Resource | None:
        """What a resource looks like now; `base` is how the tree and the parts before have it. None: not there."""

    def write(self, method: str, path: str) -> Write | None:
        """What a method does here, if it is this part that does it."""


def writable(told: Mapping[str, object], known: set[str]) -> None:
    """`Fail` where a property is none of these."""
    unknown = {key for key in told if not key.startswith("@")} - known
    if unknown:
        raise Fail(400, "PropertyNotWritable", f"The property {min(unknown)} is read-only or unknown.")


def wrong_type(name: str) -> Fail:
    return Fail(400, "PropertyValueTypeError", f"The value of the property {name} is of a different type.")


def missing_property(name: str) -> Fail:
    return Fail(400, "ActionParameterMissing", f"The parameter {name} is required.")
