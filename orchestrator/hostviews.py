"""Installed systems as witnesses of their own wires, asked over SSH."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drivers.ability.switch import Neighbour
from drivers.host import Host
from drivers.host_wires import Wire
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from inventory.model import Node, Site
from orchestrator.agent.client import Agents
from orchestrator.attributes import home_address
from orchestrator.boot.configdrive import USER
from orchestrator.boot.keys import site_key
from orchestrator.boot.phonehome import PhoneHomes
from orchestrator.store import now


@dataclass(frozen=True)
class HostSeen:
    """`neighbours` None: it has no lldpd that we may ask."""

    at: datetime
    wires: tuple[Wire, ...]
    neighbours: tuple[Neighbour, ...] | None


AskHost = Callable[[Node], HostSeen | None]


def unasked(_node: Node) -> None:
    """Where nobody asks hosts: to read what is recorded."""


@dataclass(frozen=True)
class HostViews:
    """`keys`: the directory of the site's SSH key."""

    site: Site
    agents: Agents
    phone_homes: PhoneHomes
    keys: Path

    def look(self, node: Node) -> HostSeen | None:
        """Ask its installed system now; None where none runs, by what was last heard of it. Driver errors as they come.

        A node in its ramdisk is not asked: it has told.
        """
        home, address = self.phone_homes.latest(node.name), home_address(self.site, node)
        inspected = self.agents.inspections({node.name}).get(node.name)
        if home is None or address is None or (inspected is not None and inspected.at > home.at):
            return None
        where = HostPort(address, self.site.provisioning.ssh_port)
        with Host.open(Access(where, USER, home.host_key, site_key(self.keys).private)) as host:
            return HostSeen(now(), host.wires([nic.name for nic in node.nics]), host.neighbours())
