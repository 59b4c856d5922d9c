"""Virtual media: an image that the BMC shows the host as a drive."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class Slot:
    """`kinds` are the BMC's words ("CD", "DVD", "USBStick"); `how` it is filled; `image` is what is in it."""

    path: str
    kinds: tuple[str, ...]
    how: Literal["action", "patch"]
    inserted: bool | None
    image: str | None


@runtime_checkable
class VirtualMedia(Protocol):
    def slots(self) -> tuple[Slot, ...]:
        """Those that can be filled."""

    def insert(self, uri: str, kind: str = "CD") -> Slot:
        """Empty the slot, fill it, and return what reads back. `NotApplied`, `Unsupported`, `Refused`."""

    def eject(self, slot: Slot) -> None:
        """Return once it reads back empty. From empty: nothing is sent."""
