"""Bridges, VLAN interfaces, routes and addresses that are to be given out: what a host's network is made of can be."""

from collections.abc import Iterator, Sequence

from inventory.document import Step
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem
from inventory.interfaces import default_networks, vlan_name
from inventory.model import Node
from inventory.network import Address, Bond, Bridge, Network, Nic
from inventory.wording import one_of

_Path = tuple[Step, ...]


def host_interfaces(draft: Draft) -> Iterator[Problem]:
    for network in draft.networks.values():
        yield from _routes(draft, network)
    tables = [
        Claim(str(one.table), f"network {one.name}", draft.place("networks", one.name, "table"))
        for one in draft.networks.values()
        if one.table is not None
    ]
    yield from clashes("routing table", tables, "give each network a table of its own")
    for node in draft.nodes.values():
        for at, bridge in enumerate(node.bridges):
            yield from _bridge(draft, node, bridge, ("nodes", node.name, "bridges", at))
        yield from _names(draft, node)
        yield from _default(draft, node)
        yield from _autos(draft, node)


def _routes(draft: Draft, network: Network) -> Iterator[Problem]:
    path: _Path = ("networks", network.name)
    for key, given in (("default_route", network.default_route), ("table", network.table)):
        if given and network.gateway is None:
            says = f"network {network.name} has {key} and no gateway"
            yield Problem(draft.place(*path, key), says, "give the gateway that it leads to")
    for index, route in enumerate(network.routes):
        place, via = draft.place(*path, "routes", index), route.via or network.gateway
        if via is None:
            yield Problem(place, f"the route to {route.to} leads by nobody", "give via:, or the network a gateway")
        elif via not in network.prefix:
            says = f"the route to {route.to} leads by {via}, which is not in {network.prefix}"
            yield Problem(place, says, "name a router on this network")
        elif route.to.version != via.version:
            yield Problem(place, f"the route to {route.to} leads by {via}, of the other family", "mend one of them")


def _bridge(draft: Draft, node: Node, bridge: Bridge, path: _Path) -> Iterator[Problem]:
    ports = {one.name: one for one in node.ports}
    place = draft.place(*path, "members")
    for member in bridge.members:
        port = ports.get(member)
        if port is None:
            says = f"bridge {bridge.name} of {node.name} has a member {member!r}, no bond of it and no NIC in none"
            yield Problem(place, says, one_of(member, ports))
        elif not bridge.tagged and any(not one.tagged for one in port.addresses):
            says = f"{node.name}:{member} is in bridge {bridge.name} and has untagged addresses of its own"
            yield Problem(place, says, "give them to the bridge")
    network = draft.networks.get(bridge.network)
    if network is None:
        return
    if bridge.tagged and network.vlan is None:
        says = f"bridge {bridge.name} of {node.name} is on network {network.name} tagged, and that has no vlan"
        yield Problem(draft.place(*path, "network"), says, "give the network a vlan, or leave tagged out")
    for index, address in enumerate(bridge.addresses):
        other = draft.networks.get(address.network)
        if other is not None and (address.tagged or other.vlan != network.vlan):
            says = f"{node.name}:{bridge.name} is on network {network.name}, and this address is not"
            remedy = f"give it to another interface, or choose one on {network.name}, without tagged"
            yield Problem(draft.place(*path, "addresses", index), says, remedy)


def _names(draft: Draft, node: Node) -> Iterator[Problem]:
    """Bridges and VLAN interfaces beside what else is there; and a wire without tags, or a VLAN, is in one bridge."""
    here: _Path = ("nodes", node.name)
    others = dict.fromkeys([*(nic.name for nic in node.nics), *(bond.name for bond in node.bonds)])  # said elsewhere
    claims = [Claim(name, f"{node.name}:{name}", draft.place(*here, "nics")) for name in others]
    claims += [Claim(one.name, "a bridge", draft.place(*here, "bridges", at)) for at, one in enumerate(node.bridges)]
    wires: list[Claim] = []
    for port in node.ports:
        vlans = {_vlan(draft, one.network): one.network for one in port.addresses if one.tagged}
        for bridge in node.bridges_of(port.name):
            place = draft.place(*here, "bridges", node.bridges.index(bridge), "members")
            vlan = _vlan(draft, bridge.network) if bridge.tagged else None
            wires.append(Claim(f"{node.name}:{port.name}{'' if vlan is None else f' VLAN {vlan}'}", bridge.name, place))
            if vlan in vlans and bridge.tagged:
                says = f"{node.name}:{port.name} has addresses on {vlans[vlan]}, which is in bridge {bridge.name}"
                yield Problem(place, says, "give them to the bridge")
            vlans |= {vlan: bridge.network} if bridge.tagged else {}
        for vlan, network in vlans.items():
            if vlan is not None:
                claims.append(Claim(vlan_name(port.name, vlan), f"network {network}", draft.place(*here)))
    yield from clashes("interface", claims, "rename one of them")
    yield from clashes("wire", wires, "a wire is in one bridge: take it out of the other")


def _vlan(draft: Draft, network: str) -> int | None:
    known = draft.networks.get(network)
    return known.vlan if known is not None else None


def _default(draft: Draft, node: Node) -> Iterator[Problem]:
    """One way to everywhere for each family."""
    provisioning = draft.provisioning.network if draft.provisioning is not None else ""
    on = [one.network for _, _, one in _addresses(node) if one.network in draft.networks]
    seen: dict[int, Network] = {}
    for network in default_networks(draft.networks, provisioning, on):
        first = seen.setdefault(network.prefix.version, network)
        if first is not network:
            says = f"{node.name} has two ways to everywhere, by networks {first.name} and {network.name}"
            yield Problem(draft.place("nodes", node.name), says, "say default_route: true at one of them")


def _autos(draft: Draft, node: Node) -> Iterator[Problem]:
    seen: set[str] = set()
    for interface, path, address in _addresses(node):
        network = draft.networks.get(address.network)
        if not address.auto or network is None:
            continue
        place = draft.place("nodes", node.name, *path, "address")
        if not any(span.use == "static" for span in network.ranges):
            says = f"{node.name}:{interface} is to be given an address on {network.name}, which has no static range"
            yield Problem(place, says, "add one to its ranges: {first: ..., last: ...}")
        if network.name in seen:
            says = f"{node.name} is to be given two addresses on {network.name}"
            yield Problem(place, says, "declare one of them: they could not be told apart")
        seen.add(network.name)


def _addresses(node: Node) -> Iterator[tuple[str, _Path, Address]]:
    sections: Sequence[tuple[str, Sequence[Nic | Bond | Bridge]]] = (
        ("nics", node.nics),
        ("bonds", node.bonds),
        ("bridges", node.bridges),
    )
    for section, interfaces in sections:
        for at, interface in enumerate(interfaces):
            for index, address in enumerate(interface.addresses):
                yield interface.name, (section, at, "addresses", index), address
