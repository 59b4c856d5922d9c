"""The drives and volumes of a host as people are told of them: of all its controllers, each once (quirk 56)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from drivers.ability.storage import Volume
from drivers.card import VolumeCard
from drivers.facts import Drive
from drivers.redfish.resource import Resource
from drivers.redfish.smart_storage import array_drives, array_volumes, arrays_of
from drivers.redfish.storage import by_serial, drives_in, simple_controllers, storages_of, volumes_in
from drivers.redfish.tree import Tree
from drivers.redfish.volume import drive_of, short_id, volume_of

_T = TypeVar("_T")


class StorageReading:
    """What one reading of a host's tree tells of its storage. Drives by path, each once.

    No `cached_property`: in Python 3.11 one lock is held by all instances while one of them waits for its BMC.
    """

    def __init__(self, tree: Tree, system: Resource) -> None:
        self._tree = tree
        self._standard = tuple((one, tuple(drives_in(tree, one))) for one in storages_of(tree, system))
        self._arrays = arrays_of(tree, system)
        self.drives = self._every_drive(system)
        self.unique_drives = self._unique_drives()

    def _every_drive(self, system: Resource) -> dict[str, Drive]:
        """By Storage and the vendor's own; SimpleStorage, which knows no serials, only where those tell of none."""
        listed = ((drive.path, drive_of(drive)) for _, drives in self._standard for drive in drives)
        found = _each_once(listed)
        known = by_serial(found.items())
        vendors = (told for array in self._arrays for told in array_drives(self._tree, array, known))
        found |= _each_once(vendors)
        if found:
            return found
        return _each_once(told for one in simple_controllers(self._tree, system) for told in one.drives)

    def volumes(self) -> tuple[VolumeCard, ...]:
        """By Storage; the vendor's own only where that tells of none."""
        found = _each_once(self._volumes()) or _each_once(self._array_volumes())
        ids = {path.rstrip("/"): drive.id for path, drive in self.unique_drives.items()}
        doubled = _doubled(short for short, _ in found.values())
        return tuple(
            VolumeCard(
                id=path if short in doubled else short,
                name=volume.name,
                raid_type=volume.raid_type,
                bytes=volume.bytes,
                drives=tuple(ids.get(drive.rstrip("/"), drive) for drive in volume.drives),
            )
            for path, (short, volume) in found.items()
        )

    def _unique_drives(self) -> dict[str, Drive]:
        """Short ids collide between controllers: those that do give way to the path."""
        doubled = _doubled(drive.id for drive in self.drives.values())
        return {path: replace(drive, id=path) if drive.id in doubled else drive for path, drive in self.drives.items()}

    def _volumes(self) -> Iterator[tuple[str, tuple[str, Volume]]]:
        """Their RAID type in the BMC's word: the older VolumeType names none."""
        for storage, drives in self._standard:
            for one in volumes_in(self._tree, storage, drives):
                told = replace(volume_of(self._tree, one), raid_type=one.label("RAIDType"))
                yield one.path, (short_id(one), told)

    def _array_volumes(self) -> Iterator[tuple[str, tuple[str, Volume]]]:
        known = by_serial(self.drives.items())
        for array in self._arrays:
            for one, volume in array_volumes(self._tree, array, known):
                yield one.path, (short_id(one), volume)


def _each_once(told: Iterable[tuple[str, _T]]) -> dict[str, _T]:
    """By path; of one that is told twice, with and without a slash, what was told first."""
    firsts: dict[str, tuple[str, _T]] = {}
    for path, what in told:
        firsts.setdefault(path.rstrip("/"), (path, what))
    return dict(firsts.values())


def _doubled(ids: Iterable[str]) -> frozenset[str]:
    every = list(ids)
    return frozenset(one for one in every if every.count(one) > 1) if len(set(every)) < len(every) else frozenset()
