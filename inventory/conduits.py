"""Conduits put into a node as the NICs, bonds and addresses that they stand for (pure)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from inventory.address import Endpoint
from inventory.model import Link, Node, Site
from inventory.network import Address, Bond, Bridge, Conduit, Network, Nic


def conduits(networks: Mapping[str, Network], node: Node) -> tuple[Conduit, ...]:
    """Those that a node declares, with what its networks say of its other addresses: on a conduit of the same ports,
    or on one that is made for it and goes by the first free name of `bond0`, `bond1`."""
    found = list(node.conduits)
    for address in node.addresses:
        network = networks.get(address.network)
        if network is None or network.conduit is None:
            continue
        at = next((index for index, one in enumerate(found) if one.ports == network.conduit), None)
        if at is None:
            found.append(Conduit(name=_free(node, found), ports=network.conduit, addresses=(address,)))
        else:
            found[at] = found[at].model_copy(update={"addresses": (*found[at].addresses, address)})
    return tuple(found)


def _free(node: Node, found: Sequence[Conduit]) -> str:
    taken = {one.name for one in (*node.interfaces, *found)}
    return next(name for index in range(len(taken) + 1) if (name := f"bond{index}") not in taken)


@dataclass(frozen=True)
class Wired:
    """A conduit with the NICs that it was found to be, in the order of its ports."""

    conduit: Conduit
    nics: tuple[Nic, ...]

    @property
    def interface(self) -> str:
        return self.nics[0].name if self.conduit.ports.mode is None else self.conduit.name


def put(node: Node, wired: Iterable[Wired]) -> Node:
    """The node with these in the place of its conduits; a NIC that it declares is used as it is."""
    nics = list(node.nics)
    bonds: list[Bond] = []
    names: dict[str, str] = {}
    for one in wired:
        names[one.conduit.name] = one.interface
        nics += [nic for nic in one.nics if nic.name not in {other.name for other in nics}]
        if one.conduit.ports.mode is None:
            nics = [_with(nic, one.conduit.addresses) if nic.name == one.interface else nic for nic in nics]
        else:
            members = tuple(nic.name for nic in one.nics)
            mode, addresses = one.conduit.ports.mode, one.conduit.addresses
            bonds.append(Bond(name=one.interface, members=members, mode=mode, addresses=addresses))
    update = {"nics": tuple(nics), "bonds": (*node.bonds, *bonds), "bridges": tuple(_bridges(node, names))}
    return node.model_copy(update={**update, "conduits": (), "addresses": ()})


def _with(nic: Nic, addresses: tuple[Address, ...]) -> Nic:
    return nic.model_copy(update={"addresses": (*nic.addresses, *addresses)})


def _bridges(node: Node, names: Mapping[str, str]) -> Iterator[Bridge]:
    """By the interfaces that conduits came to be; those on one that did not come to be are left out."""
    lost = {one.name for one in node.conduits} - set(names)
    for bridge in node.bridges:
        if lost.isdisjoint(bridge.members):
            yield bridge.model_copy(update={"members": tuple(names.get(one, one) for one in bridge.members)})


def replaced(site: Site, nodes: Mapping[str, Node], ports: Mapping[Endpoint, str]) -> Site:
    """The site with these nodes, and each cable at the NIC that its port was found to be. `ports`: where `25g0` of a
    node is a NIC by that name. A cable at a port that was not found yet is left as it is."""

    def end(one: Endpoint) -> Endpoint:
        node = nodes.get(one.device)
        if node is None or one not in ports or any(nic.name == one.port for nic in node.nics):
            return one
        return Endpoint(one.device, ports[one])

    links = tuple(_link(link, end(link.a), end(link.b)) for link in site.links)
    return site.model_copy(update={"nodes": {**site.nodes, **nodes}, "links": links})


def _link(link: Link, a: Endpoint, b: Endpoint) -> Link:
    return link if (a, b) == (link.a, link.b) else link.model_copy(update={"a": a, "b": b})
