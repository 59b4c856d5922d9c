"""Disks belong to one role each: what volumes go to is no other's, and not where the system goes."""

from collections.abc import Iterator

from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem
from inventory.model import Node, Storage

_OF_ITS_OWN = "give the volumes disks of their own"


def disks(draft: Draft) -> Iterator[Problem]:
    for node in draft.nodes.values():
        if node.storage is not None:
            yield from _served(draft, node, node.storage)
            yield from _root(draft, node)
            yield from _clashes(draft, node, node.storage)


def _served(draft: Draft, node: Node, storage: Storage) -> Iterator[Problem]:
    """An initiator is told one address: the node's on that network."""
    on = {address.network for one in node.interfaces for address in one.addresses}
    on |= {address.network for address in node.addresses}
    if storage.network in draft.networks and storage.network not in on:
        says = f"{node.name} serves volumes on {storage.network}, and has no address there"
        yield Problem(
            draft.place("nodes", node.name, "storage", "network"), says, "give it one, or name a network that it is on"
        )


def _root(draft: Draft, node: Node) -> Iterator[Problem]:
    root = node.root_disk
    if root is None or (root.serial is None and root.wwn is None):
        says = f"{node.name} has disks for volumes, and which one its system goes to is not said by serial or wwn"
        yield Problem(draft.place("nodes", node.name, "storage"), says, "write root_disk: with its serial: or its wwn:")


def _clashes(draft: Draft, node: Node, storage: Storage) -> Iterator[Problem]:
    """Kept apart by key: one disk's serial may read like another's wwn."""
    for key in ("serial", "wwn"):
        claims = []
        root = node.root_disk.model_dump()[key] if node.root_disk is not None else None
        if root is not None:
            place = draft.place("nodes", node.name, "root_disk")
            claims.append(Claim(f"{key} {root}", f"{node.name}'s root_disk (role os-install)", place))
        for at, one in enumerate(storage.disks):
            value = one.model_dump()[key]
            if value is not None:
                place = draft.place("nodes", node.name, "storage", "disks", at)
                claims.append(Claim(f"{key} {value}", f"{node.name}'s storage.disks (role storage)", place))
        yield from clashes("disk", claims, _OF_ITS_OWN)
