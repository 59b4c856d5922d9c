"""The components of a simulated machine that have firmware, and how a package says what it is for.

A package for the twin bears `TWIN-FIRMWARE COMPONENT VERSION` near its beginning; of others the name tells, as in
`BIOS_2.1.0.bin`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.virtual.twin.personality import Personality

_MARK = re.compile(rb"TWIN-FIRMWARE\s+([A-Za-z0-9.]+)\s+(\S+)")
_NAMED = re.compile(r"([A-Za-z]+)[-_ ]?v?(\d+(?:\.\d+)+)")
_LOOKED_AT = 64 << 10


@dataclass(frozen=True)
class Component:
    """`id` is its member of the firmware inventory. `starts`: what the new version waits for."""

    key: str
    id: str
    name: str
    version: str
    starts: str  # "bmc": a restart of the BMC; "host": a POST; "now"


_KNOWN = (
    ("BMC", "BMC", "bmc"),
    ("BIOS", "BIOS", "host"),
    ("NIC", "Ethernet adapter", "host"),
    ("RAID", "RAID controller", "now"),
)
_DELL = {
    "BMC": "25227-{}__iDRAC.Embedded.1-1",
    "BIOS": "159-{}__BIOS.Setup.1-1",
    "NIC": "106894-{}__NIC.Slot.1-1-1",
    "RAID": "109488-{}__RAID.Integrated.1-1",
}


def components(personality: Personality, versions: Mapping[str, str]) -> tuple[Component, ...]:
    """`versions` are those that were flashed."""
    first = {"BMC": personality.names.bmc_version, "BIOS": personality.names.bios_version}
    found = []
    for key, name, starts in _KNOWN:
        version = versions.get(key) or first.get(key, "20.0.1")
        identity = f"Installed-{_DELL[key].format(version)}" if personality.firmware.versioned_ids else key
        found.append(Component(key, identity, name, version, starts))
    return tuple(found)


def told_by(name: str, content: bytes) -> tuple[str, str] | None:
    """Component and version that a package is for; None where it says neither."""
    marked = _MARK.search(content[:_LOOKED_AT])
    if marked is not None:
        return _key(marked[1].decode()), marked[2].decode()
    named = _NAMED.search(name.rpartition("/")[2])
    return (_key(named[1]), named[2]) if named is not None else None


def _key(word: str) -> str:
    upper = word.upper()
    return {"IDRAC": "BMC", "ILO": "BMC", "XCC": "BMC", "UEFI": "BIOS", "PERC": "RAID"}.get(upper, upper)
