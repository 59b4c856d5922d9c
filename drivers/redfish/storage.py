"""Storage as a Redfish tree tells it: by Storage, else SimpleStorage, else what a vendor has instead (quirk 56).

Source: DSP0268: Storage, StorageController, VolumeCollection, SimpleStorage, CollectionCapabilities.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.ability.storage import Controller, Volume
from drivers.redfish.resource import Resource
from drivers.redfish.smart_storage import smart_controllers
from drivers.redfish.tree import Tree
from drivers.redfish.volume import RAW, drive_of, is_present, volume_of

_MODES = ("CurrentControllerMode", "ControllerMode", "CurrentOperatingMode")
_NO_MODE = frozenset({"NotSupported", "NotApplicable", "Unknown", "None"})
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
    """The poorer ways only where the better ones tell of no drive."""
    members = (storage for storage in tree.members(system.link("Storage")) if storage.body)
    standard = tuple(controller_of(tree, subsystem(tree, storage)) for storage in members)
    if any(controller.drives for controller in standard):
        return standard
    vendors = tuple(smart_controllers(tree, system))
    if any(controller.drives for controller in vendors):
        return (*standard, *vendors)
    return (*standard, *vendors, *_simple(tree, system))


def subsystem(tree: Tree, storage: Resource) -> Subsystem:
    inline = tuple(storage.objects("StorageControllers"))
    drives = tuple(_drives(tree, storage))
    return Subsystem(
        storage=storage,
        controllers=inline or tuple(tree.members(storage.link("Controllers"))),
        drives=drives,
        collection=tree.at(storage.link("Volumes")),
        volumes=tuple(_volumes(tree, storage, drives)),
    )


def controller_of(tree: Tree, sub: Subsystem) -> Controller:
    types = _raid_types(tree, sub)
    return Controller(
        path=sub.storage.path,
        name=_first(one.text("Name") or one.text("Model") for one in sub.controllers) or sub.storage.text("Name"),
        mode=_mode((sub.storage, *sub.controllers)),
        drives=tuple((drive.path, drive_of(drive)) for drive in sub.drives),
        volumes=sub.volumes,
        raid_types=types,
        makes_volumes=bool(sub.collection.body) and (bool(types) or _has_made(sub.volumes)),
    )


def _drives(tree: Tree, storage: Resource) -> Iterator[Resource]:
    """By links or, in some, as a collection. The counts beside them are not believed."""
    place = storage.link("Drives")
    collects = place is not None and "Members" in tree.at(place).body
    told = tree.members(place) if collects else (tree.at(link) for link in storage.links("Drives"))
    seen: set[str] = set()
    for drive in told:
        if is_present(drive) and drive.path not in seen:
            seen.add(drive.path)
            yield drive


def _volumes(tree: Tree, storage: Resource, drives: tuple[Resource, ...]) -> Iterator[Volume]:
    """Those of the collection, and any that only a drive tells that it belongs to."""
    place = storage.link("Volumes")
    seen: set[str] = set()
    for volume in tree.members(place):
        if is_present(volume):
            seen.add(volume.path.rstrip("/"))
            yield volume_of(tree, volume)
    for link in (link for drive in drives for link in drive.links("Links", "Volumes")):
        if place and link.rstrip("/") not in seen and link.startswith(place) and is_present(tree.at(link)):
            seen.add(link.rstrip("/"))
            yield volume_of(tree, tree.at(link))


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


def _mode(resources: Iterable[Resource]) -> str | None:
    """A vendor's own word, wherever it keeps it: the standard has none."""
    places = [place for one in resources for place in oem(one)]
    words = (place.text(name) for name in _MODES for place in places)
    return _first(word for word in words if word not in _NO_MODE)


def oem(resource: Resource) -> Iterator[Resource]:
    """What vendors say of it beside the standard, and the objects in that."""
    for vendor, told in resource.inner("Oem").body.items():
        if isinstance(told, dict):
            place = resource.inner("Oem", vendor)
            yield place
            yield from (place.inner(name) for name, inside in told.items() if isinstance(inside, dict))


def _simple(tree: Tree, system: Resource) -> Iterator[Controller]:
    """Knows names and sizes only, and can do nothing."""
    for simple in tree.members(system.link("SimpleStorage")):
        drives = [(device.path, drive_of(device)) for device in simple.objects("Devices") if is_present(device)]
        yield Controller(simple.path, simple.text("Name"), None, tuple(drives), ())


def _first(words: Iterable[str | None]) -> str | None:
    return next((word for word in words if word), None)
