"""Where a BMC takes virtual media: slots of the system and of its managers, and what is in them.

Source: DSP0268, VirtualMedia.
"""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from drivers.ability.media import Slot
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

INSERT = "#VirtualMedia.InsertMedia"
EJECT = "#VirtualMedia.EjectMedia"


def slots(tree: Tree, system: Resource, managers: tuple[Resource, ...]) -> tuple[Slot, ...]:
    """Those that can be filled, the system's own first. One that both link to is told once."""
    holders = (system, *managers)
    found = [slot for holder in holders for slot in _fillable(tuple(tree.members(holder.link("VirtualMedia"))))]
    firsts: dict[str, Slot] = {}
    for slot in found:
        firsts.setdefault(slot.path.rstrip("/"), slot)
    return tuple(firsts.values())


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


def _fillable(collection: tuple[Resource, ...]) -> Iterator[Slot]:
    """A service that has the action offers it where it works (quirk 84); one without it takes PATCH (quirk 80)."""
    by_action = [media for media in collection if media.text("Actions", INSERT, "target")]
    for media in by_action or collection:
        if by_action or _writable(media):
            yield slot_of(media)


def _writable(media: Resource) -> bool:
    named = media.body.get("@Redfish.WriteableProperties")
    fed_by_browser = any(
        isinstance(told, dict) and "WebSocketEndpoint" in told for told in media.inner("Oem").body.values()
    )
    return "Image" in media.body and not fed_by_browser and (not isinstance(named, list) or "Image" in named)
