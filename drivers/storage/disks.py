"""The volume group of a storage node: made of declared disks that are free, and of no other.

A disk is free that has no table, no signature, no partition and nobody at work on it. What is on one that is not free
is told, and left as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from drivers.errors import NotApplied, Refused
from drivers.storage.root import Root

GROUP = "anneal"
_COLUMNS = "vg_name,vg_tags,vg_size,vg_free,vg_extent_size,vg_missing_pv_count"
_CONSENT = (
    "nothing is wiped without consent: install the node anew, which asks for it (--confirm-erase), or look at the disk "
    "there and clear it by wipefs, or declare another one"
)


@dataclass(frozen=True)
class Wanted:
    """A disk by its label; all that is given must match."""

    serial: str | None
    wwn: str | None

    def __str__(self) -> str:
        told = (("serial", self.serial), ("wwn", self.wwn))
        return " ".join(f"{key} {value}" for key, value in told if value is not None)

    def fits(self, disk: Mapping[str, JsonValue]) -> bool:
        return self.serial in (None, _plain(disk, "serial")) and self.wwn in (None, _plain(disk, "wwn"))


@dataclass(frozen=True)
class Group:
    """`lost`: disks that it is made of and does not find. Sizes in bytes."""

    owner: str
    size: int
    free: int
    extent: int
    lost: int


@dataclass(frozen=True)
class Disk:
    """`group`: None on a disk that is no part of any; `holds`: what else is on it, in words."""

    wanted: Wanted
    path: str
    group: str | None
    owner: str
    holds: tuple[str, ...]

    def __str__(self) -> str:
        return f"disk {self.wanted} ({self.path})"

    def fault(self, owner: str) -> str | None:
        """Why it is not ours to use."""
        if self.group == GROUP and self.owner == owner:
            return None
        if self.group is not None:
            whose = f"LVM's group {self.group}" if self.group else "LVM without a group"
            return f"{self} holds {whose}" + (f" of {self.owner}" if self.owner else "")
        return f"{self} holds {', '.join(self.holds)}" if self.holds else None


def group(root: Root) -> Group | None:
    found = root.report("vg", _COLUMNS, "--select", f"vg_name={GROUP}")
    if len(found) > 1:
        says = f"it has {len(found)} groups {GROUP}: a disk of another storage node is in it"
        raise Refused(root.who, says, "vgs -o +vg_uuid,pv_name there; take out what is not its own")
    for one in found:
        return Group(
            owner=one["vg_tags"],
            size=int(one["vg_size"]),
            free=int(one["vg_free"]),
            extent=int(one["vg_extent_size"]),
            lost=int(one["vg_missing_pv_count"]),
        )
    return None


def bring(root: Root, wanted: Sequence[Wanted], owner: str) -> tuple[str, ...]:
    """The group of just those disks; the paths of those that came to it. `Refused` names every disk that is not free,
    and nothing was done then."""
    found = look(root, wanted)
    faults = [fault for one in found if (fault := one.fault(owner)) is not None]
    if faults:
        raise Refused(root.who, "; ".join(faults), _CONSENT)
    there = group(root)
    if there is not None and there.owner != owner:
        raise Refused(root.who, f"its group {GROUP} is of {there.owner or 'nobody we know'}", _CONSENT)
    new = tuple(one.path for one in found if one.group is None)
    if there is None:
        root.told("vgcreate", "--addtag", owner, GROUP, *new)
    elif new:
        root.told("vgextend", GROUP, *new)
    left = [str(one) for one in look(root, wanted) if (one.group, one.owner) != (GROUP, owner)]
    if left:
        raise NotApplied(root.who, f"{', '.join(left)} came to no group", "vgs and pvs there")
    return new


def faults(root: Root, wanted: Sequence[Wanted], owner: str) -> Iterator[str]:
    """What of the group is not as wanted."""
    there = group(root)
    if there is None or there.owner != owner:
        whose = f"; the one there is of {there.owner or 'nobody we know'}" if there else ""
        yield f"there is no group {GROUP} of {owner}{whose}"
        return
    if there.lost:
        yield f"{there.lost} disks of its group are missing"
    try:
        found = look(root, wanted)
    except Refused as error:
        yield error.what
        return
    yield from (f"{one} is not in its group" for one in found if one.group != GROUP)
    known = {one.path for one in found}
    rows = root.report("pv", "pv_name", "--select", f"vg_name={GROUP}")
    yield from (f"{row['pv_name']} is in its group and not declared" for row in rows if row["pv_name"] not in known)


def look(root: Root, wanted: Sequence[Wanted]) -> tuple[Disk, ...]:
    """What is on each. `Refused` where one is not there, or is there twice."""
    all_ = root.rows(
        "blockdevices", "lsblk", "-J", "-o", "NAME,PATH,TYPE,SERIAL,WWN,FSTYPE,MOUNTPOINTS"
    )  # by NAME: a tree
    present = [one for one in all_ if one.get("type") == "disk"]
    members = {row["pv_name"]: row for row in root.report("pv", "pv_name,vg_name,vg_tags")}
    found = []
    for one in wanted:
        fitting = [disk for disk in present if one.fits(disk)]
        if len(fitting) != 1:
            labels = ", ".join(f"{_plain(disk, 'path')} serial {_plain(disk, 'serial')}" for disk in present)
            says = f"{len(fitting)} of its disks fit {one}, it must be one; its disks: {labels}"
            raise Refused(root.who, says, "look at the labels, and at storage.disks in the inventory")
        path = str(fitting[0].get("path"))
        member = members.get(path)
        holds = () if member else tuple(_holds(root, path, fitting[0]))
        row = member or {}
        found.append(Disk(one, path, row.get("vg_name"), row.get("vg_tags", ""), holds))
    twice = {one.path for one in found if [each.path for each in found].count(one.path) > 1}
    if twice:
        raise Refused(root.who, f"{min(twice)} is declared twice, by serial and by wwn", "declare it once")
    return tuple(found)


def _holds(root: Root, path: str, disk: Mapping[str, JsonValue]) -> Iterator[str]:
    """Read from the disk itself; what lsblk knows may be older."""
    signatures = root.rows("signatures", "wipefs", "--no-act", "--json", path)
    yield from sorted({str(one.get("type")) for one in signatures})
    children = disk.get("children")
    for child in children if isinstance(children, list) else []:
        if isinstance(child, dict):
            yield f"{child.get('path')} ({child.get('type')} {child.get('fstype') or 'of unknown content'})"
    mounted = disk.get("mountpoints")
    if isinstance(mounted, list) and any(mounted):
        yield f"a file system that is mounted at {next(str(one) for one in mounted if one)}"


def _plain(disk: Mapping[str, JsonValue], key: str) -> str | None:
    value = disk.get(key)
    return str(value).strip() if value else None
