"""Who tries what with whom (pure): for each compute host the one that its volume moves to, and one that looks on."""

from dataclasses import dataclass

from inventory.model import Node, Site
from inventory.network import Network
from orchestrator.errors import Impossible

COMPUTE = "compute-host"


@dataclass(frozen=True)
class Pair:
    """`number` from 1. `third` is neither of the two: a host that only asks."""

    number: int
    writer: Node
    reader: Node
    third: Node


def compute_hosts(site: Site) -> tuple[Node, ...]:
    """In the order of the inventory."""
    having = {name for name, group in site.groups.items() if COMPUTE in group.roles}
    return tuple(node for node in site.nodes.values() if having.intersection(node.groups))


def pairs(site: Site) -> tuple[Pair, ...]:
    """`Impossible` where there are not two compute hosts and a third host beside any two."""
    hosts = compute_hosts(site)
    if len(hosts) < 2:
        raise Impossible(f"{len(hosts)} of the site's nodes is a {COMPUTE}: a volume that moves needs two")
    if len(site.nodes) < 3:
        raise Impossible("the site has two nodes: who looks on must be a third")
    found = []
    for number, writer in enumerate(hosts):
        reader = hosts[(number + 1) % len(hosts)]
        others = [*hosts[number + 2 :], *hosts[:number], *site.nodes.values()]
        third = next(one for one in others if one.name not in {writer.name, reader.name})
        found.append(Pair(number + 1, writer, reader, third))
    return tuple(found)


def tenant_network(site: Site, named: str | None) -> Network:
    """The one that is asked for, or the only one that every compute host has a bridge on."""
    hosts = compute_hosts(site)
    bridged = [{bridge.network for bridge in node.bridges} for node in hosts]
    shared = sorted(set.intersection(*bridged)) if bridged else []
    if named is not None:
        if named not in shared:
            raise Impossible(f"not every {COMPUTE} has a bridge on {named}; they share: {', '.join(shared) or 'none'}")
        return site.networks[named]
    free = [name for name in shared if any(one.use == "static" for one in site.networks[name].ranges)]
    if len(free) != 1:
        told = ", ".join(free) or "none with a static range"
        raise Impossible(f"which network guests are to have is not clear: every {COMPUTE} has bridges on {told}")
    return site.networks[free[0]]


def bridge_of(node: Node, network: Network) -> str:
    return next(bridge.name for bridge in node.bridges if bridge.network == network.name)
