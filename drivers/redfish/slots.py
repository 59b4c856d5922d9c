"""Where a BMC takes virtual media: slots of the system and of its managers, and what is in them.

Source: DSP0268, VirtualMedia.
"""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote, urlsplit

from drivers.ability.media import Slot
from drivers.redfish.family import Family
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

INSERT = "#VirtualMedia.InsertMedia"
EJECT = "#VirtualMedia.EjectMedia"
_NEEDED = ("MediaTypes", "Image")

Filling = Literal["action", "patch", "perhaps"]


def places_of(tree: Tree, *holders: Resource) -> Iterator[tuple[Resource, ...]]:
    """The slots of each collection, whether they can be filled or not; what two holders link to is told once."""
    seen: set[str] = set()
    for link in dict.fromkeys(link.rstrip("/") for holder in holders if (link := holder.link("VirtualMedia"))):
        firsts: dict[str, Resource] = {}
        for media in tree.members(link, *_NEEDED):
            if media.body and media.path.rstrip("/") not in seen:
                firsts.setdefault(media.path.rstrip("/"), media)
        seen.update(firsts)
        yield tuple(firsts.values())


def filling_of(media: Resource, family: Family) -> Filling | None:
    """By the action where its target is given; by PATCH where the service says so, or is known to take it.

    `perhaps`: it has an image to change, and nothing says that PATCH does that.
    """
    if media.text("Actions", INSERT, "target"):
        return "action"
    if not _writable(media):
        return None
    return "patch" if "PATCH" in media.methods or (not media.methods and family.patched_media) else "perhaps"


def slots(tree: Tree, family: Family, *holders: Resource) -> tuple[Slot, ...]:
    """Those that can be filled, or are worth trying, the system's own first."""
    return tuple(slot_of(media) for places in places_of(tree, *holders) for media in _fillable(places, family))


def slot_of(media: Resource) -> Slot:
    return Slot(
        path=media.path,
        kinds=media.texts("MediaTypes"),
        how="action" if media.text("Actions", INSERT, "target") else "patch",
        inserted=media.flag("Inserted"),
        image=media.text("Image"),
    )


def is_empty(media: Resource) -> bool:
    """Some keep the Image after an eject, others say Inserted when nothing is connected: quirk 85."""
    if media.text("ConnectedVia") == "NotConnected" or media.flag("Inserted") is False:
        return True
    return media.flag("Inserted") is None and media.text("Image") is None


def holds(media: Resource, uri: str) -> bool:
    """Whether it shows this image. A BMC may tell its path or name alone, another host, or nothing."""
    if is_empty(media):
        return False
    told = media.text("Image")
    if told is None or told == uri:
        return True
    shown, wanted = unquote(urlsplit(told).path), unquote(urlsplit(uri).path)
    return wanted.endswith(f"/{shown.lstrip('/')}") or shown.endswith(wanted)


def _fillable(places: tuple[Resource, ...], family: Family) -> Iterator[Resource]:
    """A service that has the action offers it where it works (quirk 84); one without it may take PATCH (quirk 80)."""
    told = [(media, filling_of(media, family)) for media in places]
    yield from (media for media, filling in told if filling == "action")
    rest: tuple[Filling, ...] = ("patch",) if any(filling == "action" for _, filling in told) else ("patch", "perhaps")
    yield from (media for media, filling in told if filling in rest)


def _writable(media: Resource) -> bool:
    named = media.body.get("@Redfish.WriteableProperties")
    fed_by_browser = any(
        isinstance(told, dict) and "WebSocketEndpoint" in told for told in media.inner("Oem").body.values()
    )
    return "Image" in media.body and not fed_by_browser and (not isinstance(named, list) or "Image" in named)
