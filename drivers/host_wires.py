"""What an installed machine sees of its wires: carrier and speed by its kernel, and whom its lldpd hears.

Sources: Linux ABI/testing/sysfs-class-net (carrier, speed); lldpcli(8), format json0, recorded of lldpd 1.0.16.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pydantic import BaseModel, TypeAdapter, ValidationError

from drivers.ability.switch import Neighbour, PortIdKind
from drivers.wire.ssh import Ssh

_ANSWER = timedelta(seconds=20)
_LLDP = ("sudo", "-n", "lldpcli", "-f", "json0", "show", "neighbors")
_UP: Mapping[str, bool] = MappingProxyType({"0": False, "1": True})
# lldpd's src/lib/atoms/port.c; what is "unhandled" there it does not tell apart.
_KINDS: Mapping[str, PortIdKind] = MappingProxyType(
    {
        "ifname": PortIdKind.NAME,
        "ifalias": PortIdKind.ALIAS,
        "local": PortIdKind.LOCAL,
        "mac": PortIdKind.MAC,
        "ip": PortIdKind.ADDRESS,
    }
)


@dataclass(frozen=True)
class Wire:
    """One interface. None where the kernel does not tell: of one that is down, say."""

    name: str
    up: bool | None
    speed_mbps: int | None


class _Word(BaseModel):
    value: str = ""
    type: str = ""


class _Chassis(BaseModel):
    id: tuple[_Word, ...] = ()
    name: tuple[_Word, ...] = ()


class _Port(BaseModel):
    id: tuple[_Word, ...] = ()
    descr: tuple[_Word, ...] = ()


class _Interface(BaseModel):
    name: str
    via: str
    chassis: tuple[_Chassis, ...] = ()
    port: tuple[_Port, ...] = ()


class _Table(BaseModel):
    interface: tuple[_Interface, ...] = ()


class _Answer(BaseModel):
    lldp: tuple[_Table, ...]


_JSON = TypeAdapter(_Answer)


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
        return tuple(_heard(_JSON.validate_json(ran.out))) if not ran.exit else None
    except ValidationError:
        return None


def _heard(answer: _Answer) -> Iterator[Neighbour]:
    """Without what is heard by other protocols (CDP, EDP): they name ports in ways of their own."""
    for one in (each for table in answer.lldp for each in table.interface if each.via == "LLDP"):
        port = one.port[0] if one.port else _Port()
        chassis = one.chassis[0] if one.chassis else _Chassis()
        if port.id:
            yield Neighbour(
                one.name,
                _first(chassis.id),
                _first(chassis.name),
                _KINDS.get(port.id[0].type),
                port.id[0].value,
                _first(port.descr),
            )


def _first(words: Sequence[_Word]) -> str | None:
    return words[0].value if words and words[0].value else None
