"""What one switch tells of itself, as a document. Reads alone."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import TypeVar

from pydantic import JsonValue

from drivers.ability.switch import Neighbour, SwitchDriver
from drivers.errors import Garbled, Refused, Unsupported
from drivers.facts import Finding
from drivers.switch.reading import Parsed

Told = TypeVar("Told")


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


def probe(switch: SwitchDriver) -> JsonValue:
    """The whole card. What cannot be read is a finding, and null."""
    findings: list[Finding] = []

    def read(name: str, ask: Callable[[], Told]) -> Told | None:
        try:
            return ask()
        except (Garbled, Refused, Unsupported) as error:
            findings.append(Finding("unreadable", name, error.what))
            return None

    told: dict[str, JsonValue] = {
        name: as_json(read(name, ask))
        for name, ask in (
            ("ports", switch.ports),
            ("neighbours", switch.neighbours),
            ("vlans", switch.vlans),
            ("lags", switch.lags),
            ("assurance", switch.assurance),
            ("leftovers", switch.leftovers),
        )
    }
    learned = read("learned", switch.learned)
    told["learned"] = None if learned is None else dict(sorted(Counter(row.port for row in learned).items()))
    facts = switch.facts()  # last: it brings what was odd in all that was read before
    shown = as_json(facts)
    if isinstance(shown, dict):
        shown.pop("findings")
    return {"facts": shown, **told, "findings": as_json((*facts.findings, *findings))}
