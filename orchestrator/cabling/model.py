"""Cables, and what witnesses tell of their ends, as values.

An end is an `Endpoint`: a node's NIC or a switch's port by the inventory's spelling; whoever is heard and is not of
this site goes by its own words.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Self

from inventory.address import Endpoint
from inventory.model import Link, Site
from inventory.quantity import in_words

LLDP_TTL = timedelta(seconds=120)  # IEEE 802.1AB-2016 9.2.5: 4 times 30 s, where the frame's own is not told
MAC_AGE = timedelta(seconds=300)  # IEEE 802.1Q-2018 8.8.3: the ageing time of a learned address by default


class Verdict(StrEnum):
    OK = "OK"
    SWAPPED = "SWAPPED"  # one of its ends is where another declared cable belongs, or has another's in its place
    MISSING = "MISSING"  # nothing joins its ends: nobody is heard, or it ends where no cable is declared
    WRONG_SPEED = "WRONG-SPEED"  # where it belongs, at another speed than declared, or broken out at one end
    UNKNOWN = "UNKNOWN"  # nobody looked, nobody can tell, or witnesses contradict each other


@dataclass(frozen=True)
class Cable:
    """A declared cable. `a` is the node's end where just one end is a node's."""

    a: Endpoint
    b: Endpoint
    label: str | None = None
    speed_mbps: int | None = None

    def __str__(self) -> str:
        return f"{self.a} - {self.b}"

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return self.a, self.b

    def other(self, end: Endpoint) -> Endpoint:
        return self.b if end == self.a else self.a


@dataclass(frozen=True)
class Plant:
    """What is declared. `uplinks` are ends that lead to other switches and routers.

    `unfound` are ends at ports of nodes that are not known by a NIC yet (conduits).
    """

    cables: tuple[Cable, ...]
    nodes: frozenset[str]
    switches: frozenset[str] = frozenset()
    uplinks: frozenset[Endpoint] = frozenset()
    unfound: frozenset[Endpoint] = frozenset()

    @classmethod
    def of(cls, site: Site) -> Self:
        nodes = frozenset(site.nodes)
        uplinks = frozenset(Endpoint(one.name, port) for one in site.switches.values() for port in one.uplinks)
        cables = tuple(_cable(link, nodes) for link in site.links)
        nics = {Endpoint(name, nic.name) for name, node in site.nodes.items() for nic in node.nics}
        unfound = frozenset(end for one in cables for end in one.ends if end.device in nodes and end not in nics)
        return cls(cables, nodes, frozenset(site.switches), uplinks, unfound)

    @cached_property
    def of_device(self) -> Mapping[str, Sequence[Cable]]:
        found: dict[str, dict[Cable, None]] = {}
        for cable in self.cables:
            for end in cable.ends:
                found.setdefault(end.device, {})[cable] = None
        return {device: tuple(cables) for device, cables in found.items()}

    @cached_property
    def at(self) -> Mapping[Endpoint, Cable]:
        return {end: cable for cable in self.cables for end in cable.ends}

    def only(self, cables: Collection[Cable]) -> Self:
        """With these cables alone, in the order in which they are declared."""
        return replace(self, cables=tuple(sorted(cables, key=self._order.__getitem__)))

    @cached_property
    def found(self) -> Self:
        """Without the cables that nobody can tell at a NIC yet."""
        return self.only([one for one in self.cables if self.unfound.isdisjoint(one.ends)]) if self.unfound else self

    @cached_property
    def _order(self) -> Mapping[Cable, int]:
        return {cable: index for index, cable in enumerate(self.cables)}

    def ours(self, end: Endpoint) -> bool:
        """It is at a device of this site."""
        return end.device in self.nodes or end.device in self.switches


def _cable(link: Link, nodes: frozenset[str]) -> Cable:
    a, b = (link.b, link.a) if link.b.device in nodes and link.a.device not in nodes else (link.a, link.b)
    return Cable(a, b, link.label, link.speed)


class Means(StrEnum):
    LLDP = "LLDP"
    MAC = "MAC table"


@dataclass(frozen=True)
class Sighting:
    """Somebody at `near` saw who is at the other end of the cable. `ttl`: how long that counts beside newer ones."""

    near: Endpoint
    far: Endpoint
    means: Means
    at: datetime
    ttl: timedelta = LLDP_TTL

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        return self.near, self.far

    def says(self, now: datetime) -> str:
        verb = "heard" if self.means is Means.LLDP else "learned the MAC of"
        return f"{self.near} {verb} {self.far} {ago(self.at, now)}"

    def witness(self, now: datetime) -> str:
        verb = "LLDP heard by" if self.means is Means.LLDP else "MAC table of"
        return f"{verb} {self.near.device}{_if_old(self.at, now)}"


@dataclass(frozen=True)
class OneOf:
    """A MAC of a bond learned on a LAG: one of `nics` is at one of `ports`, and which cannot be told."""

    nics: frozenset[Endpoint]
    ports: frozenset[Endpoint]
    at: datetime


@dataclass(frozen=True)
class PortSeen:
    """What a device says of an end of its own. `listened`: it would have told of a neighbour. None: not told."""

    end: Endpoint
    at: datetime
    listened: bool
    up: bool | None = None
    enabled: bool | None = None
    speed_mbps: int | None = None
    lanes: int | None = None


@dataclass(frozen=True)
class Evidence:
    """All that is known. `awake`: nodes that are known to run; a port to any other may be down for that reason.
    `findings`: what went wrong in looking, by device."""

    sightings: tuple[Sighting, ...] = ()
    ports: Mapping[Endpoint, PortSeen] = field(default_factory=dict)
    one_of: tuple[OneOf, ...] = ()
    awake: frozenset[str] = frozenset()
    findings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Sequence[Self]) -> Self:
        """All of it together; of an end that two tell of, the last."""
        return cls(
            tuple(one for part in parts for one in part.sightings),
            {end: seen for part in parts for end, seen in part.ports.items()},
            tuple(one for part in parts for one in part.one_of),
            frozenset(name for part in parts for name in part.awake),
            {device: says for part in parts for device, says in part.findings.items()},
        )


class Do(StrEnum):
    PULL = "pull"  # take it out of there; it is no longer needed
    HOLD = "hold"  # take it out and keep it in hand
    MOVE = "move"
    PLUG = "plug"  # the one in hand
    FIT = "fit"  # a cable that nobody has seen: find it, mend it, or lay a new one


@dataclass(frozen=True)
class Step:
    """One thing to do with the hands. `stays` is where the cable's other end is and remains."""

    do: Do
    stays: Endpoint
    out: Endpoint | None = None
    into: Endpoint | None = None
    cable: Cable | None = None  # what the cable is then
    unseen: bool = False  # nobody has looked at `into`: something may be in it

    def __str__(self) -> str:
        match self.do:
            case Do.PULL:
                text = f"Pull the cable from {self.stays} out of {self.out}"
            case Do.HOLD:
                text = f"Take the cable from {self.stays} out of {self.out} and hold it"
            case Do.MOVE:
                text = f"Move the cable from {self.stays} at {self.out}: that end to {self.into}"
            case Do.PLUG:
                text = f"Plug the cable from {self.stays}, which you hold, into {self.into}"
            case Do.FIT:
                text = f"Fit, or mend, the cable from {self.stays} to {self.into}"
        return f"{text} (see first whether it is free)" if self.unseen else text


@dataclass(frozen=True)
class Repair:
    """What mends a set of cables that hang together, in an order that works. `ring`: they stand in each other's
    places, two or more."""

    cables: tuple[Cable, ...]
    steps: tuple[Step, ...]
    ring: bool


@dataclass(frozen=True)
class CableVerdict:
    """`witness` names who saw it; `found` is where the cable from `a` really ends, where that is known."""

    cable: Cable
    verdict: Verdict
    says: str
    witness: str
    found: Endpoint | None = None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    verdicts: tuple[CableVerdict, ...]
    repairs: tuple[Repair, ...]

    @property
    def steps(self) -> Sequence[Step]:
        return [step for repair in self.repairs for step in repair.steps]


def ago(at: datetime, now: datetime) -> str:
    age = now - at
    return "now" if age < timedelta(minutes=1) else f"{in_words(_coarse(age))} ago"


def _if_old(at: datetime, now: datetime) -> str:
    age = now - at
    return "" if age < timedelta(minutes=10) else f" {ago(at, now)}"


def _coarse(age: timedelta) -> timedelta:
    unit = timedelta(days=1) if age > timedelta(days=2) else timedelta(minutes=1)
    return unit * (age // unit)
