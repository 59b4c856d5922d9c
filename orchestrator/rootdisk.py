"""Which disk a system goes to, by a client's hints (pure). Source: Ironic, "Specifying the disk for deployment".

Of its operators those that compare: `=`, `==`, `s==` and, for sizes in GiB, `>=` and `<=`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pydantic import JsonValue

from orchestrator.agent.inspection import InspectedDisk

_COMPARED = re.compile(r"(>=|<=|==|=|s==)?\s*(\S.*)")
_TOLD: Mapping[str, Callable[[InspectedDisk], str | int | None]] = MappingProxyType(
    {
        "name": lambda disk: disk.name,
        "serial": lambda disk: disk.serial,
        "wwn": lambda disk: disk.wwn,
        "model": lambda disk: disk.model,
        "size": lambda disk: disk.bytes >> 30 if disk.bytes is not None else None,
        "rotational": lambda disk: None if disk.rotational is None else str(disk.rotational),
    }
)


def not_understood(hints: Mapping[str, JsonValue]) -> list[str]:
    """Of the hints those that would choose nothing here, or not as they are meant."""
    return [name for name, value in hints.items() if name not in _TOLD or not _is_plain(name, value)]


def fitting(disks: Sequence[InspectedDisk], hints: Mapping[str, JsonValue]) -> list[InspectedDisk]:
    """Those that all hints fit; what a disk does not tell of itself fits none."""
    return [disk for disk in disks if all(_fits(_TOLD[name](disk), value) for name, value in hints.items())]


def _is_plain(name: str, value: JsonValue) -> bool:
    match value:
        case bool():
            return name == "rotational"
        case int():
            return name == "size"
        case str():
            found = _COMPARED.fullmatch(value.strip())
            return found is not None and _is_comparison(name, found[1], found[2])
        case _:
            return False


def _is_comparison(name: str, operator: str | None, value: str) -> bool:
    if name == "size":
        return value.isdigit() and operator != "s=="
    return operator not in (">=", "<=") and "<" not in value


def _fits(told: str | int | None, hint: JsonValue) -> bool:
    found = _COMPARED.fullmatch(str(hint).strip())
    if told is None or found is None:
        return False
    operator, value = found[1] or "==", found[2]
    if isinstance(told, int):
        return {">=": told >= int(value), "<=": told <= int(value)}.get(operator, told == int(value))
    return str(told).casefold() == value.casefold()
