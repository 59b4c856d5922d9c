"""Which end is joined to which, from sightings that may contradict each other (pure).

A sighting that had expired by the time a contradicting one was made is overruled; LLDP overrules the MAC table; a port
that is down since has no neighbour. What is left in contradiction is a dispute, and nobody's word is taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.address import Endpoint
from orchestrator.cabling.model import Evidence, Means, Plant, PortSeen, Sighting, ago


@dataclass(frozen=True)
class Joined:
    """`far` holds each pair from both ends. `disputes` and `findings` by end, in words."""

    far: Mapping[Endpoint, Endpoint]
    by: Mapping[Endpoint, Sequence[Sighting]]
    disputes: Mapping[Endpoint, str]
    findings: Mapping[Endpoint, Sequence[str]]


def weigh(plant: Plant, evidence: Evidence, now: datetime) -> Joined:
    findings: defaultdict[Endpoint, list[str]] = defaultdict(list)
    standing = list(_of_this_site(plant, evidence.sightings))
    standing = _without(standing, _unplugged(standing, evidence.ports, now), findings)
    standing = _without(standing, _overruled(standing, now), findings)
    disputes: dict[Endpoint, str] = {}
    for end, told in _by_end(standing).items():
        if len({_partner(one, end) for one in told}) > 1:
            says = "; ".join(sorted({one.says(now) for one in told}))
            disputes |= {each: says for one in told for each in one.ends}
    agreed = [one for one in standing if not set(one.ends) & set(disputes)]
    far = {end: _partner(one, end) for one in agreed for end in one.ends}
    return Joined(far, _by_end(agreed), disputes, findings)


def _of_this_site(plant: Plant, sightings: Sequence[Sighting]) -> Iterable[Sighting]:
    """Without strangers on ports where one of ours is seen too: NIC firmware and BMCs send LLDP on the host's wire. Nor
    with a port that hears itself."""
    known = {one.near for one in sightings if plant.ours(one.far)}
    others = (one for one in sightings if one.near != one.far)
    return (one for one in others if plant.ours(one.far) or one.near not in known)


Overruled = Mapping[Sighting, str]  # and by what


def _unplugged(sightings: Sequence[Sighting], ports: Mapping[Endpoint, PortSeen], now: datetime) -> Overruled:
    """A port that was down when it was last looked at has no neighbour from before, whatever its tables keep."""
    found = {}
    for one in sightings:
        for end in one.ends:
            seen = ports.get(end)
            if seen is not None and seen.up is False and seen.at >= one.at:
                found[one] = f"{one.says(now)}, but {end} is down, seen {ago(seen.at, now)}"
    return found


def _overruled(sightings: Sequence[Sighting], now: datetime) -> Overruled:
    found = {}
    for told in _by_end(sightings).values():
        for one in told:
            better = next((other for other in told if _contradict(one, other) and _better(other, one)), None)
            if better is not None:
                found[one] = f"{one.says(now)}, but {better.says(now)}, which counts"
    return found


def _contradict(one: Sighting, other: Sighting) -> bool:
    return set(one.ends) != set(other.ends)


def _better(one: Sighting, than: Sighting) -> bool:
    if one.at - than.at > than.ttl:
        return True
    newer_by_far = than.at - one.at > one.ttl
    return one.means is Means.LLDP and than.means is Means.MAC and not newer_by_far


def _without(
    sightings: Sequence[Sighting], overruled: Overruled, findings: Mapping[Endpoint, list[str]]
) -> list[Sighting]:
    for one, says in overruled.items():
        for end in one.ends:
            findings[end].append(says)
    return [one for one in sightings if one not in overruled]


def _by_end(sightings: Iterable[Sighting]) -> Mapping[Endpoint, Sequence[Sighting]]:
    found: defaultdict[Endpoint, list[Sighting]] = defaultdict(list)
    for one in sightings:
        for end in one.ends:
            found[end].append(one)
    return found


def _partner(one: Sighting, end: Endpoint) -> Endpoint:
    return one.far if end == one.near else one.near
