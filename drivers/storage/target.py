"""iSCSI targets of tgt: as the daemon runs them now, and as it will after a boot.

Who is on a list by name or by address may log in; where no address is on it, tgt-admin adds ALL at a boot. So each list
has one that no connection comes from.

Texts: tgtadm(8), tgt-admin(8), targets.conf(5) of tgt 1.0.85; what `show` prints is read by its indented headings.
"""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath

from drivers.errors import Busy, NotApplied, Refused
from drivers.storage.root import Root

LUN = 1  # 0 is the target's own controller
ROOM = PurePosixPath("/etc/tgt/conf.d")
_NOBODYS = "0.0.0.0"
_ADM = ("tgtadm", "--lld", "iscsi")
_ACTIVE = "this target is still active"
_LEAVES = timedelta(seconds=10)  # for an initiator that was just ended to be seen as gone
_PAUSE = 0.5
_IQN = re.compile(r"(iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}|naa\.[0-9a-f]{16,32})")
_LONGEST = 223  # bytes: RFC 7143 4.2.7.1
_WRITE = 'umask 077; cat >"$1.part" && sync "$1.part" && mv -f "$1.part" "$1" && sync "$2"'
_TEXT = """# Written by anneal, and again whenever it makes the volume.
<target {iqn}>
    <backing-store {path}>
        lun {lun}
    </backing-store>
    initiator-address {nobodys}
{names}
</target>
"""


@dataclass
class Target:
    """`sessions`: names of initiators that are logged in. `names`: who may."""

    tid: str
    iqn: str
    sessions: list[str] = field(default_factory=list)
    units: dict[int, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @property
    def initiators(self) -> frozenset[str]:
        return frozenset(self.names) - {_NOBODYS}

    @property
    def open_to(self) -> tuple[str, ...]:
        """Those that need no name on its list: addresses, or ALL."""
        return tuple(one for one in self.names if one != _NOBODYS and not _IQN.fullmatch(one))


@dataclass(frozen=True)
class Export:
    """A volume as a target. `file` names its part of tgt's configuration."""

    file: str
    iqn: str
    path: str
    initiators: frozenset[str]

    def __post_init__(self) -> None:
        if not self.initiators:
            raise ValueError("nobody may have it: tgt takes that for everybody")
        for one in (self.iqn, *self.initiators):
            if not _IQN.fullmatch(one) or len(one) > _LONGEST:
                raise ValueError(f"{one!r} is no iSCSI name")

    @property
    def text(self) -> str:
        return text(self.iqn, self.path, self.initiators)

    def runs_as(self, target: Target | None) -> bool:
        return target is not None and (target.units.get(LUN), frozenset(target.names)) == (self.path, self.listed)

    @property
    def listed(self) -> frozenset[str]:
        """All that is on its list."""
        return self.initiators | {_NOBODYS}


def text(iqn: str, path: str, initiators: Collection[str]) -> str:
    """As a boot is to make it."""
    names = "\n".join(f"    initiator-name {one}" for one in sorted(initiators))
    return _TEXT.format(iqn=iqn, path=path, lun=LUN, nobodys=_NOBODYS, names=names)


def portals(root: Root) -> tuple[str, ...]:
    """Where it listens now: `10.0.0.1:3260`."""
    return tuple(re.findall(r"^Portal: (\S+),\d+$", _adm(root, "portal", "show"), re.MULTILINE))


def starts_by_itself(root: Root) -> bool:
    return root.tried("systemctl", "is-enabled", "tgt.service").out.strip() == "enabled"


def targets(root: Root) -> Mapping[str, Target]:
    """By name."""
    return {one.iqn: one for one in parse(_adm(root, "target", "show"))}


def parse(text: str) -> list[Target]:
    found: list[Target] = []
    heading, unit = "", 0
    for line in text.splitlines():
        begins = re.fullmatch(r"Target (\d+): (\S+)", line)
        if begins:
            found.append(Target(begins[1], begins[2]))
        elif re.match(r" {4}\S", line):
            heading = line.strip()
        elif found and heading == "ACL information:" and line.strip():
            found[-1].names.append(line.strip())
        elif found and (named := re.fullmatch(r" +Initiator: (\S+) alias: .*", line)):
            found[-1].sessions.append(named[1])
        elif found and (numbered := re.fullmatch(r" +LUN: (\d+)", line)):
            unit = int(numbered[1])
        elif found and (backed := re.fullmatch(r" +Backing store path: (/.+)", line)):
            found[-1].units[unit] = backed[1]
    return found


def export(root: Root, wanted: Export) -> None:
    """For the next boot, then for now. What is there is brought to what is wanted; who is logged in stays so."""
    if kept(root, wanted.file) != wanted.text:
        root.told("sh", "-c", _WRITE, "write", str(_path(wanted.file)), str(ROOM), feed=wanted.text)
    there = targets(root)
    found = there.get(wanted.iqn)
    if found is None:
        taken = {int(one.tid) for one in there.values()}
        tid = str(next(one for one in range(1, len(taken) + 2) if one not in taken))
        _adm(root, "target", "new", "--tid", tid, "--targetname", wanted.iqn)
        found = Target(tid, wanted.iqn)  # without a name on its list nobody may log in
    if LUN not in found.units:
        _adm(root, "logicalunit", "new", "--tid", found.tid, "--lun", str(LUN), "--backing-store", wanted.path)
    for what, names in (("unbind", set(found.names) - wanted.listed), ("bind", wanted.listed - set(found.names))):
        for name in sorted(names):
            how = "--initiator-name" if _IQN.fullmatch(name) else "--initiator-address"
            _adm(root, "target", what, "--tid", found.tid, how, name)
    if not wanted.runs_as(targets(root).get(wanted.iqn)):
        says = f"target {wanted.iqn} runs otherwise than it was set up"
        raise NotApplied(root.who, says, "tgtadm --mode target --op show there")


def withdraw(root: Root, iqn: str, file: str) -> None:
    """Nobody can log in any more, now and after a boot. `Busy` where somebody is logged in; all stays as it is then."""
    found = targets(root).get(iqn)
    ends = time.monotonic() + _LEAVES.total_seconds()
    while found is not None:
        ran = root.tried(*_ADM, "--mode", "target", "--op", "delete", "--tid", found.tid)
        if ran.exit and _ACTIVE not in ran.err:
            raise Refused(root.who, f"delete target {iqn}: {' '.join(ran.err.split())}", "look at tgt there")
        found = targets(root).get(iqn)
        if found is not None and time.monotonic() > ends:
            by = ", ".join(found.sessions) or "somebody"
            raise Busy(root.who, f"{by} is logged in to {iqn}", "end the guest that has it, then delete it")
        if found is not None:
            time.sleep(_PAUSE)
    root.told("rm", "-f", str(_path(file)), f"{_path(file)}.part")


def kept(root: Root, file: str) -> str:
    """What a boot is to make of it; empty where nothing."""
    return root.tried("cat", str(_path(file))).out


def files(root: Root, prefix: str) -> frozenset[str]:
    found = root.told("find", str(ROOM), "-maxdepth", "1", "-name", f"{prefix}*.conf", "-printf", "%f\\n")
    return frozenset(line.removesuffix(".conf") for line in found.split())


def _path(file: str) -> PurePosixPath:
    return ROOM / f"{file}.conf"


def _adm(root: Root, mode: str, what: str, *more: str) -> str:
    ran = root.tried(*_ADM, "--mode", mode, "--op", what, *more)
    if ran.exit:
        said = " ".join(ran.err.split()) or "it gave no reason"
        if "failed to send request" in said or "can't connect" in said or "not connected" in said:
            raise Busy(root.who, f"tgtd does not answer: {said}", "systemctl status tgt there")
        raise Refused(root.who, f"tgtadm {mode} {what}: {said}", "look at what tgtd says there: journalctl -u tgt")
    return ran.out
