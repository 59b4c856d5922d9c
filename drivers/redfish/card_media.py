"""The virtual media slots of a host, in both places where BMCs have them, and how each is filled (quirk 80, 84).

Source: DSP0268, VirtualMedia; DSP0266, Allow.
"""

from collections.abc import Iterator
from typing import Literal

from drivers.card import SlotCard
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_SLOT = ("MediaTypes", "Image")
# Quirk 80: they take PATCH of Image and have no action for it; iLO 4 likewise.
_PATCHED = frozenset({"xcc", "ilo"})


def slots(tree: Tree, family: str, *owners: Resource) -> tuple[SlotCard, ...]:
    """Those that can be filled, each once. `owners`: the system and its manager; some link the same slots twice."""
    found: dict[str, SlotCard] = {}
    for slot in _every(tree, owners):
        how = filled_by(slot, family)
        if how is None:
            tree.note("slot-not-filled", slot.path, "no action inserts media here, and nothing says that PATCH does")
            continue
        media = slot.labels("MediaTypes")
        if not media:
            tree.note("not-told", slot.path, "this slot tells no media types")
        found.setdefault(slot.path.rstrip("/"), SlotCard(slot.path, media, how))
    return tuple(found.values())


def filled_by(slot: Resource, family: str) -> Literal["action", "patch"] | None:
    """By the action where its target is given; by PATCH where the service says so, or is known to take it."""
    if slot.text("Actions", "#VirtualMedia.InsertMedia", "target"):
        return "action"
    patched = "PATCH" in slot.methods or (not slot.methods and family in _PATCHED)
    return "patch" if "Image" in slot.body and patched else None


def _every(tree: Tree, owners: tuple[Resource, ...]) -> Iterator[Resource]:
    links = dict.fromkeys(link.rstrip("/") for owner in owners if (link := owner.link("VirtualMedia")))
    for link in links:
        yield from (slot for slot in tree.members(link, *_SLOT) if slot.body)
