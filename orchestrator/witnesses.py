"""Everybody who has seen the ends of cables: ramdisks, by what they told, and switches, asked now or before."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from drivers.errors import DriverError
from inventory.address import Endpoint
from inventory.model import Node, Site
from orchestrator.agent import lldp
from orchestrator.agent.client import Agents, Inspected
from orchestrator.cabling.judge import judge
from orchestrator.cabling.model import LLDP_TTL, Evidence, Judgement, Means, Plant, PortSeen, Sighting
from orchestrator.cabling.told import Directory, SwitchSeen, Told
from orchestrator.cabling.witness import SwitchWitness
from orchestrator.hostviews import AskHost, HostSeen, unasked
from orchestrator.store import now
from orchestrator.switchviews import SwitchViews, told_by

Standing = Callable[[str], Mapping[str, str]]
T = TypeVar("T")
AT_ONCE = 16  # hosts


@dataclass(frozen=True)
class Seen:
    """A judgement, and on what: `asked` are the switches and hosts that told just now who is at the other end, `errors`
    are of those that did not answer."""

    judgement: Judgement
    asked: frozenset[str]
    errors: Mapping[str, DriverError]
    at: datetime


@dataclass(frozen=True)
class Witnesses:
    """`standing`: as the steps' world has it."""

    site: Site
    agents: Agents
    views: SwitchViews
    standing: Standing
    ask_host: AskHost = unasked

    @cached_property
    def plant(self) -> Plant:
        return Plant.of(self.site)

    @cached_property
    def directory(self) -> Directory:
        return Directory(self.site)

    def judge(self, devices: Collection[str], *, ask: bool) -> Seen:
        """The cables of these nodes and switches by the newest evidence; with `ask`, driven switches tell it now.

        Other cables are taken in for as long as one is found at an end that is declared for them.
        """
        wanted = {cable for device in devices for cable in self.plant.of_device.get(device, ())}
        told, at = _Answers(self.views, self.ask_host, ask=ask), now()
        cables, asked, evidence = wanted, frozenset[str](), Evidence()
        while True:
            ends = {end for cable in cables for end in cable.ends}
            found = {end for one in evidence.sightings for end in one.ends}
            cables = cables | {self.plant.at[end] for end in found if end in self.plant.at}
            devices = asked | {end.device for end in ends | found if self.plant.ours(end)}
            if devices == asked and ends == {end for cable in cables for end in cable.ends}:
                break
            evidence, asked = self._evidence(devices, told, ends), devices
        judged = judge(self.plant.only(cables), evidence, at)
        verdicts = tuple(one for one in judged.verdicts if one.cable in wanted)
        repairs = tuple(one for one in judged.repairs if wanted & set(one.cables))
        return Seen(Judgement(verdicts, repairs), frozenset(told.fresh), told.errors, at)

    def _evidence(self, devices: Collection[str], told: "_Answers", ends: Collection[Endpoint]) -> Evidence:
        """What concerns these ends: a switch sees all of its rack."""
        nodes = [name for name in devices if name in self.site.nodes]
        hosts = [
            by_host(self.directory, self.site.nodes[name], inspected)
            for name, inspected in self.agents.inspections(nodes).items()
        ]
        hosts += [
            by_system(self.directory, self.site.nodes[name], seen)
            for name, seen in told.of_hosts([self.site.nodes[name] for name in nodes]).items()
        ]
        views = {name: seen for name in devices if name in self.site.switches and (seen := told.of(name)) is not None}
        switches = [SwitchWitness(self.directory, self.plant, *view).evidence() for view in views.items()]
        found = Evidence.of([*hosts, *switches])
        return replace(
            found,
            sightings=tuple(one for one in found.sightings if not set(ends).isdisjoint(one.ends)),
            awake=(self._awake(nodes) if views else frozenset()) | told.answering,
            findings={name: str(error) for name, error in told.errors.items()},
        )

    def _awake(self, nodes: Collection[str]) -> frozenset[str]:
        up = self.standing("os-access")
        return self.agents.awake(nodes) | {name for name in nodes if up.get(name) == "active"}


class _Answers:
    """Each switch and each installed host is asked once for a judgement."""

    def __init__(self, views: SwitchViews, ask_host: AskHost, *, ask: bool) -> None:
        self._views = views
        self._ask_host = ask_host
        self._ask = ask
        self._switches: dict[str, SwitchSeen | None] = {}
        self._hosts: dict[str, HostSeen | None] = {}
        self.fresh: set[str] = set()
        self.errors: dict[str, DriverError] = {}

    @property
    def answering(self) -> frozenset[str]:
        return frozenset(name for name, seen in self._hosts.items() if seen is not None)

    def of(self, switch: str) -> SwitchSeen | None:
        if switch not in self._switches:
            seen = self._asked(switch, lambda: self._views.look(switch))
            if seen is not None:
                self.fresh.add(switch)
            self._switches[switch] = seen or self._views.latest([switch]).get(switch)
        return self._switches[switch]

    def of_hosts(self, nodes: Sequence[Node]) -> Mapping[str, HostSeen]:
        new = [node for node in nodes if self._ask and node.name not in self._hosts]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(lambda node: self._asked(node.name, lambda: self._ask_host(node)), new)
        for node, seen in zip(new, answers, strict=True):
            self._hosts[node.name] = seen
            if seen is not None and seen.neighbours is not None:
                self.fresh.add(node.name)
        return {node.name: seen for node in nodes if (seen := self._hosts.get(node.name)) is not None}

    def _asked(self, name: str, look: Callable[[], T | None]) -> T | None:
        try:
            return look() if self._ask else None
        except DriverError as error:
            self.errors[name] = error
            return None


def by_host(directory: Directory, node: Node, seen: Inspected) -> Evidence:
    """What a node's ramdisk told of its NICs, known by MAC, and of whom they heard."""
    declared = {nic.mac: Endpoint(node.name, nic.name) for nic in node.nics}
    nics = [(declared[nic.mac], nic) for nic in seen.inspection.nics if nic.mac in declared]
    ports = {
        end: PortSeen(end, seen.at, listened=nic.listened, up=nic.carrier, speed_mbps=nic.speed_mbps)
        for end, nic in nics
    }
    heard = (_sighting(directory, end, nic.neighbour, seen.at) for end, nic in nics if nic.neighbour)
    return Evidence(tuple(heard), ports)


def _sighting(directory: Directory, end: Endpoint, heard: lldp.Neighbour, at: datetime) -> Sighting:
    kind = heard.port_kind.value if heard.port_kind else None
    told = Told(chassis=heard.chassis, system=heard.system, kind=kind, port=heard.port, description=heard.port_says)
    ttl = timedelta(seconds=heard.ttl_s) if heard.ttl_s else LLDP_TTL
    return Sighting(end, directory.who(told), Means.LLDP, at, ttl)


def by_system(directory: Directory, node: Node, seen: HostSeen) -> Evidence:
    """What a node's installed system tells of its NICs, which go by their names there, and of whom lldpd hears."""
    ports = {
        end: PortSeen(end, seen.at, listened=seen.neighbours is not None, up=wire.up, speed_mbps=wire.speed_mbps)
        for wire in seen.wires
        for end in [Endpoint(node.name, wire.name)]
    }
    heard = (
        Sighting(Endpoint(node.name, one.port), directory.who(told_by(one)), Means.LLDP, seen.at)
        for one in seen.neighbours or ()
    )
    return Evidence(tuple(one for one in heard if one.near in ports), ports)
