"""With whom a node proves its networks (pure)."""

from collections.abc import Collection
from itertools import groupby

from inventory.interfaces import worn
from inventory.model import Node, Site


def peers(site: Site, node: Node, up: Collection[str]) -> tuple[Node, ...]:
    """Of those that are up: all of its rack, and on each of its networks one of every other rack. Neighbours in a rack
    take different ones, so that between two racks many ways are gone and none by all."""
    others = [one for one in site.nodes.values() if one.name in up and one.name != node.name]
    found = {one.name: one for one in others if one.rack == node.rack}
    own = [one.name for one in site.nodes.values() if one.rack == node.rack]
    far = sorted((one for one in others if one.rack != node.rack), key=lambda one: (one.rack, one.name))
    for _, there in groupby(far, key=lambda one: one.rack):
        members = list(there)
        for network in sorted(_networks(node)):
            on = [one for one in members if network in _networks(one)]
            if on:
                chosen = on[own.index(node.name) % len(on)]
                found[chosen.name] = chosen
    return tuple(found.values())


def uncounted(site: Site, node: Node, counted: Collection[Node]) -> frozenset[str]:
    """Who would be a peer as soon as it is up: the others of the rack, and on each network that nobody of another rack
    is asked on, all of that rack."""
    asked = {(one.rack, network) for one in counted for network in _networks(one)}
    there = {one.name for one in counted} | {node.name}
    own = _networks(node)
    return frozenset(
        one.name
        for one in site.nodes.values()
        if one.name not in there
        and (one.rack == node.rack or any((one.rack, network) not in asked for network in own & _networks(one)))
    )


def _networks(node: Node) -> frozenset[str]:
    return frozenset(one.network for one in worn(node))
