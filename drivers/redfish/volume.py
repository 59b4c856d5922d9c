"""One drive, one volume: what a tree tells of it, and by what it is known again when its path is given to another.

Source: DSP0268, Drive and Volume; DSP0268, Resource.Identifier.
"""

from collections.abc import Mapping
from types import MappingProxyType

from drivers.ability.storage import BARE, Volume
from drivers.facts import Drive
from drivers.redfish.filled import filled
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

RAW = BARE
_BLANK = frozenset("0fF-:. xX")  # an identifier of these alone tells nothing
_SUREST = ("NAA", "NGUID", "EUI", "UUID")  # DSP0268, DurableNameFormat

# What RAIDType was before Volume v1.3.
LEGACY: Mapping[str, str] = MappingProxyType(
    {
        "RawDevice": "RawDevice",
        "NonRedundant": "RAID0",
        "Mirrored": "RAID1",
        "StripedWithParity": "RAID5",
        "SpannedMirrors": "RAID10",
        "SpannedStripesWithParity": "RAID50",
    }
)


def drive_of(drive: Resource) -> Drive:
    return Drive(
        id=short_id(drive),
        bytes=drive.whole("CapacityBytes") or None,
        media=drive.label("MediaType"),
        protocol=drive.label("Protocol"),
        serial=filled(drive, "SerialNumber"),
    )


def short_id(resource: Resource) -> str:
    """Unique among its neighbours alone."""
    return resource.label("Id") or resource.label("Name") or resource.path.rstrip("/").rpartition("/")[2]


def is_present(resource: Resource) -> bool:
    return bool(resource.body) and resource.text("Status", "State") != "Absent"


def volume_of(tree: Tree, volume: Resource) -> Volume:
    return Volume(
        path=volume.path,
        id=_durable(volume) or _likely(tree, volume),
        name=volume.label("DisplayName") or volume.label("Name"),
        raid_type=volume.label("RAIDType") or LEGACY.get(volume.text("VolumeType") or ""),
        bytes=volume.whole("CapacityBytes") or volume.whole("Capacity", "Data", "AllocatedBytes") or None,
        drives=members_of(volume),
    )


def members_of(volume: Resource) -> tuple[str, ...]:
    """The drives that it lies on, by path."""
    return volume.links("Links", "Drives") or volume.links("Drives")


def _durable(volume: Resource) -> str | None:
    names: dict[str, str] = {}
    for entry in volume.objects("Identifiers"):
        name = entry.text("DurableName")
        if name and not set(name) <= _BLANK:
            names.setdefault(entry.text("DurableNameFormat") or "", name)
    known = [names[form] for form in _SUREST if form in names]
    told = [*known, *names.values(), volume.text("UniqueId"), volume.text("VolumeUniqueIdentifier")]
    return next((name for name in told if name and not set(name) <= _BLANK), None)


def _likely(tree: Tree, volume: Resource) -> str:
    """Its short id and the drives that it lies on: by their serial numbers, or where they tell none by their paths."""
    short = volume.text("Id") or volume.path.rstrip("/").rpartition("/")[2]
    serials = sorted(tree.at(link).text("SerialNumber") or link for link in members_of(volume))
    return f"{short} on {'+'.join(serials) or 'unknown drives'}"
