"""Firmware: what runs, and how it is replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from drivers.ability.progress import Handle

UpdateMethod = Literal["multipart", "push", "simple"]


@dataclass(frozen=True)
class Component:
    """`path` in the tree; `version` None where it is not told; `updateable` None likewise."""

    path: str
    name: str
    version: str | None
    updateable: bool | None = None


def versions(components: Sequence[Component]) -> dict[str, str | None]:
    """Version by component's name. Several of one name are one where they are of one version, as iDRAC lists its BIOS
    twice and most BMCs their power supplies; else they are told apart by the end of their path."""
    of: dict[str, set[str | None]] = {}
    for one in components:
        of.setdefault(one.name, set()).add(one.version)
    return {
        one.name if len(of[one.name]) == 1 else f"{one.name} {one.path.rstrip('/').rpartition('/')[2]}": one.version
        for one in components
    }


@dataclass(frozen=True)
class Package:
    """A file to flash. `sha256` is checked before anything is sent; `uri` is where the BMC may fetch it itself."""

    file: Path
    sha256: str
    uri: str | None = None


@runtime_checkable
class FirmwareUpdate(Protocol):
    def components(self) -> tuple[Component, ...]:
        """All of them, or `Busy` or `Unreachable`: never those alone that could be read just now."""

    def updates_under_way(self) -> tuple[Handle, ...]:
        """The jobs of updates that are not over, whoever began them; `Busy` where they cannot be read."""

    def update_methods(self) -> tuple[UpdateMethod, ...]:
        """What the UpdateService offers, the preferred first."""

    def update(self, package: Package, targets: tuple[str, ...] = (), *, on_reset: bool = False) -> Handle:
        """Send it once. `on_reset`: stage it where the BMC can, so that several share one reboot.

        `UnknownOutcome` where the answer was lost: never sent again before the component's version was read.
        """


@runtime_checkable
class Steady(Protocol):
    def steady(self, times: int = 3) -> None:
        """Return once the BMC has answered well so often in a row: after its update or restart it comes and goes.

        `Unreachable` or `Busy` where it does not within the driver's bound.
        """
