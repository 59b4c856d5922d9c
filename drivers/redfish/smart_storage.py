"""The storage of an HPE machine as iLO 4 and 5 tell it beside the standard: read only.

Source: HPE, resource definitions HpeSmartStorageArrayController, DiskDrive and LogicalDrive.
"""

from collections.abc import Iterator
from dataclasses import replace

from drivers.ability.storage import Controller, Volume
from drivers.facts import Drive
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree
from drivers.redfish.volume import drive_of, is_present, volume_of

_MIB = 1 << 20


def smart_controllers(tree: Tree, system: Resource) -> Iterator[Controller]:
    place = next(
        (link for vendor in ("Hpe", "Hp") if (link := _link(system.inner("Oem", vendor), "SmartStorage"))), None
    )
    arrays = _link(tree.at(place), "ArrayControllers")
    for array in tree.members(arrays):
        drives = tuple(tree.members(_link(array, "PhysicalDrives") or _link(array, "DiskDrives")))
        yield Controller(
            path=array.path,
            name=array.text("Model") or array.text("Name"),
            mode=array.text("CurrentOperatingMode"),
            drives=tuple((drive.path, _drive(drive)) for drive in drives if is_present(drive)),
            volumes=tuple(_volumes(tree, _link(array, "LogicalDrives"))),
        )


def _link(resource: Resource, name: str) -> str | None:
    """iLO 4 writes `links` and `href`."""
    return resource.link("Links", name) or resource.text("links", name, "href") or resource.link("links", name)


def _drive(drive: Resource) -> Drive:
    size = drive.whole("CapacityMiB")
    return replace(drive_of(drive), bytes=size * _MIB if size else None, protocol=drive.text("InterfaceType"))


def _volumes(tree: Tree, logical: str | None) -> Iterator[Volume]:
    for volume in tree.members(logical):
        if is_present(volume):
            level, size = volume.text("Raid"), volume.whole("CapacityMiB")
            members = tuple(drive.path for drive in tree.members(_link(volume, "DataDrives")))
            told = volume_of(tree, volume)
            yield replace(
                told,
                name=volume.text("LogicalDriveName") or told.name,
                raid_type=f"RAID{level}" if level and level.isdigit() else level,
                bytes=size * _MIB if size else None,
                drives=members,
            )
