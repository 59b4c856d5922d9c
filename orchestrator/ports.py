"""What each switch port of a node is to be, by its declared cable and the node's phase (pure).

Nothing here names a port that no cable of the node ends at. What a port is told to be is said in the drivers' words.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from pydantic import JsonValue, TypeAdapter

from drivers.ability.switch import LagWanted, PortSettings
from drivers.switch.names import canonical
from inventory.address import Endpoint
from inventory.model import Node, Site
from inventory.network import Network, Nic
from inventory.switch import Switch
from orchestrator.errors import Impossible


class Phase(StrEnum):
    """Of a node: what its ports are for."""

    PROVISION = "provision"  # it boots from the network, and nobody else is reached
    READY = "ready"  # the networks that it is declared on
    TENANT = "tenant"  # those of a claim
    QUARANTINE = "quarantine"  # kept apart


@dataclass(frozen=True)
class Membership:
    """An interface's place on a network."""

    network: str
    tagged: bool = False


Tenancy = Mapping[str, Collection[Membership]]  # interface (a bond, or a NIC that is in none) -> its networks


@dataclass(frozen=True)
class PortIntent:
    """A port and the NIC at its other end; `interface` is that or the bond that it is in.

    `boots`: the node's firmware may boot from the network there.
    """

    port: str
    node: str
    nic: str
    interface: str
    boots: bool
    settings: PortSettings


@dataclass(frozen=True)
class SwitchIntent:
    """Ports of one switch, by name, and the VLANs that they need there: id to name."""

    ports: Mapping[str, PortIntent] = field(default_factory=dict)
    vlans: Mapping[int, str] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, PortSettings]:
        return {name: one.settings for name, one in self.ports.items()}

    def joined(self, other: "SwitchIntent") -> "SwitchIntent":
        return SwitchIntent({**self.ports, **other.ports}, {**self.vlans, **other.vlans})


Intents = Mapping[str, SwitchIntent]  # by switch
_INTENTS = TypeAdapter(dict[str, SwitchIntent])


def as_json(told: Intents) -> dict[str, JsonValue]:
    """As a role's input, in one spelling."""
    plain: dict[str, JsonValue] = _INTENTS.dump_python(dict(told), mode="json")
    return {name: _ordered(one) for name, one in plain.items()}


def from_json(told: JsonValue) -> Intents:
    return _INTENTS.validate_python(told)


def _ordered(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {key: _ordered(one) for key, one in value.items()}
        case list():
            return sorted(value, key=repr)
        case _:
            return value


def allowed(site: Site) -> Mapping[str, frozenset[str]]:
    """By switch, the ports that may be changed at all: a cable of a node ends there, and it is no uplink."""
    ends: dict[str, set[str]] = {name: set() for name in site.switches}
    for end in (end for link in site.links for end in _ends(site, link.a, link.b)):
        if end.device in ends:
            ends[end.device].add(end.port)
    ours: dict[str, frozenset[str]] = {}
    for name, found in ends.items():
        switch = site.switches[name]
        declared = frozenset(in_full(switch, switch.ports)) - frozenset(in_full(switch, switch.uplinks))
        ours[name] = frozenset(in_full(switch, tuple(found))) & declared
    return ours


def in_full(switch: Switch, ports: tuple[str, ...]) -> tuple[str, ...]:
    """Ports by the one name that each has for its family: Et7 is Ethernet7, and an uplink in whatever spelling."""
    return _in_full(switch.management.family, ports) if switch.management is not None else ports


@lru_cache(maxsize=1024)
def _in_full(family: str, ports: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(canonical(family, port) for port in ports)


def intents(site: Site, node: Node, phase: Phase, tenancy: Tenancy | None = None) -> Intents:
    """What the node's ports at driven switches are to be. `tenancy`: what a claim asks for, in its phase.

    `Impossible` for a cable at an uplink or at no port of its switch, and for a network that a port cannot carry.
    """
    carried = _Carried(site, node, _checked(site, node, tenancy or {}))
    found: dict[str, SwitchIntent] = {}
    for nic, end, switch in driven(site, node):
        port = _checked_port(node, nic, end, switch)
        networks = carried.at(nic, phase)
        one = PortIntent(
            port=port,
            node=node.name,
            nic=nic.name,
            interface=_interface(node, nic),
            boots=_boots(node, nic),
            settings=_settings(site, node, nic, phase, networks),
        )
        vlans = {_vlan(network): _vlan_name(site, network) for network, _ in networks}
        found[switch.name] = found.get(switch.name, SwitchIntent()).joined(SwitchIntent({port: one}, vlans))
    return found


def _checked_port(node: Node, nic: Nic, end: Endpoint, switch: Switch) -> str:
    """The port at the end of a cable, by its name in full. `Impossible` where it is not ours, or told twice."""
    (port,), ports = in_full(switch, (end.port,)), in_full(switch, switch.ports)
    uplink = port in in_full(switch, switch.uplinks)
    if uplink or port not in ports:
        what = "an uplink" if uplink else "no port of it"
        raise Impossible(f"{node.name}:{nic.name} is cabled to {end}, which is {what}: never touched. Mend links:")
    if ports.count(port) > 1:
        raise Impossible(f"{switch.name} has {port} twice among its ports, in two spellings. Take one out")
    return port


def driven(site: Site, node: Node) -> Iterator[tuple[Nic, Endpoint, Switch]]:
    """The node's cables that end at driven switches."""
    for nic in node.nics:
        here = Endpoint(node.name, nic.name)
        link = site.link_of(node.name, nic.name)
        if link is None:
            continue
        far = link.b if link.a == here else link.a
        switch = site.switches.get(far.device)
        if switch is not None and switch.management is not None:
            yield nic, far, switch


def lag_number(site: Site, node: Node, nic: Nic) -> int | None:
    """The LAG of a NIC's port: the place of the bond's first port among the switch's own. None without one.

    It hangs on nothing but the bond's own cables, so no other node's change can renumber it (decision 9).
    """
    bond = node.bond_of(nic)
    if bond is None or bond.mode != "lacp":
        return None
    ends = {one.name: (far, switch) for one, far, switch in driven(site, node)}
    if nic.name not in ends:
        return None
    own = ends[nic.name][1]
    mates = tuple(far.port for name, (far, switch) in ends.items() if name in bond.members and switch == own)
    first = own.management.first_lag if own.management is not None else 1
    ports = in_full(own, own.ports)
    return first + min(ports.index(port) for port in in_full(own, mates) if port in ports)


@dataclass(frozen=True)
class _Carried:
    """The networks of a port, each with whether it is tagged there."""

    site: Site
    node: Node
    tenancy: Tenancy

    def at(self, nic: Nic, phase: Phase) -> Sequence[tuple[Network, bool]]:
        match phase:
            case Phase.PROVISION:
                named = [Membership(self.site.provisioning.network)] if _boots(self.node, nic) else []
            case Phase.READY:
                named = [Membership(name, tagged) for name, tagged in self.node.networks_at(nic).items()]
            case Phase.TENANT:
                named = list(self.tenancy.get(_interface(self.node, nic), ()))
            case Phase.QUARANTINE:
                named = [Membership(self.site.quarantine)] if self.site.quarantine else []
        return [(self.site.networks[one.network], one.tagged) for one in dict.fromkeys(named)]


def _settings(site: Site, node: Node, nic: Nic, phase: Phase, networks: Sequence[tuple[Network, bool]]) -> PortSettings:
    """MTU and LAG are the same in all phases, so that a change of phase changes VLANs alone and no link goes down."""
    number = lag_number(site, node, nic)
    known = [site.networks[name].mtu for name in node.networks_at(nic)]
    known += [site.networks[site.provisioning.network].mtu] if _boots(node, nic) else []
    return PortSettings(
        enabled=bool(networks) or phase is not Phase.QUARANTINE,
        untagged=next((_vlan(network) for network, tagged in networks if not tagged), None),
        tagged=frozenset(_vlan(network) for network, tagged in networks if tagged),
        mtu=max((*known, *(network.mtu for network, _ in networks)), default=None),
        edge=True,
        lag=LagWanted(number, fallback=_boots(node, nic)) if number is not None else None,
        description=f"{node.name}:{nic.name}",
    )


def _boots(node: Node, nic: Nic) -> bool:
    """Firmware boots from either member of a bond: which one the switch forwards is not ours to say (quirk 113)."""
    return _interface(node, nic) == _interface(node, node.boot_nic)


def _interface(node: Node, nic: Nic) -> str:
    return (node.bond_of(nic) or nic).name


def _vlan(network: Network) -> int:
    if network.vlan is None:
        raise Impossible(f"network {network.name} has no vlan, and is to be put on a switch port. Give it one")
    return network.vlan


def _vlan_name(site: Site, network: Network) -> str:
    """Of the networks of one VLAN (one for each family) the first's, whoever is on which."""
    return next(one.name for one in site.networks.values() if one.vlan == network.vlan)


def _checked(site: Site, node: Node, tenancy: Tenancy) -> Tenancy:
    """What a claim asks for comes from outside the inventory."""
    interfaces = {_interface(node, nic) for nic in node.nics}
    for interface, networks in tenancy.items():
        if interface not in interfaces:
            raise Impossible(f"{node.name} has no interface {interface}. It has: {', '.join(sorted(interfaces))}")
        unknown = sorted({one.network for one in networks} - set(site.networks))
        if unknown:
            raise Impossible(f"{node.name}:{interface}: there is no network {unknown[0]}")
        if len({one.network for one in networks if not one.tagged}) > 1:
            raise Impossible(f"{node.name}:{interface}: two networks without a tag. Tag all but one")
    return tenancy


def _ends(site: Site, a: Endpoint, b: Endpoint) -> Iterator[Endpoint]:
    """Those ends of a cable that have a node at the other."""
    if a.device in site.nodes:
        yield b
    if b.device in site.nodes:
        yield a
