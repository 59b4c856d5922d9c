"""A node's interfaces as its system is to have them (pure): what the inventory says, spelled out for one machine.

A network that is tagged on a NIC or bond is a VLAN interface on it; a bridge on a tagged network has that for a member.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from typing import Literal

from pydantic import Field, JsonValue, TypeAdapter

from inventory.address import Ip, IpField, Mac, MacField, Prefix, PrefixField
from inventory.form import Model
from inventory.model import Node, Site
from inventory.network import Address, Bond, Bridge, Network, Nic

ANYWHERE: Mapping[int, Prefix] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
LONGEST = 15  # characters of an interface's name: IFNAMSIZ less its NUL, linux/if.h
FIRST_RULE = 1000  # with the table's number a rule's priority: before main's 32766, ip-rule(8)
ETHERNET = 1500  # bytes of an IP packet, where nothing is declared: IEEE 802.3


class At(Model):
    """A place on a network. `mtu` is the network's; `gateway` where it has one."""

    network: str
    address: IpField
    length: int = Field(description="Of the prefix, in bits.")
    mtu: int
    gateway: IpField | None = None

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"

    @property
    def prefix(self) -> Prefix:
        return ip_network(str(self), strict=False)


class Way(Model):
    """A route. `via` None: what is on the wire itself. `mtu` where it is less than the interface's."""

    to: PrefixField
    via: IpField | None = None
    metric: int | None = None
    table: int | None = None
    mtu: int | None = None

    @property
    def default(self) -> bool:
        return self.to.prefixlen == 0

    @property
    def planned(self) -> bool:
        """Not the kernel's own, which a netplan cannot take back."""
        return self.via is not None or self.table is not None


class Rule(Model):
    """What is sent from there asks this table first."""

    source: PrefixField
    table: int

    @property
    def priority(self) -> int:
        return FIRST_RULE + self.table


class Interface(Model):
    """One interface. `members` are a bond's or a bridge's; `bond`, `bridge` what it is itself a member of; `vlans` the
    VLAN interfaces on it. `mac` is a NIC's own, a bond's or bridge's that of its first NIC, a VLAN's none."""

    name: str
    kind: Literal["nic", "bond", "vlan", "bridge"]
    mtu: int
    mac: MacField | None = None
    members: tuple[str, ...] = ()
    mode: Literal["lacp", "active-backup"] | None = None
    rate: Literal["fast", "slow"] = "fast"
    hash: Literal["layer2", "layer2+3", "layer3+4"] = "layer3+4"
    vlan: int | None = None
    parent: str | None = None
    bond: str | None = None
    bridge: str | None = None
    vlans: tuple[str, ...] = ()
    addresses: tuple[At, ...] = ()
    routes: tuple[Way, ...] = ()
    rules: tuple[Rule, ...] = ()
    last: bool = Field(default=False, description="Of a bond's members the one that goes into it last: it has booted.")

    @property
    def narrow(self) -> tuple[At, ...]:
        """Addresses on networks of smaller packets than the interface's: their own routes say so."""
        return tuple(one for one in self.addresses if one.mtu < self.mtu)


def vlan_name(parent: str, vlan: int) -> str:
    """`bond0.110`; `vlan110` where that would be too long."""
    name = f"{parent}.{vlan}"
    return name if len(name) <= LONGEST else f"vlan{vlan}"


def default_networks(networks: Mapping[str, Network], provisioning: str, on: Iterable[str]) -> tuple[Network, ...]:
    """Of the networks that a node is on, those whose gateway is its way to everywhere: one of each family, in a sound
    site; more where it does not hold together."""
    here = [networks[name] for name in dict.fromkeys(on) if networks[name].gateway is not None]
    asking = [network for network in here if network.default_route]
    families = {network.prefix.version for network in asking}
    fallback = [
        network
        for network in here
        if network.name == provisioning and network.default_route is None and network.prefix.version not in families
    ]
    return (*asking, *fallback)


def interfaces(site: Site, node: Node) -> tuple[Interface, ...]:
    """All that is to be configured, members before what is made of them. A NIC that nothing is said of is left out."""
    return tuple(_Spelled(site, node).all())


def lone(site: Site, node: Node) -> tuple[Interface, ...]:
    """As a system comes up first, before bonds, VLANs and bridges are there: the boot NIC alone has what its frames
    carry untagged, and so has every other NIC that is in no bond."""
    spelled = _Spelled(site, node)
    plain = [nic for nic in node.nics if nic == node.boot_nic or node.bond_of(nic) is None]
    found = [(nic, [one for one in node.addresses_at(nic) if not one.tagged]) for nic in plain]
    return tuple(spelled.plain(nic, addresses) for nic, addresses in found if addresses)


@dataclass(frozen=True)
class _Spelled:
    site: Site
    node: Node

    def all(self) -> Iterator[Interface]:
        ports = {one.name: one for one in self._ports()}
        for nic in self.node.nics:
            bond = self.node.bond_of(nic)
            if bond is not None:
                last = nic == self.node.boot_nic
                yield Interface(
                    name=nic.name, kind="nic", mac=nic.mac, mtu=ports[bond.name].mtu, bond=bond.name, last=last
                )
        for port in ports.values():
            if port.kind == "bond" or port.addresses or port.vlans or port.bridge:
                yield port
        for name in ports:
            yield from self._vlans(name)
        for bridge in self.node.bridges:
            yield self._bridge(bridge)

    def plain(self, nic: Nic, addresses: Sequence[Address]) -> Interface:
        mtu = max(self._network(one).mtu for one in addresses)
        return self._with(Interface(name=nic.name, kind="nic", mac=nic.mac, mtu=mtu), addresses)

    def _ports(self) -> Iterator[Interface]:
        """What frames leave by: NICs in no bond, and bonds."""
        for nic in self.node.nics:
            if self.node.bond_of(nic) is None:
                yield self._port(nic, Interface(name=nic.name, kind="nic", mac=nic.mac, mtu=ETHERNET))
        for bond in self.node.bonds:
            one = Interface(
                name=bond.name,
                kind="bond",
                mtu=ETHERNET,
                mac=self._mac(bond.members),
                members=bond.members,
                mode=bond.mode,
                rate=bond.rate,
                hash=bond.hash,
            )
            yield self._port(bond, one)

    def _port(self, declared: Nic | Bond, one: Interface) -> Interface:
        own = [address for address in declared.addresses if not address.tagged]
        bridge = next((each for each in self.node.bridges_of(declared.name) if not each.tagged), None)
        vlans = tuple(self._vlans(declared.name))
        mtus = [*(vlan.mtu for vlan in vlans), *self._mtus(own), *([self._bridge(bridge).mtu] if bridge else [])]
        update = {"mtu": max(mtus, default=ETHERNET), "vlans": tuple(vlan.name for vlan in vlans)}
        bridged = {"bridge": bridge.name} if bridge else {}
        return self._with(one.model_copy(update={**update, **bridged}), own)

    def _vlans(self, port: str) -> Iterator[Interface]:
        found: dict[int, list[Address]] = {}
        bridges: dict[int, Bridge] = {}
        declared = next(one for one in self.node.ports if one.name == port)
        for address in declared.addresses:
            if address.tagged:
                found.setdefault(self._id(address.network), []).append(address)
        for bridge in self.node.bridges_of(port):
            if bridge.tagged:
                bridges[self._id(bridge.network)] = bridge
                found.setdefault(self._id(bridge.network), [])
        for vlan, addresses in found.items():
            bridged = bridges.get(vlan)
            mtus = [*self._mtus(addresses), *([self._bridge(bridged).mtu] if bridged else [])]
            name = bridged.name if bridged else None
            one = Interface(name=vlan_name(port, vlan), kind="vlan", vlan=vlan, parent=port, mtu=max(mtus), bridge=name)
            yield self._with(one, addresses)

    def _bridge(self, bridge: Bridge) -> Interface:
        vlan = self._id(bridge.network) if bridge.tagged else None
        members = tuple(vlan_name(one, vlan) if vlan is not None else one for one in bridge.members)
        mtu = max([self.site.networks[bridge.network].mtu, *self._mtus(bridge.addresses)])
        first = next((bond.members for bond in self.node.bonds if bond.name == bridge.members[0]), bridge.members)
        one = Interface(name=bridge.name, kind="bridge", mtu=mtu, mac=self._mac(first), members=members)
        return self._with(one, bridge.addresses)

    def _with(self, one: Interface, addresses: Sequence[Address]) -> Interface:
        """With its addresses, and the routes and rules that come with their networks."""
        routes: list[Way] = []
        rules: list[Rule] = []
        for address in addresses:
            network = self._network(address)
            narrow = network.mtu if network.mtu < one.mtu else None
            routes += self._routes(network, narrow)
            if network.table is not None:
                rules.append(Rule(source=ip_network(str(address.address)), table=network.table))
        at = tuple(self._at(address) for address in addresses)
        return one.model_copy(update={"addresses": at, "routes": tuple(routes), "rules": tuple(rules)})

    def _routes(self, network: Network, narrow: int | None) -> Iterator[Way]:
        declared = [
            Way(to=route.to, via=route.via or network.gateway, metric=route.metric, mtu=narrow)
            for route in network.routes
        ]
        anywhere = Way(to=ANYWHERE[network.prefix.version], via=network.gateway, mtu=narrow)
        if narrow is not None:
            yield Way(to=network.prefix, mtu=narrow)
        if network.name in self._defaults:
            yield anywhere
        yield from declared
        if network.table is not None:
            own = [Way(to=network.prefix, mtu=narrow), *declared, *([anywhere] if network.gateway else [])]
            yield from (one.model_copy(update={"table": network.table}) for one in own)

    def _at(self, address: Address) -> At:
        network = self._network(address)
        return At(
            network=network.name,
            address=address.address,
            length=network.prefix.prefixlen,
            mtu=network.mtu,
            gateway=network.gateway,
        )

    def _mtus(self, addresses: Iterable[Address]) -> list[int]:
        return [self._network(one).mtu for one in addresses]

    def _network(self, address: Address) -> Network:
        return self.site.networks[address.network]

    def _id(self, network: str) -> int:
        """A tagged network has one, in a site that was checked."""
        return self.site.networks[network].vlan or 0

    def _mac(self, members: Sequence[str]) -> Mac | None:
        macs = {nic.name: nic.mac for nic in self.node.nics}
        return next((macs[name] for name in members if name in macs), None)

    @cached_property
    def _defaults(self) -> frozenset[str]:
        on = [one.network for one in worn(self.node)]
        return frozenset(one.name for one in default_networks(self.site.networks, self.site.provisioning.network, on))


def worn(node: Node) -> Iterator[Address]:
    """Every address of a node, once."""
    yield from node.addresses
    for interface in node.interfaces:
        yield from interface.addresses


def home(site: Site, node: Node) -> Ip | None:
    """Its address on the provisioning network, where its system answers."""
    return next((one.address for one in worn(node) if one.network == site.provisioning.network), None)


_ALL = TypeAdapter(tuple[Interface, ...])


def as_json(told: tuple[Interface, ...]) -> JsonValue:
    """Without what is as it always is: a plan shows what changes."""
    plain: JsonValue = _ALL.dump_python(told, mode="json", exclude_defaults=True)
    return plain


def from_json(told: JsonValue) -> tuple[Interface, ...]:
    return _ALL.validate_python(told)
