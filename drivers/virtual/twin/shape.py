"""Reading and overlaying JSON of any shape: what is not there, or is something else, is None or empty."""

from collections.abc import Mapping, Sequence

from drivers.virtual.twin.redfish_messages import Resource


def at(told: object, *keys: str) -> object:
    """The value behind nested keys; None where one of them is missing."""
    for key in keys:
        if not isinstance(told, dict):
            return None
        told = told.get(key)
    return told


def mapping(told: object, *keys: str) -> Resource:
    found = at(told, *keys)
    return found if isinstance(found, dict) else {}


def text(told: object, *keys: str) -> str | None:
    found = at(told, *keys)
    return found if isinstance(found, str) else None


def items(told: object, *keys: str) -> list[object]:
    found = at(told, *keys)
    return found if isinstance(found, list) else []


def link(told: object, *keys: str) -> str | None:
    return text(at(told, *keys), "@odata.id")


def links(told: object, *keys: str) -> list[str]:
    """The paths of a list of links."""
    return [path for one in items(told, *keys) if (path := text(one, "@odata.id")) is not None]


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> Resource:
    """`above` laid over `below`, objects within objects too; neither is changed."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def linked(paths: Sequence[str]) -> list[object]:
    return [{"@odata.id": path} for path in paths]
