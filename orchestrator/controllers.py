"""What RAID controllers are to be before volumes are made: their mode, and whose configuration lies on their drives
(pure). That comes before the layout of volumes. What cannot be brought about is found out before anything is lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from drivers.ability.storage import Controller, Volume, passes_through
from drivers.facts import Drive
from inventory.profile import RaidController
from orchestrator.plan import DiskContent


@dataclass(frozen=True)
class ModeChange:
    """`controller` is its path."""

    controller: str
    mode: str


@dataclass(frozen=True)
class Clearing:
    """`serials` are of the drives on which a foreign configuration lies: it is cleared from all or from none."""

    controller: str
    serials: tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """`lost`: volumes of controllers whose mode changes; they are deleted first, each by itself.

    `ruled`: paths of controllers that the profile wants in RAID mode, whose drives are given to RAID where needed.
    `lacking`: what cannot be, in words; then nothing is done.
    """

    lost: tuple[Volume, ...] = ()
    modes: tuple[ModeChange, ...] = ()
    clearings: tuple[Clearing, ...] = ()
    ruled: frozenset[str] = frozenset()
    lacking: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not (self.modes or self.clearings or self.lacking)


NOTHING = Setup()


def setup(wanted: Sequence[RaidController], controllers: Sequence[Controller]) -> Setup:
    """Each controller is ruled by the first entry that fits it. One without a mode, as of plain ports, is passed by;
    but not where it makes volumes, and was to pass its drives through."""
    ruled = [(one, entry) for one in controllers if (entry := _entry(wanted, one)) is not None]
    changing = [(one, entry.mode) for one, entry in ruled if entry.mode is not None and one.is_in(entry.mode) is False]
    foreign = [one for one, entry in ruled if entry.foreign == "clear" and one.foreign]
    lacking = (
        *_unfound(wanted, controllers),
        *_modeless(ruled),
        *_unset(changing),
        *_kept(changing, foreign),
        *_untold(wanted, controllers),
        *_unclearable(foreign),
    )
    if lacking:
        return Setup(lacking=lacking)
    return Setup(
        lost=tuple(volume for one, _ in changing for volume in one.volumes if not volume.bare),
        modes=tuple(ModeChange(one.path, mode) for one, mode in changing),
        clearings=tuple(Clearing(one.path, foreign_on(one)) for one in foreign),
        ruled=frozenset(one.path for one, entry in ruled if entry.mode == "RAID"),
    )


def afterwards(done: Setup, controllers: Sequence[Controller]) -> tuple[Controller, ...]:
    """As they will be told of when that is done: by this the volumes are laid out, before anything is touched."""
    modes = {one.controller: one.mode for one in done.modes}
    cleared = {one.controller for one in done.clearings}
    return tuple(_afterwards(one, modes.get(one.path), done, cleared=one.path in cleared) for one in controllers)


def _afterwards(one: Controller, mode: str | None, done: Setup, *, cleared: bool) -> Controller:
    free = {*(one.foreign if cleared else ()), *(one.unconverted if one.path in done.ruled else ())}
    one = replace(one, withheld=tuple((path, why) for path, why in one.withheld if path not in free))
    if mode is None:
        return one
    changed = replace(one, mode=mode, volumes=tuple(volume for volume in one.volumes if volume.bare))
    return replace(changed, makes_volumes=not changed.passes_through)


def shortcomings(done: Setup, controllers: Sequence[Controller]) -> str:
    """What is not as wanted, in words; empty where all is."""
    named = {one.path: one for one in controllers}
    modes = (
        f"{called(named[one.controller])} is in {named[one.controller].mode} mode, wanted {one.mode}"
        for one in done.modes
    )
    foreign = (
        f"a foreign configuration lies on drives {', '.join(one.serials)} of {called(named[one.controller])}"
        for one in done.clearings
    )
    return "; ".join((*modes, *foreign, *done.lacking))


def contents(done: Setup, controllers: Sequence[Controller]) -> tuple[DiskContent, ...]:
    """Foreign configurations, which hold data whatever the drives tell of themselves."""
    named = {one.path: one for one in controllers}
    return tuple(
        DiskContent(
            called(named[one.controller]),
            sum(drive.bytes or 0 for _, drive in _foreign(named[one.controller])),
            f"on drives {', '.join(one.serials)}; its content is not known: counts as data",
            empty=False,
            kind="foreign configuration",
        )
        for one in done.clearings
    )


def foreign_on(one: Controller) -> tuple[str, ...]:
    """Serial numbers of its foreign drives."""
    return tuple(sorted(drive.serial for _, drive in _foreign(one) if drive.serial))


def called(one: Controller) -> str:
    return one.name or one.path


def fits(glob: str, one: Controller) -> bool:
    """By its name or the last part of its path."""
    names = (one.name or "", one.path.rstrip("/").rpartition("/")[2])
    return any(fnmatchcase(name.casefold(), glob.casefold()) for name in names)


def _entry(wanted: Sequence[RaidController], one: Controller) -> RaidController | None:
    return next((entry for entry in wanted if fits(entry.controller, one)), None)


def _foreign(one: Controller) -> Iterator[tuple[str, Drive]]:
    places = {path.rstrip("/") for path in one.foreign}
    return ((path, drive) for path, drive in one.drives if path.rstrip("/") in places)


def _unfound(wanted: Sequence[RaidController], controllers: Sequence[Controller]) -> Iterator[str]:
    """Entries that no controller fits, or none that could have a mode."""
    for entry in wanted:
        here = [one for one in controllers if fits(entry.controller, one)]
        if not here:
            names = ", ".join(map(called, controllers)) or "none"
            yield f"no controller is called {entry.controller}; there are: {names}"
        elif entry.mode is not None and all(one.mode is None for one in here):
            yield f"{', '.join(map(called, here))} tells no mode, and {entry.mode} is wanted"


def _modeless(ruled: Sequence[tuple[Controller, RaidController]]) -> Iterator[str]:
    """That it passes its drives through could not be shown."""
    for one, entry in ruled:
        if one.mode is None and one.makes_volumes and entry.mode is not None and passes_through(entry.mode):
            yield f"{called(one)} makes volumes and tells no mode, and {entry.mode} is wanted: name the others"


def _unset(changing: Sequence[tuple[Controller, str]]) -> Iterator[str]:
    for one, mode in changing:
        if not one.sets_mode:
            yield f"{called(one)} is in {one.mode} mode, and its BMC offers no way to make that {mode}: use its set-up"


def _kept(changing: Sequence[tuple[Controller, str]], cleared: Sequence[Controller]) -> Iterator[str]:
    for one, mode in changing:
        if one.foreign and one not in cleared and passes_through(mode):
            on = ", ".join(foreign_on(one)) or "its drives"
            what = f"the foreign configuration of {called(one)} on {on}"
            yield f"{mode} mode would lose {what}: import or clear that first"


def _untold(wanted: Sequence[RaidController], controllers: Sequence[Controller]) -> Iterator[str]:
    """Entries of which no controller tells what lies on its drives: that none is foreign could not be shown."""
    for entry in (one for one in wanted if one.foreign == "clear"):
        here = [one for one in controllers if fits(entry.controller, one) and one.drives]
        if here and all(len(one.unstated) == len(one.drives) for one in here):
            yield f"{', '.join(map(called, here))} does not tell of foreign configurations, and they were to be cleared"


def _unclearable(foreign: Sequence[Controller]) -> Iterator[str]:
    for one in foreign:
        if not one.clears_foreign:
            yield f"the BMC of {called(one)} offers no way to clear a foreign configuration: use its own set-up"
        if len(foreign_on(one)) < len(one.foreign):
            yield f"a drive of {called(one)} that holds a foreign configuration tells no serial number"
