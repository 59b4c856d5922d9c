"""Volumes of one storage node: logical volumes that are zeros when they are new, each an iSCSI target.

A volume is being made until all of it was written with zeros, by a tag of its own; only then is it exported. Every
method may be called again after a kill, and goes on where the last one was.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from drivers.errors import Busy, NotApplied, Refused
from drivers.storage import disks, probe, target
from drivers.storage.disks import GROUP, Wanted
from drivers.storage.root import ANSWER, Root
from drivers.wire.ssh import Ssh
from drivers.wire.ssh_login import Access
from inventory.address import HostPort

PROBE = "anneal-probe"  # the volume of a node's own proof, and the room that is kept for it
_PROBE_EXTENTS = 1
_OPEN = timedelta(seconds=20)
_SLOWEST = 20 << 20  # bytes a second that a disk writes zeros at; an old 7200/min disk does 80 MiB
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,18}[a-z0-9]")
_MADE, _MAKING = "anneal.volume", "anneal.making"
_VOLUME = "v-"  # begins the name of each of ours; of LVM's own names that are reserved none does
_FILE = "anneal-"
_ZERO = 'blkdiscard --zeroout "$1" && sync "$1"'


@dataclass(frozen=True)
class Served:
    """Where volumes of a node are reached, and what their targets' names begin with."""

    portal: HostPort
    stem: str

    def iqn(self, name: str) -> str:
        return f"{self.stem}:{name}"


@dataclass(frozen=True)
class Stored:
    """`size` in bytes. Not `made`: nobody has been given it yet."""

    name: str
    size: int
    made: bool


class StorageNode:
    """Over one connection. Every method raises `Unreachable`, `Busy`, `Refused` or `Garbled`; what is not there when
    it is read back `NotApplied`. Names that cannot be are a `ValueError`."""

    def __init__(self, shell: Ssh, served: Served) -> None:
        self._shell, self._root, self.served = shell, Root(shell), served

    @classmethod
    def open(cls, access: Access, served: Served, within: timedelta = _OPEN) -> Self:
        """`Unreachable`, `Denied`, `IdentityChanged` as `Ssh.open`."""
        return cls(Ssh.open(access, within), served)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.close()

    def bring_disks(self, wanted: Sequence[Wanted], owner: str) -> tuple[str, ...]:
        """The group of volumes on just those; see `disks.bring`."""
        return disks.bring(self._root, wanted, owner)

    def disk_faults(self, wanted: Sequence[Wanted], owner: str) -> tuple[str, ...]:
        return tuple(disks.faults(self._root, wanted, owner))

    def free(self) -> int:
        """Bytes that volumes may still have; none where there is no group."""
        there = disks.group(self._root)
        return max(0, there.free - _PROBE_EXTENTS * there.extent) if there is not None else 0

    def volumes(self) -> tuple[Stored, ...]:
        """Ours; what others made in the group is none of them."""
        rows = self._root.report("lv", "lv_name,lv_size,lv_tags", "--select", f"vg_name={GROUP}")
        return tuple(
            Stored(row["lv_name"].removeprefix(_VOLUME), int(row["lv_size"]), _MADE in row["lv_tags"].split(","))
            for row in rows
            if {_MADE, _MAKING}.intersection(row["lv_tags"].split(","))
        )

    def create(self, name: str, size: int, initiators: Collection[str]) -> None:
        """Of `size` bytes of zeros, for just those iSCSI names. What is there keeps its content; its list is brought to
        this one. `Refused` where it has another size, and where there is no room."""
        export = target.Export(_file(name), self.served.iqn(name), _path(name), frozenset(initiators))
        found = self._volume(name)
        if found is not None and found.made and found.size != size:
            says = f"volume {name} is there with {found.size} bytes, {size} were asked for"
            raise Refused(self._root.who, says, "delete it first, or ask for what it has")
        if found is not None and not found.made and found.size != size:
            self._drop(name)
            found = None
        if found is None:
            self._allot(name, size)
        if found is None or not found.made:
            self._root.told("sh", "-c", _ZERO, "zero", _path(name), within=ANSWER + timedelta(seconds=size // _SLOWEST))
            self._root.told("lvchange", "--deltag", _MAKING, "--addtag", _MADE, _logical(name))
        target.export(self._root, export)
        after = self._volume(name)
        if after != Stored(name, size, made=True):
            raise NotApplied(self._root.who, f"volume {name} was made and reads back as {after}", "lvs there")

    def delete(self, name: str) -> None:
        """With what is on it. What is not there stays so; `Busy` where somebody is logged in."""
        target.withdraw(self._root, self.served.iqn(name), _file(name))
        if self._volume(name) is not None:
            self._drop(name)

    def faults(self, expected: Collection[str]) -> Iterator[str]:
        """What the service does not do: where it listens, whether it starts, each volume's target now and after a boot.

        `expected`: volumes that must be here.
        """
        if not target.starts_by_itself(self._root):
            yield "tgt does not start at boot"
        try:
            heard, running = target.portals(self._root), target.targets(self._root)
        except Busy as error:
            yield error.what
            return
        wanted = str(self.served.portal)
        if heard != (wanted,):
            yield f"it listens at {', '.join(heard) or 'no address'}, and is to at {wanted} alone"
        yield from self._volume_faults(expected, running)

    def _volume_faults(self, expected: Collection[str], running: Mapping[str, target.Target]) -> Iterator[str]:
        there = [one.name for one in self.volumes() if one.made and one.name != PROBE]
        yield from (f"volume {one} was made here and is not there" for one in sorted({*expected} - {*there}))
        files = target.files(self._root, _FILE)
        for name in there:
            found = running.get(self.served.iqn(name))
            if found is None or found.units.get(target.LUN) != _path(name):
                yield f"volume {name} is not served"
            elif found.open_to:
                yield f"volume {name} is open to {', '.join(found.open_to)}"
            elif target.kept(self._root, _file(name)) != target.text(found.iqn, _path(name), found.initiators):
                yield f"volume {name} would be served otherwise after a boot"
        known = {_file(name) for name in (*there, PROBE)}
        yield from (f"{one}.conf is of no volume" for one in sorted(files - known))

    def leftovers(self) -> Iterator[str]:
        """What keeps it from being no storage node."""
        yield from (f"volume {one.name} is there" for one in self.volumes())
        if target.starts_by_itself(self._root):
            yield "tgt still starts at boot"
        with suppress(Busy):
            yield f"tgtd still listens at {', '.join(target.portals(self._root))}"

    def proof(self, ours: str, stranger: str) -> tuple[str, ...]:
        """As a user does it: a volume is made, written and read by who may, refused to who may not, and gone again.

        What does not come out so; nothing of it is left.
        """
        there = disks.group(self._root)
        if there is None:
            return ("there is no group to make a volume in",)
        self.delete(PROBE)  # of a proof that was killed
        self.create(PROBE, _PROBE_EXTENTS * there.extent, [ours])
        try:
            return tuple(probe.faults(self._root, self.served.portal, self.served.iqn(PROBE), (ours, stranger)))
        finally:
            self.delete(PROBE)

    def _volume(self, name: str) -> Stored | None:
        return next((one for one in self.volumes() if one.name == _checked(name)), None)

    def _allot(self, name: str, size: int) -> None:
        there = disks.group(self._root)
        if there is None:
            raise Refused(self._root.who, f"it has no group {GROUP}", "bring it the role storage")
        if size <= 0 or size % there.extent:
            raise Refused(
                self._root.who, f"a volume of {size} bytes cannot be", f"ask for a multiple of {there.extent}"
            )
        spare = 0 if name == PROBE else _PROBE_EXTENTS * there.extent
        if size + spare > there.free:
            says = f"volume {name} of {size} bytes does not fit: {max(0, there.free - spare)} are free"
            raise Refused(self._root.who, says, "delete volumes, or give the node another disk")
        ways = ("--yes", "--wipesignatures", "y", "--zero", "y", "--addtag", _MAKING)
        self._root.told("lvcreate", *ways, "--size", f"{size}b", "--name", f"{_VOLUME}{name}", GROUP)

    def _drop(self, name: str) -> None:
        self._root.told("lvremove", "--yes", _logical(name))
        if self._volume(name) is not None:
            raise NotApplied(self._root.who, f"volume {name} was removed and is still there", "lvs there")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a volume: 2 to 20 of a-z, 0-9 and -")
    return name


def _logical(name: str) -> str:
    return f"{GROUP}/{_VOLUME}{_checked(name)}"


def _path(name: str) -> str:
    return f"/dev/{_logical(name)}"


def _file(name: str) -> str:
    return f"{_FILE}{_checked(name)}"
