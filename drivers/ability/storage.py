"""Storage behind controllers: drives, volumes, and what destroys what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from drivers.ability.progress import Handle
from drivers.facts import Drive

RaidType = Literal["RAID0", "RAID1", "RAID5", "RAID6", "RAID10", "RAID50", "RAID60"]
# Of a bare drive that is shown as a volume, or that a controller passes through.
BARE = frozenset({"RawDevice", "None"})
EraseMethod = Literal["cryptographic", "block", "overwrite"]


@dataclass(frozen=True)
class Volume:
    """`path` is its place in the tree; `id` what survives there: a WWN or UUID where the BMC tells one."""

    path: str
    id: str
    name: str | None
    raid_type: str | None
    bytes: int | None
    drives: tuple[str, ...]  # paths

    @property
    def bare(self) -> bool:
        """It shows a drive that is in no volume."""
        return self.raid_type in BARE


@dataclass(frozen=True)
class Controller:
    """`mode` is the BMC's word ("RAID", "HBA"); `raid_types` those it offers, empty where it does not say.

    `withheld`: paths of drives of which no volume can be made as they are, and why; not those that are in a volume.
    Among them `foreign`, on which another controller's configuration lies, and `unconverted`, not given to RAID.
    `unstated`: paths of drives of which it does not tell whether they are among these. `sets_mode` and
    `clears_foreign`: whether the BMC offers a way to do so.
    """

    path: str
    name: str | None
    mode: str | None
    drives: tuple[tuple[str, Drive], ...]  # path and what it is
    volumes: tuple[Volume, ...]
    raid_types: tuple[str, ...] = ()
    makes_volumes: bool = False
    withheld: tuple[tuple[str, str], ...] = ()
    foreign: tuple[str, ...] = ()
    unconverted: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()
    sets_mode: bool = False
    clears_foreign: bool = False

    @property
    def passes_through(self) -> bool:
        """By its mode it shows its drives to the host as they are, and takes no volume."""
        return self.mode is not None and passes_through(self.mode)

    def is_in(self, mode: str) -> bool | None:
        """None where it does not tell its mode. Vendors spell one mode in several ways."""
        return None if self.mode is None else _plain(self.mode) == _plain(mode)


def passes_through(mode: str) -> bool:
    return "hba" in mode.casefold()


@dataclass(frozen=True)
class VolumeWanted:
    """`bytes` None: all there is room for, and then no size is sent."""

    controller: str
    drives: tuple[str, ...]  # paths
    raid_type: RaidType
    name: str | None = None
    bytes: int | None = None


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def made(wanted: VolumeWanted, controllers: Sequence[Controller]) -> Volume | None:
    """The volume that was wanted, where it is there: on these drives and no others, of this type where that is told.

    A task that says Completed is no proof of it.
    """
    drives = {path.rstrip("/") for path in wanted.drives}
    volumes = (
        volume for one in controllers if one.path.rstrip("/") == wanted.controller.rstrip("/") for volume in one.volumes
    )
    fit = (volume for volume in volumes if {path.rstrip("/") for path in volume.drives} == drives)
    return next((volume for volume in fit if volume.raid_type in (None, wanted.raid_type)), None)


@runtime_checkable
class Raid(Protocol):
    def storage(self) -> tuple[Controller, ...]: ...

    def create_volume(self, wanted: VolumeWanted) -> Handle:
        """One at a time per controller. `Busy` while another operation of the controller is under way."""

    def delete_volume(self, volume: Volume) -> Handle:
        """Destroys what it holds. `IdentityChanged` where another volume stands in its place by now."""

    def set_drive_mode(self, controller: str, drives: Sequence[str], *, raid: bool) -> Handle:
        """Drives given to RAID, or taken from it, by path. What they hold is lost."""


@runtime_checkable
class RaidSetup(Protocol):
    """What a controller is, before volumes: its mode, and what another controller left on its drives."""

    def set_controller_mode(self, controller: str, mode: str) -> Handle:
        """Staged for the host's next reset. `Refused` while it has volumes, or foreign configurations that a mode which
        passes drives through would lose: those go first, each by itself."""

    def clear_foreign(self, controller: str, serials: Sequence[str]) -> Handle:
        """Destroys what another controller wrote on its drives. `IdentityChanged` where it lies on others than these,
        which are told by serial number: it clears them all."""


@runtime_checkable
class EraseDrive(Protocol):
    def erase_methods(self, drive: str) -> tuple[EraseMethod, ...]:
        """What the drive at this path supports; empty where it cannot be erased through the BMC."""

    def erase_drive(self, drive: str, serial: str, method: EraseMethod) -> Handle:
        """Destroys what it holds. `IdentityChanged` where the drive there has another serial number."""
