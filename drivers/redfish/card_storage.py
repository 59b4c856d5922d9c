"""The drives and volumes of a host. A tree tells of them by Storage, by SimpleStorage, or by a vendor's own (quirk 56).

Source: DSP0268: Storage, Drive, Volume, SimpleStorage; HPE's SmartStorage, which iLO 4 and 5 have with or without them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from drivers.card import VolumeCard
from drivers.facts import Drive
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_STORAGE = ("Drives",)
_DRIVE = ("Id", "CapacityBytes", "SerialNumber", "MediaType", "Protocol")
_VOLUME = ("Id", "CapacityBytes", "Links")
_ARRAY = ("Links",)
_ARRAY_DRIVE = ("Id", "Id", "CapacityMiB", "SerialNumber")
_ARRAY_VOLUME = ("Id", "CapacityMiB", "Raid")
_MIB = 1 << 20


@dataclass(frozen=True)
class _Volume:
    path: str
    id: str
    name: str | None
    raid_type: str | None
    bytes: int | None
    drives: tuple[str, ...]  # paths


class StorageReading:
    """What one reading of a host's tree tells of its storage. Drives by path, each once.

    No `cached_property`: in Python 3.11 one lock is held by all instances while one of them waits for its BMC.
    """

    def __init__(self, tree: Tree, system: Resource) -> None:
        self._tree = tree
        self._system = system
        self._storages = tuple(tree.members(system.link("Storage"), *_STORAGE))
        self._arrays = self._smart_arrays()
        self.drives = self._every_drive()
        self.unique_drives = self._unique_drives()

    def _every_drive(self) -> dict[str, Drive]:
        """By Storage and the vendor's own; SimpleStorage, which knows no serials, only where those tell of none."""
        found = {link: _drive(drive, link) for link, drive in self._listed() if _present(drive)}
        serials = {drive.serial for drive in found.values() if drive.serial}
        found |= {path: drive for path, drive in self._array_drives() if drive.serial not in serials}
        return found or dict(self._simple())

    def volumes(self) -> tuple[VolumeCard, ...]:
        """By Storage; the vendor's own only where that tells of none."""
        found = tuple(self._volumes()) or tuple(self._array_volumes())
        ids = {path: drive.id for path, drive in self.unique_drives.items()}
        doubled = _doubled(one.id for one in found)
        return tuple(
            VolumeCard(
                id=one.path if one.id in doubled else one.id,
                name=one.name,
                raid_type=one.raid_type,
                bytes=one.bytes,
                drives=tuple(ids.get(path, path) for path in one.drives),
            )
            for one in found
        )

    def _unique_drives(self) -> dict[str, Drive]:
        """Short ids collide between controllers: those that do give way to the path."""
        doubled = _doubled(drive.id for drive in self.drives.values())
        return {path: replace(drive, id=path) if drive.id in doubled else drive for path, drive in self.drives.items()}

    def _listed(self) -> Iterator[tuple[str, Resource]]:
        seen: set[str] = set()
        for storage in self._storages:
            for link, drive in self._drives_of(storage):
                if link.rstrip("/") not in seen:
                    seen.add(link.rstrip("/"))
                    yield link, drive

    def _drives_of(self, storage: Resource) -> Iterator[tuple[str, Resource]]:
        """By an array of links or, in some, a collection."""
        if isinstance(storage.body.get("Drives"), dict):
            yield from ((one.path, one) for one in self._tree.members(storage.link("Drives"), *_DRIVE))
            return
        yield from ((link, self._tree.at(link)) for link in storage.links("Drives"))

    def _simple(self) -> Iterator[tuple[str, Drive]]:
        for controller in self._tree.members(self._system.link("SimpleStorage"), "Devices"):
            for device in controller.objects("Devices"):
                if _present(device):
                    yield device.path, _drive(device, device.path)

    def _volumes(self) -> Iterator[_Volume]:
        seen: set[str] = set()
        for storage in self._storages:
            for volume in self._tree.members(storage.link("Volumes"), *_VOLUME):
                if volume.path.rstrip("/") in seen or not _present(volume):
                    continue
                seen.add(volume.path.rstrip("/"))
                yield _Volume(
                    path=volume.path,
                    id=_id(volume, volume.path),
                    name=volume.label("Name"),
                    raid_type=volume.label("RAIDType"),
                    bytes=volume.whole("CapacityBytes") or None,
                    drives=volume.links("Links", "Drives"),
                )

    def _smart_arrays(self) -> tuple[Resource, ...]:
        """HPE's array controllers."""
        smart = self._tree.at(_of_hpe(self._system, "SmartStorage"))
        link = _either(smart, "ArrayControllers")
        return tuple(self._tree.members(link, *_ARRAY)) if link else ()

    def _array_drives(self) -> Iterator[tuple[str, Drive]]:
        for array in self._arrays:
            for one in self._tree.members(_either(array, "PhysicalDrives"), *_ARRAY_DRIVE):
                if _present(one):
                    yield one.path, _array_drive(one)

    def _array_volumes(self) -> Iterator[_Volume]:
        paths = {drive.serial: path for path, drive in self.drives.items() if drive.serial}
        for array in self._arrays:
            for one in self._tree.members(_either(array, "LogicalDrives"), *_ARRAY_VOLUME):
                members = tuple(self._tree.members(_either(one, "DataDrives"), "SerialNumber"))
                size = one.whole("CapacityMiB")
                raid = one.label("Raid")
                yield _Volume(
                    path=one.path,
                    id=_id(one, one.path),
                    name=one.label("LogicalDriveName") or one.label("Name"),
                    raid_type=f"RAID{raid}" if raid and raid.isdigit() else raid,
                    bytes=size * _MIB if size else None,
                    drives=tuple(paths.get(member.text("SerialNumber") or "", member.path) for member in members),
                )


def _of_hpe(system: Resource, name: str) -> str | None:
    """A link among HPE's own, which iLO 4 wrote otherwise than its successors."""
    found = (system.inner("Oem", vendor).inner(links) for vendor in ("Hpe", "Hp") for links in ("Links", "links"))
    return next((link for one in found if (link := one.link(name) or one.text(name, "href"))), None)


def _either(resource: Resource, name: str) -> str | None:
    return resource.link(name) or resource.link("Links", name) or resource.link("links", name)


def _present(resource: Resource) -> bool:
    return bool(resource.body) and resource.text("Status", "State") != "Absent"


def _id(resource: Resource, path: str) -> str:
    return resource.label("Id") or resource.label("Name") or path.rstrip("/").rpartition("/")[2]


def _doubled(ids: Iterable[str]) -> frozenset[str]:
    every = list(ids)
    return frozenset(one for one in every if every.count(one) > 1) if len(set(every)) < len(every) else frozenset()


def _drive(drive: Resource, path: str) -> Drive:
    return Drive(
        id=_id(drive, path),
        bytes=drive.whole("CapacityBytes") or None,
        media=drive.label("MediaType"),
        protocol=drive.label("Protocol"),
        serial=drive.label("SerialNumber"),
    )


def _array_drive(drive: Resource) -> Drive:
    blocks, size = drive.whole("CapacityLogicalBlocks"), drive.whole("BlockSizeBytes")
    mib = drive.whole("CapacityMiB")
    told = blocks * size if blocks and size else mib * _MIB if mib else None
    return Drive(
        id=_id(drive, drive.path),
        bytes=told,
        media=drive.label("MediaType"),
        protocol=drive.label("InterfaceType"),
        serial=drive.label("SerialNumber"),
    )
