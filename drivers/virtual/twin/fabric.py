"""Where the far end of a machine's cable leads: by the configuration of the switch there, or, where that is passive, as
the rack file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from drivers.virtual.twin import lldp
from drivers.virtual.twin.file import NetworkSpec, NicSpec


@dataclass(frozen=True)
class Lane:
    """A port as its configuration has frames pass. `alone`: not in a LAG, or in one that falls back without a partner,
    as no host here speaks LACP."""

    enabled: bool
    untagged: int | None
    tagged: frozenset[int] = frozenset()
    edge: bool = False
    alone: bool = True

    @property
    def vlan(self) -> int | None:
        """Where frames without a tag go; None: nowhere."""
        return self.untagged if self.enabled and self.alone else None


class Driven(Protocol):
    """What is asked of a switch here."""

    def lane(self, port: str) -> Lane:
        """By the configuration in force now."""

    def hostname(self) -> str: ...


class Fabric:
    """Asked at each frame, as it were: what a switch is told holds from then on."""

    def __init__(self, networks: Mapping[str, NetworkSpec], switches: Mapping[str, Driven]) -> None:
        self._names = {network.vlan: name for name, network in networks.items() if network.vlan is not None}
        self._switches = switches

    def carrier(self, nic: NicSpec) -> bool:
        lane = self._lane(nic)
        return nic.cable is not None and (lane is None or lane.enabled)

    def network(self, nic: NicSpec) -> str | None:
        """The layer-2 network that frames without a tag reach; None without a carrier. One that the rack file does not
        name is by itself, and so is a port that lets nothing through."""
        lane = self._lane(nic)
        if lane is None:
            return nic.network if nic.cable is not None else None
        if not lane.enabled:
            return None
        return f"nowhere at {nic.cable}" if lane.vlan is None else self._names.get(lane.vlan, f"VLAN {lane.vlan}")

    def barred(self, nic: NicSpec, *, booting: bool = False) -> str | None:
        """Why nobody on the NIC's own network can be reached from it; None where they can.

        `booting`: from firmware, which has the link come up anew at each try and does not wait out the 30 s in which a
        port that is no edge only listens and learns (IEEE 802.1D-2004 17.14, forward delay).
        """
        lane = self._lane(nic)
        if lane is None:
            return None
        found = self.network(nic)
        if found != nic.network:
            return f"{nic.cable} leads to {found or 'nobody: it is off'}, not to {nic.network}"
        return f"{nic.cable} is no edge port, and does not forward yet" if booting and not lane.edge else None

    def heard(self, nic: NicSpec) -> lldp.Heard:
        """The LLDP frame of the switch."""
        if nic.cable is None or not self.carrier(nic):
            return []
        driven = self._switches.get(nic.cable.device)
        return lldp.heard(nic.cable, driven.hostname() if driven is not None else nic.cable.device)

    def _lane(self, nic: NicSpec) -> Lane | None:
        driven = self._switches.get(nic.cable.device) if nic.cable is not None else None
        return driven.lane(nic.cable.port) if driven is not None and nic.cable is not None else None
