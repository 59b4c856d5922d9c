"""Every name that is used must be declared, and be of the right kind."""

from collections.abc import Iterable, Iterator

from inventory.document import Step
from inventory.draft import Draft
from inventory.errors import Place, Problem
from inventory.model import Node
from inventory.network import Bond, Bridge, Nic
from inventory.wording import one_of


def references(draft: Draft) -> Iterator[Problem]:
    for name, node in draft.nodes.items():
        yield from _unknown(draft, "rack", node.rack, ("nodes", name, "rack"))
        if node.profile is not None:
            yield from _unknown(draft, "profile", node.profile, ("nodes", name, "profile"))
        for index, group in enumerate(node.groups):
            yield from _unknown(draft, "group", group, ("nodes", name, "groups", index))
        yield from _image(draft, "os", node.image, ("nodes", name, "image"))
        yield from _networks(draft, node)
    yield from _of_switches(draft)
    yield from _placed(draft)
    if draft.provisioning is not None:
        yield from _unknown(draft, "network", draft.provisioning.network, ("site", "provisioning", "network"))
        yield from _image(draft, "ramdisk", draft.provisioning.ramdisk, ("site", "provisioning", "ramdisk"))


def _of_switches(draft: Draft) -> Iterator[Problem]:
    for name, switch in draft.switches.items():
        yield from _unknown(draft, "rack", switch.rack, ("switches", name, "rack"))
        if switch.first_boot is not None and switch.first_boot.installer is not None:
            yield from _image(draft, "nos", switch.first_boot.installer, ("switches", name, "first_boot", "installer"))


def _placed(draft: Draft) -> Iterator[Problem]:
    for name, placement in draft.placement.items():
        if placement.among is not None:
            yield from _unknown(draft, "group", placement.among, ("placement", name, "among"))
        if name in draft.declared("groups"):
            says = f"placement {name!r} has the name of a group, and its nodes get it as one"
            yield Problem(draft.place("placement", name), says, "give one of them another name")


def roles(draft: Draft, known: frozenset[str]) -> Iterator[Problem]:
    """Role names in groups and placements, against the roles that there are."""
    placed = [(one.role, draft.place("placement", name, "role")) for name, one in draft.placement.items()]
    yield from _no_role(placed, known)
    for name, group in draft.groups.items():
        used = [(role, draft.place("groups", name, "roles", index)) for index, role in enumerate(group.roles)]
        used += [(role, draft.place("groups", name, "inputs", role)) for role in group.inputs]
        yield from _no_role(used, known)


def _no_role(used: Iterable[tuple[str, Place]], known: frozenset[str]) -> Iterator[Problem]:
    for role, place in used:
        if role not in known:
            yield Problem(place, f"there is no role {role!r}", one_of(role, known))


def _networks(draft: Draft, node: Node) -> Iterator[Problem]:
    sections: tuple[tuple[str, tuple[Nic | Bond | Bridge, ...]], ...] = (
        ("nics", node.nics),
        ("bonds", node.bonds),
        ("bridges", node.bridges),
    )
    for section, interfaces in sections:
        for at, interface in enumerate(interfaces):
            for index, address in enumerate(interface.addresses):
                path = ("nodes", node.name, section, at, "addresses", index, "network")
                yield from _unknown(draft, "network", address.network, path)
    for at, bridge in enumerate(node.bridges):
        yield from _unknown(draft, "network", bridge.network, ("nodes", node.name, "bridges", at, "network"))
    if node.storage is not None:
        yield from _unknown(draft, "network", node.storage.network, ("nodes", node.name, "storage", "network"))


def _image(draft: Draft, kind: str, name: str, path: tuple[Step, ...]) -> Iterator[Problem]:
    yield from _unknown(draft, "image", name, path)
    image = draft.images.get(name)
    if image is not None and image.kind != kind:
        says = f"image {name!r} is of kind {image.kind}, and {kind} is needed here"
        fitting = (other for other, candidate in draft.images.items() if candidate.kind == kind)
        yield Problem(draft.place(*path), says, one_of(name, fitting))


def _unknown(draft: Draft, noun: str, name: str, path: tuple[Step, ...]) -> Iterator[Problem]:
    known = draft.declared(f"{noun}s")
    if name not in known and draft.whole:
        yield Problem(draft.place(*path), f"there is no {noun} {name!r}", one_of(name, known))
