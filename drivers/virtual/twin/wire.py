"""The cables between simulated machines: who is up on which network, and which echo requests come back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.file import NetworkSpec
from drivers.virtual.twin.machine import Machine

HEADERS = 28  # bytes of IPv4 and ICMP before an echo's payload


@dataclass(frozen=True)
class Port:
    """A NIC as an installed OS has configured it. `leads`: to what network now; None: no carrier."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    routes: tuple[tuple[str, str], ...]
    leads: Callable[[], str | None]

    @property
    def network(self) -> str | None:
        return self.leads()


@dataclass(frozen=True)
class Presence:
    """An address that is up somewhere."""

    machine: Machine
    port: Port


class Wire:
    """Shared by all machines of a twin."""

    def __init__(self, networks: Mapping[str, NetworkSpec]) -> None:
        self._networks = networks
        self._present: dict[str, tuple[Presence, ...]] = {}

    def join(self, machine: Machine, port: Port) -> None:
        for address in port.addresses:
            self._present[str(address.ip)] = (*self._present.get(str(address.ip), ()), Presence(machine, port))

    def leave(self, machine: Machine) -> None:
        left = {ip: tuple(one for one in there if one.machine is not machine) for ip, there in self._present.items()}
        self._present = {ip: there for ip, there in left.items() if there}

    def echoes(self, machine: Machine, port: Port, target: IPv4Address | IPv6Address, payload: int) -> bool:
        """Whether an unfragmented echo of `payload` bytes from this port comes back from `target`."""
        here = port.network
        if here is None or not port.addresses or Fault.PING_LOST in machine.faults:
            return False
        network = self._networks.get(here, NetworkSpec())
        if payload + HEADERS > network.mtu:
            return False
        there = next((one for one in self._present.get(str(target), ()) if one.port.network == here), None)
        if there is None:
            return network.gateway == target
        return (
            Fault.PING_LOST not in there.machine.faults
            and payload + HEADERS <= there.port.mtu
            and _same(port, there.port)
        )


def _same(a: Port, b: Port) -> bool:
    """Whether both sides see each other without a router."""
    return any(one.network == other.network for one in a.addresses for other in b.addresses)
