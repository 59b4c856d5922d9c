"""Firmware versions as vendors write them: which is later, and what of a baseline is still to be brought (pure)."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from inventory.profile import FirmwareWanted

_PARTS = re.compile(r"\d+|[A-Za-z]+")


def at_least(version: str, wanted: str) -> bool | None:
    """By numbers and words from the left, as `2.10.0` over `2.9.1`; None where one has a number and one a word there.

    What follows a blank is left aside where `wanted` has none: `U46 v1.62 (05/24/2023)` is compared whole with
    `U46 v1.60`, `6.10.30.20 (B)` by its first word with `6.10`.
    """
    shown = version if " " in wanted else (version.split() or [""])[0]
    present, least = _PARTS.findall(shown), _PARTS.findall(wanted)
    if not present or not least:
        return None
    for mine, theirs in zip(present, least, strict=False):
        if mine.isdigit() != theirs.isdigit():
            return None
        a, b = (int(mine), int(theirs)) if mine.isdigit() else (mine.casefold(), theirs.casefold())
        if a != b:
            return a > b
    return len(present) >= len(least) or all(part.isdigit() and int(part) == 0 for part in least[len(present) :])


def falls_short(item: FirmwareWanted, present: Mapping[str, str | None]) -> str | None:
    """Why it does not hold of what is installed (component to version); None where it holds.

    Every component that the glob fits must hold it. Nothing that fits, or a version that is not told, holds nothing.
    """
    found = {
        name: version for name, version in present.items() if fnmatchcase(name.casefold(), item.component.casefold())
    }
    if not found:
        return f"no component is called {item.component}; there are: {', '.join(sorted(present)) or 'none'}"
    faults = [fault for name, version in found.items() if (fault := _fault(item, name, version))]
    return "; ".join(faults) or None


def _fault(item: FirmwareWanted, name: str, version: str | None) -> str | None:
    if version is None:
        return f"{name} does not tell its version"
    if item.exact is not None:
        return None if version == item.exact else f"{name} is {version}, wanted {item.exact}"
    verdict = at_least(version, item.min or "")
    if verdict is None:
        return f"{name} is {version}, which cannot be compared with {item.min}"
    return None if verdict else f"{name} is {version}, wanted {item.min} or later"


def is_unclear(item: FirmwareWanted, present: Mapping[str, str | None]) -> bool:
    """Whether it cannot be told if it holds: then nothing may be flashed on the strength of it."""
    found = [version for name, version in present.items() if fnmatchcase(name.casefold(), item.component.casefold())]
    if not found or None in found:
        return True
    return item.exact is None and any(at_least(one or "", item.min or "") is None for one in found)


def due(wanted: Sequence[FirmwareWanted], present: Mapping[str, str | None] | None) -> tuple[int, ...]:
    """By index, in order, what is to be brought. `present` None: not known, and then all of it."""
    if present is None:
        return tuple(range(len(wanted)))
    return tuple(index for index, item in enumerate(wanted) if falls_short(item, present))


def fenced(wanted: Sequence[FirmwareWanted], indices: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The indices in rounds: a fence ends its round. The last round may be shared, and is empty behind a fence."""
    rounds: list[tuple[int, ...]] = []
    open_: tuple[int, ...] = ()
    for index in indices:
        open_ = (*open_, index)
        if wanted[index].fence:
            rounds.append(open_)
            open_ = ()
    return (*rounds, open_)
