"""What steps work with: the site and the services that reach its machines."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from drivers import catalog
from drivers.ability import Machine
from drivers.host import Host
from drivers.trust import Pins, Trust
from drivers.wire.ssh import Access
from inventory.address import HostPort
from inventory.model import Node, Site
from inventory.secrets import Login, Vaults
from orchestrator.agent.client import Agents
from orchestrator.ansible import HostTarget, Playbooks
from orchestrator.attributes import home_address
from orchestrator.boot.configdrive import Greeting
from orchestrator.boot.intents import BootIntents
from orchestrator.boot.phonehome import Home, PhoneHomes
from orchestrator.errors import StepFailed
from orchestrator.image.store import Artefact, ImageStore
from orchestrator.store import Store

USER = "anneal"


@dataclass(frozen=True)
class World:
    """`standing` gives, for a role, each node's state now."""

    site: Site
    store: Store
    vaults: Vaults
    pins: Pins
    images: ImageStore
    intents: BootIntents
    agents: Agents
    phone_homes: PhoneHomes
    playbooks: Playbooks
    private_key: Path
    standing: Callable[[str], Mapping[str, str]]

    def bmc(self, node: Node) -> AbstractContextManager[Machine]:
        """A session with the node's BMC, given back at the end. Driver errors as they come."""
        login = Login(node.bmc.user, self.vaults.resolve(node.bmc.password))
        ca = self.vaults.root / node.bmc.ca if node.bmc.ca else None
        return catalog.session(node.bmc, login, Trust(self.pins, node.bmc.tls == "verify", ca), node.serial)

    def host(self, node: Node) -> AbstractContextManager[Host]:
        """The installed system over SSH, by the host key that it phoned home."""
        home = self.phone_homes.latest(node.name)
        if home is None:
            raise StepFailed(node.name, "its host key is not known", "install it with anneal, which learns the key")
        where = HostPort(self._address(node), self.site.provisioning.ssh_port)
        return Host.open(Access(where, USER, home.host_key, self.private_key))

    def target(self, node: Node, home: Home) -> HostTarget:
        """The installed system as Ansible is told of it."""
        return HostTarget(node.name, self._address(node), self.site.provisioning.ssh_port, USER, home.host_key)

    def _address(self, node: Node) -> str:
        address = home_address(self.site, node)
        if address is None:
            raise StepFailed(
                node.name,
                f"it has no address on {self.site.provisioning.network}",
                "give one of its NICs an address there",
            )
        return address
