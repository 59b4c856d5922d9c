"""Roles seen in the installed system: the login, the network, the clock. Observed over SSH, changed by Ansible."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from pydantic import JsonValue

from drivers.errors import DriverError
from drivers.host import DefaultRoute, Echo, Host, HostAddress
from inventory.model import Node
from orchestrator.errors import StepFailed
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation

CLOCK_LIMIT_MS = 50.0
PLAYS_WITHIN = timedelta(minutes=10)


def login(world: World, job: Job) -> Observation:
    """What answers SSH is what phoned home: by its host key and machine id; its boot id tells a reboot since."""
    home = world.services.phone_homes.latest(job.node.name)
    if home is None:
        return Observation(holds=False, says="no system of ours has called home from it", witness="nobody")
    with world.host(job.node) as host:
        machine, boot, name = host.machine_id(), host.boot_id(), host.hostname()
        release = host.os_release()
    value: dict[str, JsonValue] = {
        "machine_id": machine,
        "boot_id": boot,
        "hostname": name,
        "os": release.get("PRETTY_NAME", ""),
        "rebooted_since_install": boot != home.boot_id,
    }
    witness = f"ssh {job.inputs['address']}"
    if machine != home.machine_id:
        says = f"machine id {machine[:8]} answers, {home.machine_id[:8]} phoned home: another installation"
        return Observation(holds=False, says=says, witness=witness, value=value)
    if name != job.node.name:
        return Observation(holds=False, says=f"it calls itself {name}", witness=witness, value=value)
    return Observation(holds=True, says=f"{name} answers, {value['os']}, boot {boot[:8]}", witness=witness, value=value)


@dataclass(frozen=True)
class Way:
    """One direction between two ends of a network. `packet`: bytes of a whole IP packet."""

    source: str
    target: str
    network: str
    echo: Echo

    def __str__(self) -> str:
        return f"{self.source} > {self.target} on {self.network}"


def reach(world: World, job: Job) -> Observation:
    """Addresses, MTU and route as declared; then full-size, unfragmented packets to every gateway and peer, both ways.

    Peers are the nodes of the rack that answer SSH; each end sends its own direction. A peer that is not proven itself
    is asked too, but its silence counts against it, not against this node.
    """
    own = [_Interface.of(one) for one in _maps(job.inputs["interfaces"])]
    with world.host(job.node) as host:
        faults = [*_address_faults(own, host.addresses()), *_route_faults(own, host.default_routes())]
        if faults:
            return Observation(holds=False, says="; ".join(faults), witness=f"ssh {job.node.name}")
        peers = _peers(world, job.node)
        ways = [way for one in own for way in one.to_gateways(job.node.name)]
        ways += [way for peer in peers for way in _ways(world, job.node, peer)]
        went = _send(host, ways)
    proven = [peer for peer in peers if world.standing("host-network").get(peer.name) == "active"]
    for peer in proven:
        went |= _send_back(world, peer, job.node)
    counts = {job.node.name, "gateway", *(peer.name for peer in proven)}
    lost = [str(way) for way, says in went.items() if says is not None and {way.source, way.target} <= counts]
    value: dict[str, JsonValue] = {str(way): says or f"{way.echo.packet} bytes" for way, says in went.items()}
    says = f"full-size packets are lost: {'; '.join(lost)}" if lost else f"{len(went)} ways carry full-size packets"
    return Observation(
        holds=not lost, says=says, witness=f"{job.node.name} and {len(proven)} proven peers", value=value
    )


@dataclass(frozen=True)
class _Interface:
    name: str
    mtu: int
    addresses: tuple[str, ...]  # with prefix length
    networks: tuple[str, ...]
    near: tuple[str, ...]  # gateways of its networks
    gateway: str | None  # of the default route

    @classmethod
    def of(cls, told: Mapping[str, JsonValue]) -> "_Interface":
        lists = {key: tuple(str(one) for one in _list(told[key])) for key in ("addresses", "networks", "near")}
        gateway = told["gateway"]
        return cls(str(told["name"]), int(str(told["mtu"])), gateway=str(gateway) if gateway else None, **lists)

    def to_gateways(self, node: str) -> list[Way]:
        return [
            Way(node, "gateway", self.networks[0], Echo(ip_address(near), self.mtu, interface=self.name))
            for near in self.near
        ]


def _address_faults(wanted: Sequence[_Interface], found: Sequence[HostAddress]) -> Iterator[str]:
    """Declared addresses that are absent, on another interface, with another MTU, or down."""
    for one in wanted:
        here = {f"{a.address}/{a.prefixlen}": a for a in found if a.interface == one.name}
        for address in one.addresses:
            if address not in here:
                yield f"{one.name} has not {address}"
            elif here[address].mtu != one.mtu:
                yield f"{one.name} has MTU {here[address].mtu}, wanted {one.mtu}"
            elif not here[address].up:
                yield f"{one.name} is down"


def _route_faults(wanted: Sequence[_Interface], found: Sequence[DefaultRoute]) -> Iterator[str]:
    gateway = next((one.gateway for one in wanted if one.gateway), None)
    first = str(found[0].gateway) if found else None
    if gateway is not None and first != gateway:
        yield f"its default route goes to {first or 'nowhere'}, wanted {gateway}"


def _peers(world: World, node: Node) -> list[Node]:
    """The nodes of its rack that let us in."""
    up = world.standing("os-access")
    return [
        one
        for one in world.site.nodes.values()
        if one.rack == node.rack and one != node and up.get(one.name) == "active"
    ]


def _ways(world: World, source: Node, target: Node) -> list[Way]:
    """One way for each network that both are on, at the network's MTU."""
    ends = {a.network: (nic.name, a.address) for nic in target.nics for a in nic.addresses}
    return [
        Way(source.name, target.name, name, Echo(ends[name][1], world.site.networks[name].mtu, interface=nic.name))
        for nic in source.nics
        for a in nic.addresses
        if (name := a.network) in ends
    ]


def _send(host: Host, ways: Sequence[Way]) -> dict[Way, str | None]:
    """What became of each way: None where every packet came back, else why not."""
    answers = host.pings([way.echo for way in ways]) if ways else ()
    return {way: None if ping.whole else ping.says for way, ping in zip(ways, answers, strict=True)}


def _send_back(world: World, peer: Node, node: Node) -> dict[Way, str | None]:
    ways = _ways(world, peer, node)
    try:
        with world.host(peer) as host:
            return _send(host, ways)
    except DriverError as error:
        return dict.fromkeys(ways, str(error))


def clock(world: World, job: Job) -> Observation:
    """The clock follows a declared server within the limit, by chronyd's word and by our own clock beside it."""
    servers = [str(one) for one in _list(job.inputs["servers"])]
    with world.host(job.node) as host:
        told = host.clock()
        apart = host.clock_apart()
    value: dict[str, JsonValue] = {
        "offset_ms": told.offset_ms,
        "source": told.source,
        "stratum": told.stratum,
        "apart_from_us_ms": apart.ms,
        "apart_from_us_uncertainty_ms": apart.uncertainty_ms,
    }
    near = told.synchronised and told.offset_ms is not None and abs(told.offset_ms) < CLOCK_LIMIT_MS
    fits = abs(apart.ms) < CLOCK_LIMIT_MS + apart.uncertainty_ms
    says = told.says if near or not told.synchronised else f"{told.says}: over {CLOCK_LIMIT_MS:.0f} ms"
    says += "" if fits else f"; beside our clock it is {apart.ms:.0f} ms off"
    holds = near and fits and (told.source in servers or not servers)
    return Observation(holds=holds, says=says, witness=f"chronyd of {job.node.name} and our own clock", value=value)


def play(world: World, job: Job) -> None:
    """The role's tasks by Ansible, together with whatever other nodes want of the same role now."""
    home = world.services.phone_homes.latest(job.node.name)
    if home is None:
        raise StepFailed(job.node.name, "its host key is not known", "install it with anneal, which learns the key")
    world.playbooks.apply(job.role, world.target(job.node, home), job.inputs, PLAYS_WITHIN)


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _maps(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [one for one in _list(value) if isinstance(one, dict)]
