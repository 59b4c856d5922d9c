"""What a run tells of its hosts, one line each. Standard library only: the run's process starts with it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Told:
    """A task changed something on a host or ended badly there, or all is done there."""

    host: str
    state: Literal["changed", "failed", "unreachable", "done"]
    task: str = ""
    says: str = ""
