"""The storage of an HPE machine as iLO 4 and 5 tell it beside the standard: read only.

Source: HPE, resource definitions HpeSmartStorageArrayController, DiskDrive and LogicalDrive.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from drivers.ability.storage import Volume
from drivers.facts import Drive
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree
from drivers.redfish.volume import drive_of, is_present, volume_of

_ARRAY = ("Links",)
_DRIVE = ("Id", "CapacityMiB", "SerialNumber")
_VOLUME = ("Id", "CapacityMiB", "Raid")
_MIB = 1 << 20


def arrays_of(tree: Tree, system: Resource) -> tuple[Resource, ...]:
    """The array controllers."""
    links = (_link(system.inner("Oem", vendor), "SmartStorage") for vendor in ("Hpe", "Hp"))
    place = next((link for link in links if link), None)
    return tuple(one for one in tree.members(_link(tree.at(place), "ArrayControllers"), *_ARRAY) if one.body)


def array_drives(tree: Tree, array: Resource, known: Mapping[str, str]) -> tuple[tuple[str, Drive], ...]:
    """By path. `known`: where the standard tells of drives already, by their serial numbers: those are left out."""
    place = _link(array, "PhysicalDrives") or _link(array, "DiskDrives")
    present = ((one.path, _drive(one)) for one in tree.members(place, *_DRIVE) if is_present(one))
    return tuple((path, drive) for path, drive in present if drive.serial not in known)


def array_volumes(tree: Tree, array: Resource, known: Mapping[str, str]) -> Iterator[tuple[Resource, Volume]]:
    """What is there, and what it tells. Its drives by the path that is `known` for their serial numbers."""
    for volume in tree.members(_link(array, "LogicalDrives"), *_VOLUME):
        if is_present(volume):
            level, size = volume.label("Raid"), volume.whole("CapacityMiB")
            members = tree.members(_link(volume, "DataDrives"), "SerialNumber")
            told = volume_of(tree, volume)
            yield (
                volume,
                replace(
                    told,
                    name=volume.label("LogicalDriveName") or told.name,
                    raid_type=f"RAID{level}" if level and level.isdigit() else level,
                    bytes=size * _MIB if size else None,
                    drives=tuple(known.get(one.label("SerialNumber") or "", one.path) for one in members),
                ),
            )


def _link(resource: Resource, name: str) -> str | None:
    """iLO 4 writes `links` and `href`."""
    places = (resource, resource.inner("Links"), resource.inner("links"))
    return next((link for one in places if (link := one.link(name) or one.text(name, "href"))), None)


def _drive(drive: Resource) -> Drive:
    blocks, size = drive.whole("CapacityLogicalBlocks"), drive.whole("BlockSizeBytes")
    mib = drive.whole("CapacityMiB")
    told = blocks * size if blocks and size else mib * _MIB if mib else None
    return replace(drive_of(drive), bytes=told, protocol=drive.label("InterfaceType"))
