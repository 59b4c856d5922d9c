"""Whether a volume may be made of some drives: what stands against it is said before anything is sent.

A drive that belongs to another volume, is a spare, or holds a foreign configuration is never freed by the way
(quirks 75 and 78): each is a step of its own, with its own consent.
"""

from collections.abc import Iterator
from types import MappingProxyType

from drivers.ability.storage import Controller, VolumeWanted
from drivers.errors import DriverError, Refused, Unsupported
from drivers.redfish.resource import Resource
from drivers.redfish.storage import Subsystem, oem
from drivers.redfish.volume import RAW

_STATES = MappingProxyType(
    {
        "nonraid": "is not given to RAID: convert it first (drive mode)",
        "foreign": "holds a foreign configuration: clear or import that first",
        "failed": "has failed: replace it",
    }
)


def unfit(who: str, sub: Subsystem, controller: Controller, wanted: VolumeWanted) -> DriverError | None:
    if not sub.collection.body:
        return Unsupported(who, f"{controller.path} has no volumes of its own", "make the volume in software")
    if controller.raid_types and wanted.raid_type not in controller.raid_types:
        offered = ", ".join(controller.raid_types)
        return Unsupported(
            who, f"{controller.path} makes no {wanted.raid_type} (it offers {offered})", "choose another"
        )
    why = _unready(sub, controller, wanted)
    return Refused(who, f"no volume was made at {controller.path}: {why}", "nothing was sent") if why else None


def withheld(sub: Subsystem) -> Iterator[tuple[str, str]]:
    """Drives of which none may be made as they are, and why. One in a volume that tells so may be freed with it, unless
    it would be refused then as well."""
    lying = {path.rstrip("/") for volume in sub.volumes if not volume.bare for path in volume.drives}
    for drive in sub.drives:
        why = _barred(drive) if drive.path.rstrip("/") in lying else _taken(sub, drive)
        if why:
            yield drive.path, why


def _unready(sub: Subsystem, controller: Controller, wanted: VolumeWanted) -> str | None:
    if controller.passes_through:
        return f"it is in {controller.mode} mode: set it to RAID first, and reset the host"
    named = [path.rstrip("/") for path in wanted.drives]
    own = {drive.path.rstrip("/"): drive for drive in sub.drives}
    if not named or len(set(named)) < len(named):
        return "no drive is named, or one twice"
    for path in named:
        why = _taken(sub, own[path]) if path in own else "is none of its drives"
        if why:
            return f"{path} {why}"
    return None


def _taken(sub: Subsystem, drive: Resource) -> str | None:
    owner = owner_of(sub, drive)
    return f"belongs to {owner}" if owner else _barred(drive)


def _barred(drive: Resource) -> str | None:
    if drive.text("HotspareType") not in (None, "None"):
        return "is a spare"
    return _STATES.get((raid_state(drive) or "").casefold().replace("-", ""))


def owner_of(sub: Subsystem, drive: Resource) -> str | None:
    """The volume that lies on it; one that shows the bare drive is none. One that cannot be read counts."""
    own = drive.path.rstrip("/")
    bare = {volume.path.rstrip("/") for volume in sub.volumes if volume.raid_type in RAW}
    lying = (volume.path for volume in sub.volumes if own in {path.rstrip("/") for path in volume.drives})
    told = (*lying, *drive.links("Links", "Volumes"))
    return next((path for path in told if path.rstrip("/") not in bare), None)


def raid_state(drive: Resource) -> str | None:
    """A vendor's word; the standard has none."""
    return next((word for place in oem(drive) if (word := place.text("RaidStatus"))), None)


def unstated(sub: Subsystem) -> tuple[Resource, ...]:
    """Its drives of which the vendor says nothing, or that nothing is known yet."""
    return tuple(one for one in sub.drives if (raid_state(one) or "unknown").casefold() == "unknown")


def in_state(sub: Subsystem, state: str) -> tuple[Resource, ...]:
    """Its drives of which the vendor says so, spelt in any way."""
    return tuple(one for one in sub.drives if (raid_state(one) or "").casefold().replace("-", "") == state)
