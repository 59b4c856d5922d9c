"""Neighbours as lldpd tells them: `lldpcli -f json0 show neighbors details`. Pure.

In json0 each value is a list of objects; in json, and in lldpd before 0.9.9, a list of one is left out and what has a
name is keyed by it. Both are read. Subtypes by lldpd's words (src/lib/atoms/port.c): it has none for a component and
for a circuit id, and writes `unhandled`.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.switch import Neighbour, PortIdKind
from drivers.errors import Garbled

_KINDS: Mapping[str, PortIdKind] = MappingProxyType(
    {
        "ifname": PortIdKind.NAME,
        "ifalias": PortIdKind.ALIAS,
        "local": PortIdKind.LOCAL,
        "mac": PortIdKind.MAC,
        "ip": PortIdKind.ADDRESS,
    }
)
_KNOWN = frozenset({"via", "rid", "age", "chassis", "port", "vlan", "ppvid", "pi", "unknown-tlvs", "name"})
Object = Mapping[str, JsonValue]


def neighbours(who: str, text: str) -> tuple[Neighbour, ...]:
    """By port, in the order told; without those that are not LLDP or name no port. `Garbled` where it is no JSON."""
    try:
        told: JsonValue = json.loads(text or "{}")
    except ValueError as error:
        raise Garbled(who, f"lldpcli gave no JSON: {error}", "run lldpcli -f json0 show neighbors there") from error
    found = (_neighbour(name, one) for top in _objects(told, "lldp") for name, one in _interfaces(top))
    return tuple(one for one in found if one is not None)


def _interfaces(top: Object) -> Iterator[tuple[str, Object]]:
    for one in _objects(top, "interface"):
        if isinstance(one.get("name"), str):
            yield str(one["name"]), one
            continue
        for name, inner in one.items():
            yield from ((name, each) for each in _all(inner) if name not in _KNOWN)


def _neighbour(port: str, told: Object) -> Neighbour | None:
    via = told.get("via")
    if isinstance(via, str) and not via.upper().startswith("LLDP"):
        return None
    chassis, system = _chassis(told)
    there = next(_objects(told, "port"), {})
    identity = next(_objects(there, "id"), {})
    port_id = _text(identity)
    if not port_id:
        return None
    kind = identity.get("type")
    return Neighbour(
        port=port,
        chassis_id=_text(next(_objects(chassis, "id"), {})) or None,
        system=_text(chassis.get("name")) or system,
        kind=_KINDS.get(kind) if isinstance(kind, str) else None,
        port_id=port_id,
        port_description=_text(there.get("descr")) or None,
    )


def _chassis(told: Object) -> tuple[Object, str | None]:
    """The chassis, and the system name where it is keyed by that."""
    one = next(_objects(told, "chassis"), {})
    if "id" not in one and len(one) == 1:
        name, inner = next(iter(one.items()))
        for each in _all(inner):
            if "id" in each:
                return each, name
    return one, None


def _objects(of: JsonValue | Object, key: str) -> Iterator[Object]:
    if isinstance(of, Mapping):
        yield from _all(of.get(key))


def _all(value: JsonValue) -> Iterator[Object]:
    every = value if isinstance(value, list) else [value]
    yield from (one for one in every if isinstance(one, dict))


def _text(value: JsonValue | Object) -> str:
    """Of a string, of `{"value": ...}`, or of the first of a list of them."""
    match value:
        case str():
            return value.strip()
        case list():
            return next((text for one in value if (text := _text(one))), "")
        case Mapping():
            inner = value.get("value")
            return inner.strip() if isinstance(inner, str) else ""
        case _:
            return ""
