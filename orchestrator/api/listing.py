"""Lists: filters, order, pages, chosen fields. A page is full or the last: only a full one has a `next`."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import JsonValue

from orchestrator.api.call import Call, boolean
from orchestrator.api.errors import Bad, Missing, NotAcceptable

MOST = 1000  # on a page; Ironic's [api]max_limit
PAGING = frozenset({"limit", "marker", "sort_key", "sort_dir", "fields", "detail"})

T = TypeVar("T")
Told = Mapping[str, JsonValue]
_BOOLEAN = frozenset({"associated", "maintenance", "retired", "sharded"})
SINCE = MappingProxyType(
    {
        "provision_state": 9, "driver": 16, "resource_class": 21, "fault": 42, "conductor_group": 46, "conductor": 49,
        "owner": 50, "description_contains": 51, "retired": 61, "lessee": 65, "shard": 82, "sharded": 82,
    }
)  # fmt: skip
NODE_FILTERS = frozenset({"associated", "instance_uuid", "maintenance", *SINCE})
STATES = frozenset(
    {
        "enroll", "verifying", "manageable", "inspecting", "inspect failed", "cleaning", "clean failed", "available",
        "deploying", "deploy failed", "active", "deleting", "adopting", "adopt failed", "servicing", "service failed",
        "error",
    }
)  # fmt: skip


def node_filter(call: Call) -> Callable[[Told], bool]:
    """From the query. `Bad`; `NotAcceptable` for one that is newer than the request."""
    known(call, NODE_FILTERS)
    wanted = {name: call.query[name] for name in NODE_FILTERS if name in call.query}
    for name in wanted:
        if SINCE.get(name, 0) > call.minor:
            raise NotAcceptable(f"Request not acceptable. The filter {name} needs API version 1.{SINCE[name]}.")
    if "provision_state" in wanted and wanted["provision_state"] not in STATES:
        raise Bad(f'Provision state "{wanted["provision_state"][:40]}" is not valid')
    tests = [_test(name, value) for name, value in wanted.items()]
    return lambda node: all(test(node) for test in tests)


def known(call: Call, filters: frozenset[str]) -> None:
    stray = sorted(set(call.query) - filters - PAGING)
    if stray:
        raise Bad(f"Unexpected arguments: {', '.join(stray)[:100]}")


def _test(name: str, value: str) -> Callable[[Told], bool]:
    if name in _BOOLEAN:
        asked, where = boolean(value), {"associated": "instance_uuid", "sharded": "shard"}.get(name, name)
        return lambda node: bool(node[where]) == asked
    if name == "description_contains":
        return lambda node: value.lower() in str(node["description"] or "").lower()
    if name == "shard":
        return lambda node: node["shard"] in value.split(",")
    return lambda node: node[name] == value


def fields_asked(call: Call, there: frozenset[str], since: Mapping[str, int]) -> tuple[str, ...] | None:
    """What `?fields=` names; None where it is not given."""
    if "fields" not in call.query:
        return None
    asked = tuple(name.strip() for name in call.query["fields"].split(",") if name.strip())
    stray = [name for name in asked if name not in there]
    if stray or not asked:
        raise Bad(f'Field(s) "{", ".join(stray)[:100]}" are not valid.')
    newer = [name for name in asked if since.get(name, 0) > call.minor]
    if newer:
        raise NotAcceptable(f"Request not acceptable. {', '.join(newer)} needs API version 1.{since[newer[0]]}.")
    return asked


def page(
    call: Call, items: Sequence[T], told: Callable[[T], Told], there: frozenset[str]
) -> tuple[list[T], str | None]:
    """One page of `items`, ordered as asked, and the URL of the next one."""
    limit = _limit(call.query.get("limit"))
    ordered = _ordered(call, items, told, there)
    marker = call.query.get("marker")
    if marker is not None:
        ids = [told(one)["uuid"] for one in ordered]
        if marker not in ids:
            raise Missing(f"The marker {marker[:40]} could not be found.")
        ordered = ordered[ids.index(marker) + 1 :]
    shown = list(ordered[:limit])
    if len(shown) < limit:
        return shown, None
    query = {name: value for name, value in call.query.items() if name not in ("limit", "marker")}
    query |= {"limit": str(limit), "marker": str(told(shown[-1])["uuid"])}
    return shown, f"{call.base}{call.route}?{urlencode(query)}"


def _limit(text: str | None) -> int:
    try:
        limit = MOST if text is None else int(text)
    except ValueError as error:
        raise Bad("Limit must be an integer") from error
    if limit <= 0:
        raise Bad("Limit must be positive")
    return min(limit, MOST)


def _ordered(call: Call, items: Sequence[T], told: Callable[[T], Told], there: frozenset[str]) -> Sequence[T]:
    key, direction = call.query.get("sort_key"), call.query.get("sort_dir", "asc")
    if direction not in ("asc", "desc"):
        raise Bad(f"Invalid sort direction: {direction[:20]}. Acceptable values are 'asc' or 'desc'")
    if key is None or key == "id":
        return items if direction == "asc" else items[::-1]
    if key not in there or any(isinstance(told(one)[key], dict | list) for one in items[:1]):
        raise Bad(f'The sort_key value "{key[:40]}" is an invalid field for sorting')
    return sorted(items, key=lambda one: _rank(told(one)[key]), reverse=direction == "desc")


def _rank(value: JsonValue) -> tuple[bool, str]:
    """What is missing comes first."""
    return value is not None, str(value)
