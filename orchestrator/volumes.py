"""Which volumes a profile asks for are there, which are to be made of which drives, and what that destroys (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from drivers.ability.storage import Controller, Volume, VolumeWanted
from drivers.facts import Drive
from inventory.profile import RaidVolume
from orchestrator import disks
from orchestrator.plan import DiskContent
from orchestrator.work import AtStake

_UNKNOWN = "not known: counts as data"
_TOLERATED = 0.02  # of a size: controllers round to stripes and keep room for their own records


@dataclass(frozen=True)
class Layout:
    """`kept`: volumes that are as wanted. `doomed`: those in the way. `made`: what is to be created, in order.

    `lacking`: what cannot be, in words; then nothing is done.
    """

    kept: tuple[Volume, ...]
    doomed: tuple[Volume, ...]
    made: tuple[VolumeWanted, ...]
    lacking: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not (self.made or self.lacking)


def layout(wanted: Sequence[RaidVolume], controllers: Sequence[Controller]) -> Layout:
    """No more is destroyed than what stands in the way: a volume of a wanted name and another shape, or one whose
    drives are needed because no free ones fit. Other volumes stay."""
    kept: dict[str, Volume] = {}
    for one in wanted:
        fitting = next((v for c, v in _volumes(controllers) if v.path not in _paths(kept) and _is(one, c, v)), None)
        if fitting is not None:
            kept[one.name] = fitting
    missing = [one for one in wanted if one.name not in kept]
    names = {one.name for one in missing}
    spare = [(c, v) for c, v in _volumes(controllers) if v.path not in _paths(kept)]
    doomed = {v.path: v for _, v in spare if v.name in names}
    taken: set[str] = {drive for volume in kept.values() for drive in volume.drives}
    made, lacking = [], []
    for one in missing:
        choice = _choose(one, controllers, taken, doomed) or _choose(one, controllers, taken, _all(spare))
        if choice is None:
            lacking.append(_lack(one, controllers))
            continue
        made.append(choice)
        taken |= set(choice.drives)
        doomed |= {v.path: v for _, v in spare if set(v.drives) & set(choice.drives)}
    return Layout(tuple(kept.values()), tuple(doomed.values()), tuple(made), tuple(lacking))


def stake(plan: Layout, controllers: Sequence[Controller]) -> AtStake:
    """What the layout destroys. A volume is named by its id and its drives' serials, and no consent to whatever is
    there covers it; what is on drives that are in no volume the BMC does not tell."""
    return replace(disks.at_stake(contents(plan, controllers)), named=bool(plan.doomed))


def contents(plan: Layout, controllers: Sequence[Controller]) -> tuple[DiskContent, ...]:
    drives = {path: drive for controller in controllers for path, drive in controller.drives}
    gone = {path for volume in plan.doomed for path in volume.drives}
    loose = sorted({path for one in plan.made for path in one.drives} - gone)
    return (
        *(DiskContent(v.id, v.bytes or 0, _holds(v, drives), empty=False, kind="volume") for v in plan.doomed),
        *(DiskContent(_serial(path, drives), _bytes(drives.get(path)), _UNKNOWN, empty=False) for path in loose),
    )


def shortcomings(plan: Layout) -> str:
    """What is not as wanted, in words; empty where all is."""
    parts = [f"{one.name} ({one.raid_type} of {len(one.drives)} drives) is not there" for one in plan.made]
    return "; ".join((*parts, *plan.lacking))


def found_again(plan_drives: Sequence[str], raid_type: str, controllers: Sequence[Controller]) -> Volume | None:
    """The volume that a creation made: just these drives, of that level."""
    made = (v for _, v in _volumes(controllers) if set(v.drives) == set(plan_drives) and _level(v) == raid_type)
    return next(made, None)


def _holds(volume: Volume, drives: dict[str, Drive]) -> str:
    serials = ", ".join(_serial(path, drives) for path in volume.drives)
    called = f"{volume.name!r}, " if volume.name else ""
    return f"{called}{volume.raid_type or 'of no known level'} on drives {serials}; its content is {_UNKNOWN}"


def _serial(path: str, drives: dict[str, Drive]) -> str:
    drive = drives.get(path)
    return (drive.serial if drive else None) or path.rstrip("/").rpartition("/")[2]


def _bytes(drive: Drive | None) -> int:
    return (drive.bytes if drive else None) or 0


def _volumes(controllers: Sequence[Controller]) -> list[tuple[Controller, Volume]]:
    return [(controller, volume) for controller in controllers for volume in controller.volumes]


def _paths(kept: dict[str, Volume]) -> set[str]:
    return {volume.path for volume in kept.values()}


def _all(spare: Sequence[tuple[Controller, Volume]]) -> dict[str, Volume]:
    return {volume.path: volume for _, volume in spare}


def _is(wanted: RaidVolume, controller: Controller, volume: Volume) -> bool:
    """As wanted in all that the BMC tells: one that keeps no names is judged by the rest."""
    drives = dict(controller.drives)
    return (
        _fits_controller(wanted, controller)
        and volume.name in (None, "", wanted.name)
        and _level(volume) == wanted.type
        and len(volume.drives) == wanted.drives.number
        and all(path in drives and _fits_drive(wanted, drives[path]) for path in volume.drives)
        and _fits_size(wanted, volume)
    )


def _fits_size(wanted: RaidVolume, volume: Volume) -> bool:
    if wanted.bytes is None:
        return True
    return volume.bytes is not None and abs(volume.bytes - wanted.bytes) <= _TOLERATED * wanted.bytes


def _level(volume: Volume) -> str:
    return (volume.raid_type or "").upper().replace(" ", "").replace("-", "")


def _fits_controller(wanted: RaidVolume, controller: Controller) -> bool:
    called = (controller.name or "", controller.path.rstrip("/").rpartition("/")[2])
    return any(fnmatchcase(one.casefold(), wanted.controller.casefold()) for one in called)


def _fits_drive(wanted: RaidVolume, drive: Drive) -> bool:
    asked = wanted.drives
    return (
        (not asked.serials or drive.serial in asked.serials)
        and (asked.media is None or drive.media == asked.media)
        and (asked.protocol is None or drive.protocol == asked.protocol)
        and (asked.min_bytes is None or (drive.bytes is not None and drive.bytes >= asked.min_bytes))
    )


def _choose(
    wanted: RaidVolume, controllers: Sequence[Controller], taken: set[str], freed: dict[str, Volume]
) -> VolumeWanted | None:
    """Of one controller: drives in no volume first, then those of volumes in `freed`; the smallest that fit, alike."""
    for controller in controllers:
        if not _fits_controller(wanted, controller) or not controller.makes_volumes:
            continue
        used = {path for volume in controller.volumes if volume.path not in freed for path in volume.drives}
        bound = {path for volume in controller.volumes if volume.path in freed for path in volume.drives}
        fitting = [
            (path, drive)
            for path, drive in controller.drives
            if path not in taken | used and _fits_drive(wanted, drive)
        ]
        fitting.sort(key=lambda one: (one[0] in bound, one[1].bytes or 0))
        if len(fitting) >= wanted.drives.number and _offers(wanted, controller):
            drives = tuple(path for path, _ in fitting[: wanted.drives.number])
            return VolumeWanted(controller.path, drives, wanted.type, wanted.name, wanted.bytes)
    return None


def _offers(wanted: RaidVolume, controller: Controller) -> bool:
    return not controller.raid_types or wanted.type in controller.raid_types


def _lack(wanted: RaidVolume, controllers: Sequence[Controller]) -> str:
    here = [one for one in controllers if _fits_controller(wanted, one)]
    if not here:
        names = ", ".join(one.name or one.path for one in controllers) or "none"
        return f"{wanted.name}: no controller is called {wanted.controller}; there are: {names}"
    fitting = sum(_fits_drive(wanted, drive) for one in here for _, drive in one.drives)
    able = [one for one in here if one.makes_volumes and _offers(wanted, one)]
    if not able:
        return f"{wanted.name}: {', '.join(one.name or one.path for one in here)} makes no {wanted.type}"
    return f"{wanted.name}: it takes {wanted.drives.number} free drives of its kind, and {fitting} fit in all"
