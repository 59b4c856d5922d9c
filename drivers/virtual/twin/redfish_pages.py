"""What a query makes of a resource: expanded links and pages of members. Source: DSP0266 7.3 (query parameters)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.virtual.twin.redfish_messages import Fail, Resource
from drivers.virtual.twin.shape import items, text

PAGE = 2  # members of a page where the BMC pages by itself
_EXPAND = re.compile(r"([.*~])(?:\(\$levels=(\d+)\))?")
Read = Callable[[str], Resource | None]


def expanded(found: Resource, query: str, most: int, read: Read) -> Resource:
    """`Fail` for what is no $expand, or more levels than there may be."""
    asked = _EXPAND.fullmatch(query)
    if asked is None:
        raise Fail(400, "QueryParameterValueFormatError", f"{query!r} is no value of $expand.")
    levels = int(asked[2] or 1)
    if levels > most:
        raise Fail(400, "QueryParameterOutOfRange", f"$levels is {most} at most.")
    return _expanded(found, asked[1], levels, read)


def _expanded(found: Resource, which: str, levels: int, read: Read) -> Resource:
    def walk(told: object, *, inside: bool, own: bool) -> object:
        if isinstance(told, list):
            return [walk(one, inside=inside, own=False) for one in told]
        if not isinstance(told, dict):
            return told
        path = text(told, "@odata.id")
        if path is not None and len(told) == 1 and not own and which in ("*", "~" if inside else "."):
            linked = read(path.partition("#")[0]) if "#" not in path else None
            if linked is None:
                return told
            return _expanded(linked, which, levels - 1, read) if levels > 1 else linked
        return {key: walk(value, inside=inside or key == "Links", own=False) for key, value in told.items()}

    result = walk(found, inside=False, own=True)
    return result if isinstance(result, dict) else found


@dataclass(frozen=True)
class Pages:
    skip: int
    top: int | None


def asked_pages(query: Mapping[str, str], *, forced: bool) -> Pages:
    try:
        skip, top = int(query.get("$skip", 0)), int(query["$top"]) if "$top" in query else None
    except ValueError as error:
        raise Fail(400, "QueryParameterValueTypeError", str(error)) from error
    return Pages(skip, min(top, PAGE) if top is not None and forced else PAGE if forced else top)


def paged(found: Resource, pages: Pages, *, loops: bool, inline: Read | None) -> Resource:
    """One page of a collection. `loops`: its last page leads back to the first."""
    if "Members" not in found:
        return found
    members = items(found, "Members")
    end = len(members) if pages.top is None else pages.skip + pages.top
    page = members[pages.skip : end]
    if inline is not None:
        page = [inline(path) or one if (path := text(one, "@odata.id")) is not None else one for one in page]
    told: Resource = {**found, "Members": page}
    if end < len(members) or (loops and members):
        told["Members@odata.nextLink"] = f"{found['@odata.id']}?$skip={end if end < len(members) else 0}"
    return told
