"""One thing that is staged for a reboot: what a kind of setting knows of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue

from drivers.ability.firmware import Package
from drivers.ability.machine import Machine
from drivers.ability.progress import Handle
from orchestrator.work import Job

Inputs = Mapping[str, JsonValue]
# Of a file's name and SHA-256: it lies in the site's directory, and is served to BMCs that fetch by themselves.
Pack = Callable[[str, str], Package]


@dataclass(frozen=True)
class Piece:
    """`name` tells it from the role's others; a `fence` must be in force before what follows is begun."""

    role: str
    name: str
    fence: bool = False

    def __str__(self) -> str:
        return f"{self.role} {self.name}"


@dataclass(frozen=True)
class Kind:
    """How a role's pieces are read and staged. `within`: how long one may take to be in force, its reboot included.

    `lacks` tells, by piece, why each that does not hold does not. `unsent` tells,
    of a piece that was about to be staged when we stopped, whether it may be staged (again); it raises where nobody
    can tell. `judged`: whether nothing is pending any more, so that what is not in force now will not come by itself.
    """

    role: str
    lacks: Callable[[Machine, Job, Inputs], Mapping[Piece, str]]
    stage: Callable[[Machine, Job, Inputs, Piece, Pack], Handle | None]
    unsent: Callable[[Machine, Job, Inputs, Piece], bool]
    judged: Callable[[Machine, Job], bool]
    within: timedelta
