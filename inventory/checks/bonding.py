"""Bonds are made of NICs that serve nothing else, and an interface's networks can be told apart on its wire."""

from collections.abc import Iterator

from inventory.document import Step
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem
from inventory.model import Node
from inventory.network import Address, Bond
from inventory.wording import one_of


def bonding(draft: Draft) -> Iterator[Problem]:
    for node in draft.nodes.values():
        claims: list[Claim] = []
        for index, bond in enumerate(node.bonds):
            path: tuple[Step, ...] = ("nodes", node.name, "bonds", index)
            yield from _name(draft, node, bond, path)
            yield from _members(draft, node, bond, path)
            place = draft.place(*path, "members")
            claims += [Claim(f"{node.name}:{member}", f"bond {bond.name}", place) for member in bond.members]
        yield from clashes("NIC", claims, "a NIC is in one bond, once: take it out of the other")
        for path, interface, addresses in _interfaces(node):
            yield from _networks(draft, f"{node.name}:{interface}", addresses, path)


def _name(draft: Draft, node: Node, bond: Bond, path: tuple[Step, ...]) -> Iterator[Problem]:
    taken = [nic.name for nic in node.nics] + [one.name for one in node.bonds]
    if taken.count(bond.name) > 1:
        says = f"{node.name} has another interface named {bond.name!r}"
        yield Problem(draft.place(*path, "name"), says, "give the bond a name of its own, as bond0")


def _members(draft: Draft, node: Node, bond: Bond, path: tuple[Step, ...]) -> Iterator[Problem]:
    nics = {nic.name: nic for nic in node.nics}
    for member in bond.members:
        nic = nics.get(member)
        place = draft.place(*path, "members")
        if nic is None:
            says = f"bond {bond.name} of {node.name} has a member {member!r}, which is no NIC of it"
            yield Problem(place, says, one_of(member, nics))
        elif nic.addresses:
            says = f"{node.name}:{member} is in bond {bond.name} and has addresses of its own"
            yield Problem(place, says, "give them to the bond")


def _interfaces(node: Node) -> Iterator[tuple[tuple[Step, ...], str, tuple[Address, ...]]]:
    for index, nic in enumerate(node.nics):
        yield ("nodes", node.name, "nics", index, "addresses"), nic.name, nic.addresses
    for index, bond in enumerate(node.bonds):
        yield ("nodes", node.name, "bonds", index, "addresses"), bond.name, bond.addresses


def _networks(draft: Draft, who: str, addresses: tuple[Address, ...], path: tuple[Step, ...]) -> Iterator[Problem]:
    """Two prefixes on one wire without a VLAN are one network to a switch."""
    untagged: dict[int | None, str] = {}
    for index, address in enumerate(addresses):
        network = draft.networks.get(address.network)
        if network is None:
            continue
        place = draft.place(*path, index)
        if address.tagged and network.vlan is None:
            says = f"{who} is on network {network.name} tagged, and that has no vlan"
            yield Problem(place, says, "give the network a vlan, or leave tagged out")
        if not address.tagged:
            untagged.setdefault(network.vlan, network.name)
            if len(untagged) > 1 and network.vlan not in list(untagged)[:1]:
                first, second = next(iter(untagged.values())), network.name
                says = f"{who} is on two networks without a tag, {first} and {second}"
                yield Problem(place, says, "say tagged: true at all but one")
