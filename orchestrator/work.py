"""The words between the engine and whoever does the work: observation, parking, job, task.

The engine drives every node role the same way: observe; if the assertion holds, record the evidence and touch nothing;
else act, then observe again. `act` is entered again from its top after each parking and after a crash, so everything
it does to the world goes through `Job.once`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from inventory.model import Node


@dataclass(frozen=True)
class Observation:
    """What a witness saw. `holds` decides; `says` is one sentence for people; units stand in the keys of `value`.

    `without`: nodes that did not count in it, since their same role was not proven. Where one of them is proven before
    this is recorded, the look is taken anew: of two that look at one time, whoever comes second counts the first.
    """

    holds: bool
    says: str
    witness: str
    value: Mapping[str, JsonValue] = field(default_factory=dict)
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Park:
    """Give the thread back until a signal comes or the time is up.

    `seen` is the signal's count read BEFORE the condition was checked: a signal that came in between is not lost.
    With `again`, what is waited for sends no signal: `act` is entered anew after that span, until `within` is over,
    counted from `since`, when the wait began; then it fails.
    """

    signal: str
    seen: int
    waiting_for: str
    within: timedelta
    again: timedelta | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Cleared:
    """What the gate of an erasing role let through: what was at stake, by digest, and whether that had to be named."""

    digest: str
    named: bool


class Job(Protocol):
    """One attempt at one node role, as its task sees it."""

    @property
    def node(self) -> Node: ...

    @property
    def role(self) -> str: ...

    @property
    def inputs(self) -> Mapping[str, JsonValue]: ...

    @property
    def generation(self) -> int:
        """How often the role was submitted to go on this node; 1 the first time."""
        ...

    def now(self) -> datetime:
        """By this waits are counted, across restarts."""
        ...

    def once(self, key: str, do: Callable[[], JsonValue], seen: Callable[[], bool | None]) -> JsonValue:
        """Do a thing to the world at most once in this attempt, across parkings, crashes and restarts.

        A durable intent is committed before `do`. Found closed: the recorded outcome is returned and nothing is done.
        Found open (a crash in between): `seen()` tells whether it took effect. True closes it (outcome None); False
        does it again; None raises `OutcomeUnknown` where the role erases, and does it again elsewhere.
        """

    def done(self, key: str) -> bool:
        """Whether `once` has closed that intent in this attempt."""

    def earlier(self, key: str) -> tuple[JsonValue, ...]:
        """What intents of that name came to on this node, the newest first: also in other attempts, of other roles."""
        ...

    def cleared(self) -> Cleared | None:
        """What this generation may destroy, by what passed its gate; None where nothing did, or that was not kept."""

    def signals(self, signal: str) -> int:
        """How often a signal has come so far; for `Park.seen`."""

    def note(self, says: str) -> None:
        """Record progress as an event: what is being done or waited for now."""


class Task(Protocol):
    """How one role is observed and brought about on a node."""

    def observe(self, job: Job) -> Observation:
        """Read the world; change nothing. Raises driver errors and `StepFailed`."""

    def act(self, job: Job) -> Park | None:
        """Change the world, or say what must be waited for. None: done, observe again."""


@dataclass(frozen=True)
class AtStake:
    """What an irreversible step would destroy. `digest` names that content: a consent is bound to it.

    `empty`: proven that nothing is there; then no consent is needed. `named`: only a consent to just this counts, not
    one to whatever may be there.
    """

    empty: bool
    says: str
    digest: str
    detail: Mapping[str, JsonValue] = field(default_factory=dict)
    named: bool = False


@runtime_checkable
class Irreversible(Protocol):
    """A task that can tell what it would destroy. One that erases and cannot tell always needs a consent."""

    def at_stake(self, job: Job) -> AtStake | Park:
        """Look, before anything is done. May boot the ramdisk to look from, and destroys nothing."""
