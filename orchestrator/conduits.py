"""Which NICs a node's conduits are: by what its ramdisk told of them, and the order that its profile gives (pure).

A port is known by its MAC, and by the name that the ramdisk's kernel gives it. What cannot be told apart is an error
and never a guess: a wrong wire is found late. What was found and taken up stays, whatever the machine tells later: a
network may run on it.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from pydantic import JsonValue

from inventory.address import Endpoint, Mac, MacField
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
    mac: MacField
    pci: str
    speed_mbps: int | None

    def __str__(self) -> str:
        speed = speed_in_words(self.speed_mbps) if self.speed_mbps is not None else "speed unknown"
        return f"{self.name} ({self.pci}, {speed})"

    @property
    def identity(self) -> tuple[str, Mac, str]:
        """What it is known by; its speed is told now this way and now that."""
        return self.name, self.mac, self.pci


@dataclass(frozen=True)
class Kept:
    """What a node's conduits were found to be when a plan with that was taken up (`at`), by what each asks for.

    `ports` None: they are to be found anew, by a ramdisk that told after `at`. `anew`: when that was last asked for.
    """

    at: datetime | None
    ports: Mapping[str, tuple[Port, ...]] | None
    anew: datetime | None = None


@dataclass(frozen=True)
class Known:
    """Of one machine: what its ramdisk told and when, what its BMC told, and its profile's `port_order`."""

    inspection: Inspection | None = None
    at: datetime | None = None
    speeds: Speeds = field(default_factory=dict)
    order: tuple[str, ...] = ()
    kept: Kept = Kept(None, None)

    @property
    def told(self) -> tuple[Port, ...] | None:
        """Its ports in their order; None where no ramdisk told of them, or none since they are to be found anew."""
        since = self.kept.at if self.kept.ports is None else None
        if self.inspection is None or (since is not None and self.at is not None and self.at <= since):
            return None
        return _ports(self.inspection, self.speeds, self.order)


@dataclass(frozen=True)
class Binding:
    """What a conduit was found to be; `found` None: its node was not looked into yet, or `fault` says why not.

    `asked`: its ports and the order that they were counted in. With a `drift`, which says where its ports are other
    ones than they were, `found` is as it was. `note` is for whoever reads the plan.
    """

    node: str
    conduit: str
    ports: str
    asked: str
    found: tuple[Port, ...] | None = None
    fault: str | None = None
    drift: str | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.found is None:
            return self.fault or "found when its ramdisk has told of its ports (agent-inspect)"
        return _names(self.found) + self.note

    @property
    def says(self) -> str:
        return f"{self.node}: conduit {self.conduit} ({self.ports}): {self.fault or self.drift or self}"


@dataclass(frozen=True)
class Wiring:
    """The site with conduits put in their place as far as they are known. `open`: nodes that were not looked into."""

    site: Site
    bindings: tuple[Binding, ...] = ()
    declared: Mapping[str, frozenset[Mac]] = field(default_factory=dict)  # by node with conduits
    anew: Mapping[str, datetime] = field(default_factory=dict)  # by node: when its ports were last to be found anew

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
        """`Impossible` where a conduit of one of these cannot be what it is to be, or is no longer what it was."""
        here = [one for one in self.bindings if one.node in nodes]
        told = []
        if wrong := [one.says for one in here if one.fault is not None]:
            told.append("\n".join(wrong) + ". Mend its ports:, or name the NICs themselves under nics: and bonds:")
        if drifted := [one for one in here if one.drift is not None]:
            told.append(
                "\n".join(one.says for one in drifted)
                + ". Nothing moves under a running network: put it back, or have "
                f"the ports found anew: anneal node rewire {drifted[0].node}"
            )
        if told:
            raise Impossible("\n".join(told))


NOTHING = Known()


def bind_conduits(site: Site, known: Mapping[str, Known]) -> Wiring:
    """`known`: by node name, of those that anybody knows anything of."""
    nodes: dict[str, Node] = {}
    ends: dict[Endpoint, str] = {}
    told: list[Binding] = []
    for node in site.nodes.values():
        own = conduits(site.networks, node)
        if not own:
            continue
        bindings = tuple(_bindings(node, own, known.get(node.name, NOTHING)))
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
    anew = {name: at for name in nodes if (at := known.get(name, NOTHING).kept.anew) is not None}
    return Wiring(replaced(site, nodes, ends) if nodes else site, tuple(told), declared, anew)


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


def _bindings(node: Node, own: Sequence[Conduit], known: Known) -> Iterator[Binding]:
    taken = {nic.mac: nic.name for nic in node.nics if nic.addresses or node.bond_of(nic) or nic == node.boot_nic}
    for one in own:
        binding = _as_kept(_looked(node, one, known), known)
        if binding.found is not None and (fault := _misfit(node, binding.found, known.told or (), taken)):
            binding = replace(binding, found=None, fault=fault, drift=None)
        taken |= {port.mac: f"conduit {one.name}" for port in binding.found or ()}
        yield binding


def _looked(node: Node, one: Conduit, known: Known) -> Binding:
    """By what the machine tells today."""
    order = f" in the order {', '.join(known.order)}" if known.order else ""
    binding = Binding(node.name, one.name, str(one.ports), f"{one.ports}{order}")
    if known.told is None:
        return binding
    found = _found(one.ports, known.told)
    return replace(binding, fault=found) if isinstance(found, str) else replace(binding, found=found)


def _as_kept(today: Binding, known: Known) -> Binding:
    """As it was taken up, where the same was asked for then."""
    before = known.kept.ports.get(today.asked) if known.kept.ports is not None else None
    if before is None:
        return today
    since = f"{known.kept.at:%Y-%m-%d}"
    there = {port.identity for port in known.told or before}
    lost = next((port for port in before if port.identity not in there), None)
    if lost is not None:
        drift = f"it is {lost}, {lost.mac}, since {since}, and {_instead(lost, known.told or ())}"
        return replace(today, found=before, fault=None, drift=drift)
    others = today.found is not None and [one.identity for one in today.found] != [one.identity for one in before]
    note = f"; so since {since}, today it would be {_names(today.found or ())}" if others else ""
    return replace(today, found=before, fault=None, note=note)


def _instead(lost: Port, ports: Sequence[Port]) -> str:
    """What the machine tells of a port that is not what it was: at another place, or another one in its place."""
    there = [one for one in ports if one.mac == lost.mac] or [one for one in ports if one.pci == lost.pci]
    if not there:
        return "its ramdisk finds neither that any more nor another in its place"
    return f"its ramdisk finds {there[0]}, {there[0].mac}"


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
