"""Profiles: what they ask for can be, and whom they match can be told."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from inventory.document import Step, Table, at, step
from inventory.draft import Draft
from inventory.errors import Problem
from inventory.profile import FEWEST_DRIVES, Profile, RaidVolume
from inventory.wording import one_of

# Terms that look for what the inventory itself declares.
_DECLARED = {"group": "groups", "rack": "racks", "node": "nodes"}


def profiles(draft: Draft) -> Iterator[Problem]:
    for name, profile in draft.profiles.items():
        yield from _matching(draft, name, profile)
        yield from _boot(draft, name, profile)
        yield from _raid(draft, name, profile)


def _matching(draft: Draft, name: str, profile: Profile) -> Iterator[Problem]:
    settings = step(draft.root, "profiles")
    written = step(settings, name) if settings is not None else None
    if profile.match and written is not None and step(written, "settings") is not None:
        says = f"profile {name} has match and settings, and whom it matches is not known when settings are read"
        remedy = "move the settings to a rack, the site or the nodes, or let nodes name the profile"
        yield Problem(draft.place("profiles", name, "settings"), says, remedy)
    for index, term in enumerate(profile.match):
        for key, wanted in term.asks.items():
            section = _DECLARED.get(key)
            if section is None or not isinstance(wanted, str):
                continue
            known = draft.declared(section)
            if draft.whole and not any(fnmatchcase(one, wanted.casefold()) for one in known):
                place = draft.place("profiles", name, "match", index, key)
                yield Problem(
                    place, f"profile {name} looks for {key} {wanted!r}, which fits none", one_of(wanted, known)
                )


def _boot(draft: Draft, name: str, profile: Profile) -> Iterator[Problem]:
    boot = profile.boot
    if boot is None:
        return
    if boot.mode == "bios" and boot.secure_boot:
        place = draft.place("profiles", name, "boot", "secure_boot")
        yield Problem(place, f"profile {name} wants Secure Boot, which mode bios cannot have", "make it uefi, or false")
    for node in draft.nodes.values():
        if node.profile == name and boot.mode not in (None, node.boot_mode):
            place = draft.place("profiles", name, "boot", "mode")
            says = f"profile {name} boots by {boot.mode}, and its node {node.name} by {node.boot_mode}"
            yield Problem(place, says, "give both the same, or leave mode out here: it follows the node's boot_mode")


def _raid(draft: Draft, name: str, profile: Profile) -> Iterator[Problem]:
    seen: set[str] = set()
    written = at(draft.root, ("profiles", name, "raid"))
    within: tuple[Step, ...] = ("volumes",) if isinstance(written, Table) else ()
    for index, volume in enumerate(profile.raid.volumes if profile.raid else ()):
        path: tuple[Step, ...] = ("profiles", name, "raid", *within, index)
        if volume.name in seen:
            says = f"profile {name} has two volumes named {volume.name!r}"
            yield Problem(draft.place(*path, "name"), says, "rename one of them")
        seen.add(volume.name)
        yield from _too_few(draft, path, volume)


def _too_few(draft: Draft, path: tuple[Step, ...], volume: RaidVolume) -> Iterator[Problem]:
    least = FEWEST_DRIVES[volume.type]
    if volume.drives.number < least:
        says = f"volume {volume.name} is {volume.type} of {volume.drives.number} drives"
        yield Problem(draft.place(*path, "drives"), says, f"{volume.type} needs {least} or more")
