"""A switch as a witness: what it told, by the inventory's names (pure)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inventory.address import Endpoint
from orchestrator.cabling.model import MAC_AGE, Evidence, Means, OneOf, Plant, PortSeen, Sighting
from orchestrator.cabling.told import Directory, SwitchSeen


@dataclass(frozen=True)
class SwitchWitness:
    directory: Directory
    plant: Plant
    name: str
    seen: SwitchSeen

    def evidence(self) -> Evidence:
        heard = tuple(self._heard())
        learned = tuple(self._learned(heard))
        ports = {seen.end: seen for seen in self._ports()}
        sightings = tuple(one for one in learned if isinstance(one, Sighting))
        one_of = tuple(one for one in learned if isinstance(one, OneOf))
        return Evidence((*heard, *sightings), ports, one_of)

    def _port(self, name: str) -> Endpoint:
        return self.directory.port(self.name, name)

    def _ports(self) -> Iterator[PortSeen]:
        for port in self.seen.ports:
            yield PortSeen(
                self._port(port.name),
                self.seen.at,
                listened=True,
                up=port.up,
                enabled=port.enabled,
                speed_mbps=port.speed_mbps,
                lanes=port.lanes,
            )

    def _heard(self) -> Iterator[Sighting]:
        for one in self.seen.neighbours:
            yield Sighting(self._port(one.at_port), self.directory.who(one.told), Means.LLDP, self.seen.at)

    def _learned(self, heard: Sequence[Sighting]) -> Iterator[Sighting | OneOf]:
        """By MACs of ours on ports that lead to one machine; what is learned through another switch tells nothing."""
        on_way = {one.near for one in heard if one.far.device in self.plant.switches}
        for members, nics in self._by_port().items():
            through = any(self._leads_on(end) or end in on_way for end in members)
            if through or len({nic.device for nic in nics}) > 1:
                continue
            for nic in nics:
                yield self._seen_by_mac(nic, members)

    def _seen_by_mac(self, nic: Endpoint, members: frozenset[Endpoint]) -> Sighting | OneOf:
        """A bond shows any member's MAC on any of its ports, as long as it is where one of its members belongs."""
        mates = self.directory.bonds.get(nic, frozenset({nic}))
        declared = {self.plant.at[mate].other(mate) for mate in mates if mate in self.plant.at}
        if len(members) == 1 and (len(mates) == 1 or not declared & members):
            return Sighting(next(iter(members)), nic, Means.MAC, self.seen.at, MAC_AGE)
        return OneOf(mates, members, self.seen.at)

    def _by_port(self) -> Mapping[frozenset[Endpoint], set[Endpoint]]:
        """NICs of the site by where their MAC is: a port, or the members of a LAG. One of a LAG that is down is old."""
        found: defaultdict[frozenset[Endpoint], set[Endpoint]] = defaultdict(set)
        for row in self.seen.learned:
            nic = self.directory.nics.get(row.mac)
            names = self.seen.lags.get(row.port, (row.port,))
            if nic is not None and names:
                found[frozenset(self._port(name) for name in names)].add(nic)
        return found

    def _leads_on(self, end: Endpoint) -> bool:
        cable = self.plant.at.get(end)
        return end in self.plant.uplinks or (cable is not None and cable.other(end).device in self.plant.switches)
