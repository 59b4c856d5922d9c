"""Which nodes may be handed over, and what was proven of their networks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from inventory import interfaces as links
from inventory.model import Node, Site
from orchestrator.attributes import home_address
from orchestrator.boot.configdrive import USER
from orchestrator.certificate.issue import NotProven, proofs
from orchestrator.engine.evidence import Evidence
from orchestrator.packs import BASELINE
from orchestrator.record import Record
from orchestrator.store import now

_NETWORK = "host-network"  # whose evidence names the addresses that nobody else has


@dataclass(frozen=True)
class Place:
    """An address of a machine that was proven to be its own."""

    network: str
    interface: str
    address: str
    prefix: str
    mtu: int
    vlan: int | None

    @property
    def plain(self) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {"interface": self.interface, "address": self.address, "prefix": self.prefix}
        told |= {"mtu": self.mtu}
        return told | ({"vlan": self.vlan} if self.vlan is not None else {})


@dataclass(frozen=True)
class Metal:
    """What the machine itself was seen to be: values of evidence. `image`: the SHA-256 of the one that it runs."""

    profile: str | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    inspected: Mapping[str, JsonValue] = field(default_factory=dict)
    image: str | None = None

    @property
    def disks(self) -> tuple[Mapping[str, JsonValue], ...]:
        """As the ramdisk told of them."""
        told = self.inspected.get("disks")
        return tuple(one for one in told if isinstance(one, dict)) if isinstance(told, list) else ()


@dataclass(frozen=True)
class Machine:
    """`address` is where its system answers SSH, one of `places`."""

    node: Node
    address: str
    port: int
    user: str
    places: tuple[Place, ...]
    metal: Metal

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def rack(self) -> str:
        return self.node.rack

    @property
    def groups(self) -> tuple[str, ...]:
        return self.node.groups

    @property
    def root_device(self) -> str | None:
        """By the ramdisk's name, where it is known which disk that is."""
        wanted = self.node.root_disk.serial if self.node.root_disk is not None else None
        names = [str(one["name"]) for one in self.metal.disks if wanted in (None, one.get("serial"))]
        return names[0] if len(names) == 1 else None

    @property
    def home(self) -> Place:
        return next(one for one in self.places if one.address == self.address)

    @property
    def networks(self) -> dict[str, JsonValue]:
        return {one.network: one.plain for one in self.places}


Groups = Mapping[str, Sequence[Machine]]


@dataclass(frozen=True)
class Handover:
    """`left_out`: node to why it is not handed over."""

    site: Site
    machines: tuple[Machine, ...]
    left_out: Mapping[str, str]


def baseline(record: Record, nodes: Collection[str]) -> Handover:
    """Those of the nodes whose network-ready holds now, by evidence that is fresh and of today's inventory."""
    record.refresh()
    machines: list[Machine] = []
    left_out: dict[str, str] = {}
    at = now()
    for name in nodes:
        node = record.site.nodes[name]
        if (name, BASELINE) not in record.bound:
            left_out[name] = f"it is not to be {BASELINE}"
            continue
        try:
            told = {(one.node, one.role): one for one in proofs(record, (name, BASELINE), at)}
            values = {role: one.value for (owner, role), one in told.items() if owner == name}
            metal = _metal(record.choices[name].profile, values)
            machines.append(_machine(record.site, node, told.get((name, _NETWORK)), metal))
        except NotProven as lacking:
            left_out[name] = str(lacking)
    return Handover(record.site, tuple(machines), left_out)


def _metal(profile: str | None, values: Mapping[str, Mapping[str, JsonValue]]) -> Metal:
    image = values.get("os-install", {}).get("image_sha256")
    facts, inspected = values.get("hardware-facts", {}), values.get("agent-inspect", {})
    return Metal(profile, facts, inspected, str(image) if image else None)


def _machine(site: Site, node: Node, proof: Evidence | None, metal: Metal) -> Machine:
    proven = proof.value.get("duplicate_addresses") if proof is not None else None
    own = frozenset(proven) if isinstance(proven, dict) else frozenset()
    places = tuple(
        Place(at.network, one.name, str(at.address), str(at.prefix), at.mtu, site.networks[at.network].vlan)
        for one in links.interfaces(site, node)
        for at in one.addresses
        if str(at.address) in own
    )
    home = home_address(site, node)
    if home is None or home not in own:
        raise NotProven(f"no evidence of {_NETWORK} names its address. Look again: anneal verify {node.name}")
    return Machine(node, home, site.provisioning.ssh_port, USER, places, metal)
