"""What steps work with: the site and the services that reach its machines."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pydantic import JsonValue

from drivers.host import Host
from drivers.hypervisor.virsh import Hypervisor
from drivers.storage.node import StorageNode
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from inventory.model import Node, Site
from orchestrator.ansible import HostTarget, Playbooks
from orchestrator.attributes import home_address
from orchestrator.bmcs import Bmcs
from orchestrator.boot.configdrive import USER
from orchestrator.boot.phonehome import Home
from orchestrator.boot.services import Services
from orchestrator.engine.status import Row
from orchestrator.engine.vertex import VertexKey
from orchestrator.errors import StepFailed
from orchestrator.image.store import ImageStore
from orchestrator.storage import served
from orchestrator.store import Store
from orchestrator.switchdesk import SwitchDesk
from orchestrator.witnesses import Witnesses


@dataclass(frozen=True)
class World:
    """`standing` gives, for a role, each node's state now; `on_node`, for a node, each role's state and inputs;
    `under_way`, for a role, what it is at work for now, by node. `look_again` has proofs observed anew."""

    site: Site
    store: Store
    bmcs: Bmcs
    images: ImageStore
    services: Services
    playbooks: Playbooks
    standing: Callable[[str], Mapping[str, str]]
    on_node: Callable[[str], Mapping[str, Row]]
    witnesses: Witnesses
    under_way: Callable[[str], Mapping[str, Mapping[str, JsonValue]]]
    look_again: Callable[[Iterable[VertexKey]], None]
    switches: SwitchDesk

    def host(self, node: Node) -> AbstractContextManager[Host]:
        """The installed system over SSH, by the host key that it phoned home."""
        return Host.open(self._access(node))

    def _access(self, node: Node) -> Access:
        home = self.services.phone_homes.latest(node.name)
        if home is None:
            raise StepFailed(node.name, "its host key is not known", "install it with anneal, which learns the key")
        where = HostPort(self._address(node), self.site.provisioning.ssh_port)
        return Access(where, USER, home.host_key, self.services.key.private)

    def hypervisor(self, node: Node) -> AbstractContextManager[Hypervisor]:
        """The same system, for its guests."""
        return Hypervisor.open(self._access(node))

    def storage(self, node: Node) -> AbstractContextManager[StorageNode]:
        """The same system, for its volumes."""
        return StorageNode.open(self._access(node), served(self.site, node))

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
