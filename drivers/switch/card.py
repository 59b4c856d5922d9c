"""What was read of a switch, as a document."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from pydantic import JsonValue

from drivers.ability.switch import Neighbour
from drivers.switch.reading import Parsed


def as_json(value: object) -> JsonValue:
    """Our values as JSON: records by their fields, sets in order."""
    if is_dataclass(value):
        told = {one.name: as_json(getattr(value, one.name)) for one in fields(value)}
        return told | {"mac": value.mac} if isinstance(value, Neighbour) else told
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return [as_json(one) for one in sorted(value)]
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def recorded(family: str, what: str, read: object) -> JsonValue:
    """What `recorded.parse` made, with what was odd in it beside."""
    if isinstance(read, Parsed):
        return {"family": family, "what": what, "rows": as_json(read.rows), "findings": as_json(read.findings)}
    told = as_json(read)
    findings = told.pop("findings", []) if isinstance(told, dict) and what == "facts" else []
    return {"family": family, "what": what, "rows": told, "findings": findings}
