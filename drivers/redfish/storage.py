"""Storage as a Redfish tree tells it: by Storage, else SimpleStorage, else what a vendor has instead (quirk 56).

Source: DSP0268: Storage, StorageController, VolumeCollection, SimpleStorage, CollectionCapabilities.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drivers.ability.storage import Controller, Volume
from drivers.facts import Drive
from drivers.redfish.resource import Resource
from drivers.redfish.smart_storage import array_drives, array_volumes, arrays_of
from drivers.redfish.tree import Tree
from drivers.redfish.volume import RAW, drive_of, is_present, volume_of

_STORAGE = ("Drives",)
_DRIVE = ("Id", "CapacityBytes", "SerialNumber", "MediaType", "Protocol")
_VOLUME = ("Id", "CapacityBytes", "Links")

_MODES = ("CurrentControllerMode", "ControllerMode", "CurrentOperatingMode")
NO_MODE = frozenset({"NotSupported", "NotApplicable", "Unknown", "None"})
_RAID_TYPES = "RAIDType@Redfish.AllowableValues"


@dataclass(frozen=True)
class Subsystem:
    """One member of a Storage collection with what belongs to it. `collection` is empty where it has no Volumes."""

    storage: Resource
    controllers: tuple[Resource, ...]
    drives: tuple[Resource, ...]
    collection: Resource
    volumes: tuple[Volume, ...]


def controllers(tree: Tree, system: Resource) -> tuple[Controller, ...]:
    """The vendor's own way for drives that the standard does not tell of, the poorest where none does at all."""
    standard = tuple(controller_of(tree, subsystem(tree, storage)) for storage in storages_of(tree, system))
    listed = [told for one in standard for told in one.drives]
    known, bare = by_serial(listed), bool(listed) and any(one.volumes for one in standard)
    vendors = tuple(_array(tree, array, known, bare=bare) for array in arrays_of(tree, system))
    found = tuple(one for one in vendors if one.drives)
    if listed or found:
        return (*standard, *(found if listed else vendors))
    return (*standard, *vendors, *simple_controllers(tree, system))


def storages_of(tree: Tree, system: Resource) -> tuple[Resource, ...]:
    return tuple(one for one in tree.members(system.link("Storage"), *_STORAGE) if one.body)


def by_serial(drives: Iterable[tuple[str, Drive]]) -> Mapping[str, str]:
    """Where each drive is that tells its serial number."""
    return {drive.serial: path for path, drive in drives if drive.serial}


def subsystem(tree: Tree, storage: Resource) -> Subsystem:
    inline = tuple(storage.objects("StorageControllers"))
    drives = tuple(drives_in(tree, storage))
    return Subsystem(
        storage=storage,
        controllers=inline or tuple(tree.members(storage.link("Controllers"))),
        drives=drives,
        collection=tree.at(storage.link("Volumes")),
        volumes=tuple(volume_of(tree, one) for one in volumes_in(tree, storage, drives)),
    )


def controller_of(tree: Tree, sub: Subsystem) -> Controller:
    types = _raid_types(tree, sub)
    return Controller(
        path=sub.storage.path,
        name=_first(one.text("Name") or one.text("Model") for one in sub.controllers) or sub.storage.text("Name"),
        mode=mode_in((sub.storage, *sub.controllers)),
        drives=tuple((drive.path, drive_of(drive)) for drive in sub.drives),
        volumes=sub.volumes,
        raid_types=types,
        makes_volumes=bool(sub.collection.body) and (bool(types) or _has_made(sub.volumes)),
    )


def drives_in(tree: Tree, storage: Resource) -> Iterator[Resource]:
    """Each once, by links or, in some, as a collection. The counts beside them are not believed."""
    place = storage.link("Drives")
    collected = tuple(tree.members(place, *_DRIVE))
    collects = place is not None and "Members" in tree.at(place).body
    seen: set[str] = set()
    for drive in collected if collects else (tree.at(link) for link in storage.links("Drives")):
        if is_present(drive) and drive.path.rstrip("/") not in seen:
            seen.add(drive.path.rstrip("/"))
            yield drive


def volumes_in(tree: Tree, storage: Resource, drives: tuple[Resource, ...]) -> Iterator[Resource]:
    """Those of the collection, and any that only a drive tells that it belongs to."""
    place = storage.link("Volumes")
    seen: set[str] = set()
    for volume in tree.members(place, *_VOLUME):
        if is_present(volume):
            seen.add(volume.path.rstrip("/"))
            yield volume
    for link in (link for drive in drives for link in drive.links("Links", "Volumes")):
        if place and link.rstrip("/") not in seen and link.startswith(place) and is_present(tree.at(link)):
            seen.add(link.rstrip("/"))
            yield tree.at(link)


def _raid_types(tree: Tree, sub: Subsystem) -> tuple[str, ...]:
    told = [word for one in sub.controllers for word in one.texts("SupportedRAIDTypes")]
    if not told:
        told = [*sub.collection.texts(_RAID_TYPES), *_creatable(tree, sub.collection)]
    return tuple(dict.fromkeys(word for word in told if word not in RAW))


def _creatable(tree: Tree, collection: Resource) -> tuple[str, ...]:
    """What the collection says that may be created in it."""
    for one in collection.objects("@Redfish.CollectionCapabilities", "Capabilities"):
        told = tree.at(one.link("CapabilitiesObject")).texts(_RAID_TYPES)
        if told:
            return told
    return ()


def _has_made(volumes: tuple[Volume, ...]) -> bool:
    return any(volume.raid_type is not None and volume.raid_type not in RAW for volume in volumes)


def mode_in(resources: Iterable[Resource]) -> str | None:
    """A vendor's own word, wherever it keeps it: the standard has none."""
    places = [place for one in resources for place in oem(one)]
    words = (place.text(name) for name in _MODES for place in places)
    return _first(word for word in words if word not in NO_MODE)


def oem(resource: Resource) -> Iterator[Resource]:
    """What vendors say of it beside the standard, and the objects in that."""
    for vendor, told in resource.inner("Oem").body.items():
        if isinstance(told, dict):
            place = resource.inner("Oem", vendor)
            yield place
            yield from (place.inner(name) for name, inside in told.items() if isinstance(inside, dict))


def _array(tree: Tree, array: Resource, known: Mapping[str, str], *, bare: bool) -> Controller:
    """`bare`: without its volumes, which the standard tells."""
    drives = array_drives(tree, array, known)
    paths = {**by_serial(drives), **known}
    return Controller(
        path=array.path,
        name=array.text("Model") or array.text("Name"),
        mode=array.text("CurrentOperatingMode"),
        drives=drives,
        volumes=() if bare else tuple(told for _, told in array_volumes(tree, array, paths)),
    )


def simple_controllers(tree: Tree, system: Resource) -> Iterator[Controller]:
    """Knows names and sizes only, and can do nothing."""
    for simple in tree.members(system.link("SimpleStorage"), "Devices"):
        drives = [(device.path, drive_of(device)) for device in simple.objects("Devices") if is_present(device)]
        yield Controller(simple.path, simple.text("Name"), None, tuple(drives), ())


def _first(words: Iterable[str | None]) -> str | None:
    return next((word for word in words if word), None)
