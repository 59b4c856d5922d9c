"""What an installed machine sees of its wires: carrier and speed by its kernel, and whom its lldpd hears.

Source: Linux ABI/testing/sysfs-class-net (carrier, speed).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from drivers.ability.switch import Neighbour
from drivers.errors import Garbled
from drivers.switch import lldpcli
from drivers.wire.ssh import Ssh

_ANSWER = timedelta(seconds=20)
_LLDP = ("sudo", "-n", "lldpcli", "-f", "json0", "show", "neighbors")
_UP: Mapping[str, bool] = MappingProxyType({"0": False, "1": True})


@dataclass(frozen=True)
class Wire:
    """One interface. None where the kernel does not tell: of one that is down, say."""

    name: str
    up: bool | None
    speed_mbps: int | None


def wires(shell: Ssh, names: Sequence[str]) -> tuple[Wire, ...]:
    """Of these interfaces, those that are there."""
    paths = [f"/sys/class/net/{name}/{what}" for name in names for what in ("operstate", "carrier", "speed")]
    ran = shell.run(("grep", "-s", "", *paths), _ANSWER)  # it fails where one cannot be read, and shows the others
    told = dict(line.split(":", 1) for line in ran.out.splitlines() if ":" in line)
    here = [name for name in names if f"/sys/class/net/{name}/operstate" in told]
    return tuple(
        Wire(name, _UP.get(told.get(f"/sys/class/net/{name}/carrier", "")), _speed(told, name)) for name in here
    )


def _speed(told: Mapping[str, str], name: str) -> int | None:
    """-1 where there is none to tell."""
    speed = told.get(f"/sys/class/net/{name}/speed", "")
    return int(speed) if speed.isdecimal() else None


def neighbours(shell: Ssh) -> tuple[Neighbour, ...] | None:
    """Whom lldpd hears; None where there is none to ask, or it does not let us."""
    ran = shell.run(_LLDP, _ANSWER)
    try:
        return lldpcli.neighbours(shell.who, ran.out) if not ran.exit and "lldp" in ran.out else None
    except Garbled:
        return None
