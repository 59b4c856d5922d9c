"""Which NICs a node's conduits are: by what its ramdisk told of them, and the order that its profile gives (pure).

A port is known by its MAC, and by the name that the ramdisk's kernel gives it. What cannot be told apart is an error
and never a guess: a wrong wire is found late.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pydantic import JsonValue

from inventory.address import Endpoint, Mac
from inventory.conduits import Wired, conduits, put, replaced
from inventory.model import Node, Site
from inventory.network import Conduit, Nic
from inventory.ports import Ports
from inventory.quantity import speed_in_words
from orchestrator.agent.inspection import Inspection
from orchestrator.errors import Impossible

Speeds = Mapping[Mac, int]  # Mbit/s, by the BMC's word


def speeds_of(value: Mapping[str, JsonValue]) -> Speeds:
    """From the evidence of hardware-facts, of whatever version of ours."""
    nics = value.get("nics")
    found = [one for one in nics if isinstance(one, dict)] if isinstance(nics, list) else []
    told = [(one.get("mac"), one.get("speed_mbps")) for one in found]
    return {Mac(mac): speed for mac, speed in told if isinstance(mac, str) and isinstance(speed, int)}


@dataclass(frozen=True)
class Port:
    """A NIC on a PCI bus. `speed_mbps` None: nobody tells."""

    name: str
    mac: Mac
    pci: str
    speed_mbps: int | None

    def __str__(self) -> str:
        speed = speed_in_words(self.speed_mbps) if self.speed_mbps is not None else "speed unknown"
        return f"{self.name} ({self.pci}, {speed})"


@dataclass(frozen=True)
class Binding:
    """What a conduit was found to be; `found` None: its node was not looked into yet, or `fault` says why not."""

    node: str
    conduit: str
    ports: str
    found: tuple[Port, ...] | None = None
    fault: str | None = None

    def __str__(self) -> str:
        if self.found is None:
            return self.fault or "found when its ramdisk has told of its ports (agent-inspect)"
        return ", ".join(map(str, self.found))


@dataclass(frozen=True)
class Wiring:
    """The site with conduits put in their place as far as they are known. `open`: nodes that were not looked into."""

    site: Site
    bindings: tuple[Binding, ...] = ()
    declared: Mapping[str, frozenset[Mac]] = field(default_factory=dict)  # by node with conduits

    @property
    def open(self) -> frozenset[str]:
        return frozenset(one.node for one in self.bindings if one.found is None and one.fault is None)

    @property
    def found(self) -> Mapping[str, frozenset[Mac]]:
        """By node, the NICs that nobody declared."""
        told = {one.node for one in self.bindings}
        return {name: frozenset(nic.mac for nic in self.site.nodes[name].nics) - self.declared[name] for name in told}

    @property
    def digest(self) -> str:
        """Of what was found: whoever works by another one works on another site."""
        return hashlib.sha256("\n".join(map(repr, self.bindings)).encode()).hexdigest()[:16]

    def check(self, nodes: Collection[str]) -> None:
        """`Impossible` where a conduit of one of these cannot be what it is to be."""
        wrong = [one for one in self.bindings if one.fault is not None and one.node in nodes]
        if wrong:
            told = "\n".join(f"{one.node}: conduit {one.conduit} ({one.ports}): {one.fault}" for one in wrong)
            raise Impossible(f"{told}. Mend its ports:, or name the NICs themselves under nics: and bonds:")


def bind_conduits(
    site: Site,
    inspected: Mapping[str, Inspection],
    speeds: Mapping[str, Speeds],
    order: Mapping[str, Sequence[str]],
) -> Wiring:
    """By node name: what its ramdisk told, what its BMC told of speeds, and its profile's `port_order`."""
    nodes: dict[str, Node] = {}
    ends: dict[Endpoint, str] = {}
    told: list[Binding] = []
    for node in site.nodes.values():
        own = conduits(site.networks, node)
        if not own:
            continue
        seen = inspected.get(node.name)
        ports = _ports(seen, speeds.get(node.name, {}), order.get(node.name, ())) if seen is not None else None
        bindings = tuple(_bindings(node, own, ports))
        told += bindings
        whole = all(one.found is not None for one in bindings)
        wired = (
            [Wired(one, _nics(node, at.found or ())) for one, at in zip(own, bindings, strict=True)] if whole else []
        )
        nodes[node.name] = put(node, wired)
        ends |= {
            Endpoint(node.name, port): nic.name
            for one in wired
            for port, nic in zip(one.conduit.ports.names, one.nics, strict=True)
        }
    declared = {name: frozenset(nic.mac for nic in site.nodes[name].nics) for name in nodes}
    return Wiring(replaced(site, nodes, ends) if nodes else site, tuple(told), declared)


def _ports(told: Inspection, speeds: Speeds, order: Sequence[str]) -> tuple[Port, ...]:
    """In their order. A port can do at least what anybody saw it do."""
    known = [
        Port(nic.name, nic.mac, nic.pci_address, max(nic.speed_mbps or 0, speeds.get(nic.mac, 0)) or None)
        for nic in told.nics
        if nic.pci_address is not None
    ]
    return tuple(sorted(known, key=lambda port: (_rank(port.pci, order), _place(port.pci), port.name)))


def _rank(pci: str, order: Sequence[str]) -> int:
    return next((index for index, glob in enumerate(order) if fnmatchcase(pci, glob.lower())), len(order))


def _place(pci: str) -> tuple[int, ...]:
    return tuple(int(part, 16) for part in pci.replace(".", ":").split(":"))


def _bindings(node: Node, own: Sequence[Conduit], ports: Sequence[Port] | None) -> Iterator[Binding]:
    taken = {nic.mac: nic.name for nic in node.nics if nic.addresses or node.bond_of(nic) or nic == node.boot_nic}
    for one in own:
        binding = Binding(node.name, one.name, str(one.ports))
        if ports is None:
            yield binding
            continue
        found = _found(one.ports, ports)
        fault = found if isinstance(found, str) else _misfit(node, found, ports, taken)
        if isinstance(found, str) or fault is not None:
            yield Binding(binding.node, binding.conduit, binding.ports, fault=fault)
            continue
        taken |= {port.mac: f"conduit {one.name}" for port in found}
        yield Binding(binding.node, binding.conduit, binding.ports, found)


def _found(wanted: Ports, ports: Sequence[Port]) -> tuple[Port, ...] | str:
    """The ports, or in words why there are none."""
    last = max(wanted.places)
    for speed in _speeds(wanted, ports):
        there = [one for one in ports if one.speed_mbps in (speed, None)]
        if len(there) <= last:
            continue
        unknown = [one for one in there[: last + 1] if one.speed_mbps is None]
        if unknown:
            return f"nobody tells the speed of {_names(unknown)}, which may be the one that is meant"
        chosen = tuple(there[place] for place in wanted.places)
        alike = [one for one in there if [other.pci for other in there].count(one.pci) > 1]
        if set(alike) & set(chosen):
            return f"{_names(alike)} are at one PCI address: nothing says which of them is first"
        return chosen
    there_are = _names(ports) or "no NIC on a PCI bus"
    return f"there is no port {last} of {speed_in_words(wanted.speed_mbps)}: it has {there_are}"


def _speeds(wanted: Ports, ports: Sequence[Port]) -> Iterator[int]:
    """The nearest first."""
    others = sorted({one.speed_mbps for one in ports if one.speed_mbps is not None})
    yield wanted.speed_mbps
    if wanted.sign in {"+", "?"}:
        yield from (one for one in others if one > wanted.speed_mbps)
    if wanted.sign in {"-", "?"}:
        yield from (one for one in reversed(others) if one < wanted.speed_mbps)


def _misfit(node: Node, found: Sequence[Port], ports: Sequence[Port], taken: Mapping[Mac, str]) -> str | None:
    """Ports that serve something else, and names that the installed system would not know."""
    lost = next((one for one in found if one.mac in taken), None)
    if lost is not None:
        return f"{lost} is {taken[lost.mac]} already, which boots or has addresses"
    declared = {nic.mac: nic.name for nic in node.nics}
    odd = next((one for one in ports if declared.get(one.mac, one.name) != one.name), None)
    if odd is not None:
        return f"the ramdisk says {odd.name} of {declared[odd.mac]}: it names NICs otherwise than the system will"
    names = {nic.name: nic.mac for nic in node.nics}
    other = next((one for one in found if names.get(one.name, one.mac) != one.mac), None)
    return f"{other} goes by the name of another NIC that is declared" if other is not None else None


def _nics(node: Node, found: Sequence[Port]) -> tuple[Nic, ...]:
    declared = {nic.mac: nic for nic in node.nics}
    return tuple(declared.get(one.mac) or Nic(name=one.name, mac=one.mac) for one in found)


def _names(ports: Sequence[Port]) -> str:
    return ", ".join(map(str, ports))
