"""Which volumes a profile asks for are there, which are to be made of which drives, and what that destroys (pure)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from drivers.ability.storage import Controller, Volume, VolumeWanted, passes_through
from drivers.facts import Drive
from inventory.profile import RaidVolume
from orchestrator import disks
from orchestrator.controllers import NOTHING, Setup, fits
from orchestrator.controllers import contents as foreign_contents
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
    drives are needed because no free ones fit. Other volumes stay, and so does one that may be what is wanted."""
    kept: dict[str, Volume] = {}
    for one in wanted:
        fitting = next((v for c, v in _volumes(controllers) if v.path not in _paths(kept) and _is(one, c, v)), None)
        if fitting is not None:
            kept[one.name] = fitting
    missing = [one for one in wanted if one.name not in kept]
    spare = [(c, v) for c, v in _volumes(controllers) if v.path not in _paths(kept)]
    unclear = {one.name: told for one in missing if (told := _unclear(one, spare))}
    names = {one.name for one in missing} - unclear.keys()
    doomed = {v.path: v for _, v in spare if v.name in names}
    taken: set[str] = {_place(drive) for volume in kept.values() for drive in volume.drives}
    made, lacking = [], list(unclear.values())
    for one in (one for one in missing if one.name not in unclear):
        choice = _choose(one, controllers, taken, doomed) or _choose(one, controllers, taken, _all(spare))
        if choice is None:
            lacking.append(_lack(one, controllers))
            continue
        made.append(choice)
        taken |= _places(choice.drives)
        doomed |= {v.path: v for _, v in spare if _places(v.drives) & _places(choice.drives)}
    return Layout(tuple(kept.values()), () if lacking else tuple(doomed.values()), tuple(made), tuple(lacking))


def stake(plan: Layout, controllers: Sequence[Controller], before: Setup = NOTHING) -> AtStake:
    """What the layout and the set-up before it destroy. A volume is named by its id and its drives' serials, a foreign
    configuration by its drives', and no consent to whatever is there covers them; what is on drives that are in no
    volume the BMC does not tell."""
    doomed = (*before.lost, *plan.doomed)
    found = (*foreign_contents(before, controllers), *contents(replace(plan, doomed=doomed), controllers, before))
    return replace(disks.at_stake(found), named=bool(doomed or before.clearings))


def contents(plan: Layout, controllers: Sequence[Controller], before: Setup = NOTHING) -> tuple[DiskContent, ...]:
    """Volumes, and drives that are in none; those of a foreign configuration are told with that.

    A controller that is to pass its drives through no more takes them from a host that may have written to each.
    """
    drives = {_place(path): drive for controller in controllers for path, drive in controller.drives}
    gone = {_place(path) for volume in plan.doomed for path in volume.drives}
    cleared = {one.controller for one in before.clearings}
    gone |= {_place(path) for one in controllers if one.path in cleared for path in one.foreign}
    taken = {one.controller for one in before.modes if not passes_through(one.mode)}
    shown = {_place(path) for one in controllers if one.path in taken and one.passes_through for path, _ in one.drives}
    loose = sorted(({_place(path) for one in plan.made for path in one.drives} | shown) - gone)
    return (
        *(DiskContent(v.id, v.bytes or 0, _holds(v, drives), empty=False, kind="volume") for v in plan.doomed),
        *(DiskContent(_serial(path, drives), _bytes(drives.get(path)), _UNKNOWN, empty=False) for path in loose),
    )


def shortcomings(plan: Layout) -> str:
    """What is not as wanted, in words; empty where all is."""
    parts = [f"{one.name} ({one.raid_type} of {len(one.drives)} drives) is not there" for one in plan.made]
    return "; ".join((*parts, *plan.lacking))


def found_again(wanted: VolumeWanted, controllers: Sequence[Controller]) -> Volume | None:
    """The volume that a creation made: of just these drives and that level, as far as it tells them.

    One that tells no drives is known by its name: none of that name was there before, nothing would have been made.
    """
    level = (v for c, v in _volumes(controllers) if _level(v) in ("", wanted.raid_type) and _on(wanted, c))
    found = (
        v
        for v in level
        if _places(v.drives) == _places(wanted.drives)
        or (not v.drives and wanted.name is not None and v.name == wanted.name)
    )
    return next(found, None)


def in_use(wanted: VolumeWanted, controllers: Sequence[Controller]) -> bool:
    """Whether a volume is on its drives, or may be: one of the same controller tells none."""
    return any(
        _places(v.drives) & _places(wanted.drives) or (not v.drives and _on(wanted, c))
        for c, v in _volumes(controllers)
    )


def gone(volume: Volume, controllers: Sequence[Controller]) -> bool | None:
    """None where neither it nor a drive of it is told of: a controller that starts tells of nothing at all."""
    if any(v.id.casefold() == volume.id.casefold() for c in controllers for v in c.volumes):
        return False
    told = {_place(path) for controller in controllers for path, _ in controller.drives}
    return True if not volume.drives or told & _places(volume.drives) else None


def _holds(volume: Volume, drives: dict[str, Drive]) -> str:
    serials = ", ".join(_serial(path, drives) for path in volume.drives)
    called = f"{volume.name!r}, " if volume.name else ""
    return f"{called}{volume.raid_type or 'of no known level'} on drives {serials}; its content is {_UNKNOWN}"


def _serial(path: str, drives: dict[str, Drive]) -> str:
    drive = drives.get(_place(path))
    return (drive.serial if drive else None) or path.rstrip("/").rpartition("/")[2]


def _bytes(drive: Drive | None) -> int:
    return (drive.bytes if drive else None) or 0


def _volumes(controllers: Sequence[Controller]) -> list[tuple[Controller, Volume]]:
    return [(controller, volume) for controller in controllers for volume in controller.volumes if not volume.bare]


def _place(path: str) -> str:
    """Of one drive some links end in a slash and others do not."""
    return path.rstrip("/")


def _places(paths: Iterable[str]) -> set[str]:
    return {_place(path) for path in paths}


def _on(wanted: VolumeWanted, controller: Controller) -> bool:
    return _place(wanted.controller) == _place(controller.path)


def _paths(kept: dict[str, Volume]) -> set[str]:
    return {volume.path for volume in kept.values()}


def _all(spare: Sequence[tuple[Controller, Volume]]) -> dict[str, Volume]:
    return {volume.path: volume for _, volume in spare}


def _is(wanted: RaidVolume, controller: Controller, volume: Volume) -> bool:
    """As wanted in all that is asked: one that keeps no names is judged by the rest."""
    may_be = _fits_controller(wanted, controller) and volume.name in (None, "", wanted.name)
    return may_be and all(verdict is True for verdict in _verdicts(wanted, controller, volume).values())


def _unclear(wanted: RaidVolume, spare: Sequence[tuple[Controller, Volume]]) -> str | None:
    """Why it is not known whether it is there, in words: what is asked for is not told of a volume that has its name,
    or of one without a name that is as wanted in the rest."""
    for controller, volume in spare:
        verdicts = _verdicts(wanted, controller, volume)
        untold = [what for what, verdict in verdicts.items() if verdict is None]
        likely = not volume.name and _fits_controller(wanted, controller) and False not in verdicts.values()
        if untold and (volume.name == wanted.name or likely):
            called = controller.name or controller.path
            return f"{wanted.name}: {called} does not tell {', '.join(untold)} of its volume {volume.id}"
    return None


def _verdicts(wanted: RaidVolume, controller: Controller, volume: Volume) -> dict[str, bool | None]:
    """Whether a volume is as asked for, by what was asked; None where that is not told."""
    drives = {_place(path): drive for path, drive in controller.drives}
    asked = wanted.drives
    members = [drives.get(path) for path in sorted(_places(volume.drives))]

    def each(told: Callable[[Drive], object], fits: Callable[[Drive], bool]) -> bool | None:
        known = [one for one in members if one is not None and told(one) is not None]
        if not all(fits(one) for one in known):
            return False
        return True if members and len(known) == len(members) else None

    size = volume.bytes
    verdicts: dict[str, bool | None] = {
        "level": _level(volume) == wanted.type if volume.raid_type else None,
        "drives": len(members) == asked.number if members else None,
        "what its drives are": None if None in members else True,
    }
    if wanted.bytes is not None:
        verdicts["size"] = abs(size - wanted.bytes) <= _TOLERATED * wanted.bytes if size is not None else None
    if asked.serials:
        verdicts["serial numbers"] = each(lambda one: one.serial, lambda one: one.serial in asked.serials)
    if asked.media:
        verdicts["media"] = each(lambda one: one.media, lambda one: one.media == asked.media)
    if asked.protocol:
        verdicts["protocol"] = each(lambda one: one.protocol, lambda one: one.protocol == asked.protocol)
    if asked.min_bytes is not None:
        least = asked.min_bytes
        verdicts["drive sizes"] = each(lambda one: one.bytes, lambda one: (one.bytes or 0) >= least)
    return verdicts


def _level(volume: Volume) -> str:
    return (volume.raid_type or "").upper().replace(" ", "").replace("-", "")


def _fits_controller(wanted: RaidVolume, controller: Controller) -> bool:
    return fits(wanted.controller, controller)


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
        if not _fits_controller(wanted, controller) or not controller.makes_volumes or controller.passes_through:
            continue
        there = [volume for _, volume in _volumes([controller])]
        if any(not volume.drives for volume in there):
            continue
        used = {_place(path) for volume in there if volume.path not in freed for path in volume.drives}
        used |= _places(path for path, _ in controller.withheld)
        bound = {_place(path) for volume in there if volume.path in freed for path in volume.drives}
        fitting = [
            (path, drive)
            for path, drive in controller.drives
            if _place(path) not in taken | used and _fits_drive(wanted, drive)
        ]
        fitting.sort(key=lambda one: (_place(one[0]) in bound, one[1].bytes or 0))
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
    passing = [f"{one.name or one.path} is in {one.mode} mode" for one in here if one.passes_through]
    if len(passing) == len(here):
        return f"{wanted.name}: {', '.join(passing)}: set it to RAID first, and reset the host"
    able = [one for one in here if one.makes_volumes and _offers(wanted, one)]
    if not able:
        return f"{wanted.name}: {', '.join(one.name or one.path for one in here)} makes no {wanted.type}"
    blind = [volume.id for _, volume in _volumes(able) if not volume.drives]
    if blind:
        return f"{wanted.name}: which drives are free is not known: volume {', '.join(blind)} tells none"
    drives = {_place(path): drive for one in here for path, drive in one.drives}
    barred = {_place(path): f"; {_serial(path, drives)} {why}" for one in here for path, why in one.withheld}
    fits = [path for path, drive in drives.items() if _fits_drive(wanted, drive)]
    told = "".join(barred[path] for path in fits if path in barred)
    number = sum(path not in barred for path in fits)
    return f"{wanted.name}: it takes {wanted.drives.number} free drives of its kind, and {number} fit in all{told}"
