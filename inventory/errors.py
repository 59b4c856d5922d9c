"""What is wrong in an inventory: where, what, and the remedy.

InventoryError
├── BadInventory      the site does not hold together; carries every Problem at once
├── SecretMissing     a reference that cannot be resolved now
└── NoRevision        the site's git has no such revision, or there is no git
"""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """Where a value was written. `line` counts from 1; 0 where a whole file is meant."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of the inventory, as the operator reads it."""

    place: Place
    says: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.says}. {self.remedy}"


class InventoryError(Exception):
    """The root of this floor's errors."""


class BadInventory(InventoryError):
    """Every problem found, sorted by place; never only the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class _Told(InventoryError):
    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.what = what
        self.remedy = remedy


class SecretMissing(_Told):
    """A reference points at nothing. Names the reference, never a value."""


class NoRevision(_Told):
    """What the site was compared with cannot be found."""
