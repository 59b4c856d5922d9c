"""Addresses that the inventory leaves to Anneal (`address: auto`): who asks for one, what is taken, and the site with
them in place (pure).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from inventory.address import Ip, Prefix, free
from inventory.interfaces import worn
from inventory.model import Node, Site
from inventory.network import Address, Network

_POINT_TO_POINT = 2  # addresses of a prefix that has no network and broadcast address: RFC 3021, RFC 6164


@dataclass(frozen=True, order=True)
class Ask:
    """A node has one address of each network at most that is given out, whatever interface it is on."""

    network: str
    node: str


Given = Mapping[Ask, Ip]


def asks(site: Site) -> tuple[Ask, ...]:
    return tuple(sorted(Ask(one.network, node.name) for node in site.nodes.values() for one in worn(node) if one.auto))


def declared(site: Site, network: Network) -> frozenset[Ip]:
    """What somebody has, or no host may have."""
    prefix, owned = network.prefix, {one.address for node in site.nodes.values() for one in worn(node) if not one.auto}
    routers = [network.gateway, *(route.via for route in network.routes)]
    others: list[object] = [site.provisioning.address, *site.dns, *site.ntp]
    others += [node.bmc.address.host for node in site.nodes.values()]
    for switch in site.switches.values():
        others += [switch.management.address.host] if switch.management is not None else []
        others += [switch.first_boot.address] if switch.first_boot is not None else []
    found = {*owned, *(one for one in routers if one is not None), *_addresses(others), *_reserved(prefix)}
    return frozenset(one for one in found if one in prefix)


def candidates(network: Network, taken: frozenset[Ip]) -> Iterator[Ip]:
    """What may still be given out, the lowest first."""
    return free([(one.first, one.last) for one in network.ranges if one.use == "static"], taken)


def size(network: Network) -> int:
    """Addresses of its static ranges."""
    return sum(int(one.last) - int(one.first) + 1 for one in network.ranges if one.use == "static")


def placed(site: Site, given: Given) -> Site:
    """The site with every address that was given in its place."""
    return site.model_copy(update={"nodes": {name: _node(node, given) for name, node in site.nodes.items()}})


def _node(node: Node, given: Given) -> Node:
    if not any(one.auto for one in worn(node)):
        return node

    def put(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
        found = ((one, given.get(Ask(one.network, node.name))) for one in addresses)
        return tuple(
            one.model_copy(update={"address": address}) if one.auto and address else one for one, address in found
        )

    kinds = {
        kind: tuple(one.model_copy(update={"addresses": put(one.addresses)}) for one in getattr(node, kind))
        for kind in ("nics", "bonds", "bridges", "conduits")
    }
    return node.model_copy(update={**kinds, "addresses": put(node.addresses)})


def _reserved(prefix: Prefix) -> Iterator[Ip]:
    """The network's own address, IPv6's anycast of its routers (RFC 4291 2.6.1), and IPv4's broadcast."""
    if prefix.num_addresses > _POINT_TO_POINT:
        yield prefix.network_address
        if prefix.version == 4:
            yield prefix.broadcast_address


def _addresses(words: list[object]) -> Iterator[Ip]:
    """Those that are addresses; names are somebody else's affair."""
    for word in words:
        try:
            yield ip_address(str(word))
        except ValueError:
            continue
