"""The network of an installed system: interfaces as declared, and who reaches whom by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from pydantic import JsonValue

from drivers.ability.switch import MemberState
from drivers.errors import DriverError
from drivers.host import Echo, Host, Ping
from inventory.interfaces import Interface, from_json, home, interfaces
from inventory.model import Node
from orchestrator.network.found import Found, families, faults, unsettled
from orchestrator.network.peers import peers, uncounted
from orchestrator.network.proof import Expected, Proof
from orchestrator.network.wanted import network_set, script
from orchestrator.ports import driven, in_full
from orchestrator.steps.world import World
from orchestrator.work import Job, Observation


@dataclass(frozen=True)
class Way:
    """One direction between two ends of a network. `packet`: bytes of a whole IP packet."""

    source: str
    target: str
    network: str
    echo: Echo

    def __str__(self) -> str:
        return f"{self.source} > {self.target} on {self.network}"


GATEWAY = "gateway"
_SEEN = timedelta(seconds=5)  # nodes of a rack share what a switch said so shortly before


def reach(world: World, job: Job) -> Observation:
    """Interfaces, addresses, MTU and routes as declared; then full-size, unfragmented packets to every gateway and
    peer, both ways; no other owner of an address; resolvers that answer and agree; and bonds that carry by each member,
    by the word of the machine and of the switch.

    Peers are nodes that answer SSH, all of the rack and one or more of each other rack; each end sends its own
    direction. A peer that is not proven itself is asked too, but its silence counts against it, not against this node.
    """
    own, digest = from_json(job.inputs["interfaces"]), network_set(job.inputs).digest
    up = world.standing("os-access")
    others = peers(world.site, job.node, [name for name, state in up.items() if state == "active"])
    with world.host(job.node) as host:
        wrong = [
            *unsettled(host.network.standing(script()), digest),
            *faults(own, _found(host, own)),
            *_switch_faults(world, job.node),
        ]
        if wrong:
            return Observation(holds=False, says="; ".join(wrong), witness=f"ssh {job.node.name}")
        ways = [way for one in own for way in _to_gateways(job.node.name, one)]
        ways += [way for peer in others for way in _ways(world, job.node, peer)]
        went = _send(host, ways)
        proof = _proof(world, job, own, went)
        told = host.probe(proof.ask(), _script())
        proven = _ask_proven(world, job.node, host, went)
    counts = {job.node.name, GATEWAY, *(peer.name for peer in proven)}
    lost = [str(way) for way, ping in went.items() if not ping.whole and {way.source, way.target} <= counts]
    wrong = [f"full-size packets are lost: {'; '.join(lost)}"] if lost else []
    wrong += list(proof.faults(told)) if told is not None else []
    says = "; ".join(wrong) or f"{len(went)} ways carry full-size packets"
    says += "" if told is not None else "; it has no Python to look for duplicates, resolvers and members by"
    value: dict[str, JsonValue] = {"ways": [_told(way, ping) for way, ping in went.items()]}
    value |= proof.value(told) if told is not None else {}
    witness = f"{job.node.name} and {len(proven)} proven peers"
    return Observation(not wrong, says, witness, value, without=uncounted(world.site, job.node, proven))


def _told(way: Way, ping: Ping) -> dict[str, JsonValue]:
    return {
        "from": way.source,
        "to": way.target,
        "network": way.network,
        "packet_bytes": way.echo.packet,
        "whole": ping.whole,
        "rtt_ms": ping.rtt_ms,
        "says": ping.says,
    }


def _proof(world: World, job: Job, own: Sequence[Interface], went: Mapping[Way, Ping]) -> Proof:
    """Flows go to where packets came back from: to a peer rather than to a gateway, which may answer no TCP."""
    targets: dict[str, tuple[str, str]] = {}
    for way, ping in sorted(went.items(), key=lambda item: item[0].target == GATEWAY):
        out = next((one for one in own if one.name == way.echo.interface), None)
        if ping.whole and out is not None:
            source = next(str(at.address) for at in out.addresses if at.network == way.network)
            targets.setdefault(out.parent or out.name, (source, str(way.echo.target)))
    expected = Expected(f"{job.node.name}.{world.site.domain}", str(home(world.site, job.node)))
    servers = [str(one) for one in _list(job.inputs["dns"])]
    return Proof(own, servers, expected, targets)


@cache
def _script() -> str:
    return (files("templates") / "network" / "probe.py").read_text()


def _switch_faults(world: World, node: Node) -> Iterator[str]:
    """Of bonds at driven switches: ports that the switch itself has not in step."""
    for nic, end, switch in driven(world.site, node):
        bond = node.bond_of(nic)
        if bond is None or bond.mode != "lacp":
            continue
        (port,) = in_full(switch, (end.port,))
        lags = world.switches.read(switch.name, _SEEN).lags
        state = next((lag.members[port] for lag in lags if port in lag.members), None)
        if state is not MemberState.BUNDLED:
            yield f"{switch.name} has {port} of {bond.name} {state.value if state else 'in no LAG'}, and not bundled"


def _found(host: Host, wanted: Sequence[Interface]) -> Found:
    asked = sorted(families(wanted))
    ruled = asked if any(one.rules for one in wanted) else []
    return Found(
        links={link.name: link for link in host.links()},
        routes=[route for version in asked for route in host.routes(version)],
        rules=[rule for version in ruled for rule in host.rules(version)],
    )


def _ask_proven(world: World, node: Node, host: Host, went: dict[Way, Ping]) -> list[Node]:
    """Peers that are proven by now, with both ways to each put to `went`; who came up while this node looked too."""
    proven: list[Node] = []
    while new := [peer for peer in _proven(world, node) if peer not in proven]:
        proven += new
        for peer in new:
            went |= _send(host, [way for way in _ways(world, node, peer) if way not in went])
            went |= _send_back(world, peer, node)
    return proven


def _proven(world: World, node: Node) -> tuple[Node, ...]:
    active = [name for name, state in world.standing("host-network").items() if state == "active"]
    return peers(world.site, node, active)


def _to_gateways(node: str, one: Interface) -> list[Way]:
    return [
        Way(node, GATEWAY, at.network, Echo(at.gateway, at.mtu, interface=one.name))
        for at in one.addresses
        if at.gateway is not None
    ]


def _ways(world: World, source: Node, target: Node) -> list[Way]:
    """One way for each network that both are on, at the network's MTU."""
    ends = {at.network: at for one in interfaces(world.site, target) for at in one.addresses}
    return [
        Way(source.name, target.name, at.network, Echo(ends[at.network].address, at.mtu, interface=one.name))
        for one in interfaces(world.site, source)
        for at in one.addresses
        if at.network in ends
    ]


def _send(host: Host, ways: Sequence[Way]) -> dict[Way, Ping]:
    answers = host.pings([way.echo for way in ways]) if ways else ()
    return dict(zip(ways, answers, strict=True))


def _send_back(world: World, peer: Node, node: Node) -> dict[Way, Ping]:
    ways = _ways(world, peer, node)
    try:
        with world.host(peer) as host:
            return _send(host, ways)
    except DriverError as error:
        return {way: Ping(way.echo.target, 0, 0, None, str(error)) for way in ways}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
