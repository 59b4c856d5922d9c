"""The touchstone's bench for a site as it is recorded: by the host keys that phoned home and the keys of the site."""

from collections.abc import Callable
from uuid import uuid4

from drivers.dns import NameServer
from drivers.host import Host
from drivers.hypervisor.virsh import Hypervisor
from drivers.storage.node import StorageNode
from drivers.wire.ssh_login import Access
from inventory import interfaces as links
from inventory.address import HostPort
from inventory.model import Node
from orchestrator import names
from orchestrator.boot.configdrive import USER
from orchestrator.boot.keys import names_key, site_key
from orchestrator.errors import Impossible, StepFailed
from orchestrator.image.store import ImageStore
from orchestrator.iscsi import storage_nodes
from orchestrator.record import Record
from orchestrator.storage import SiteVolumes, served
from orchestrator.touchstone.bench import Bench
from orchestrator.touchstone.pairs import pairs, tenant_network

_DIGITS = 8  # of a run's name, so that it fits a disk's serial with what goes around it


def bench_of(
    record: Record, images: ImageStore, image: str, network: str | None, progress: Callable[[str], None]
) -> Bench:
    """`Impossible` where too few hosts are there, no such image, or which network guests have is not clear."""
    pairs(record.site)
    found = images.find(image)
    if found is None or found.kind != "guest":
        raise Impossible(f"the image store has no guest {image}. anneal image build guest --kernel cloud")
    site = record.site
    access = _access(record)
    return Bench(
        site=site,
        store=record.store,
        run=uuid4().hex[:_DIGITS],
        network=tenant_network(site, network),
        image=found,
        hypervisor=lambda node: Hypervisor.open(access(node)),
        host=lambda node: Host.open(access(node)),
        servers=_servers(record),
        volumes=volumes_of(record),
        progress=progress,
    )


def volumes_of(record: Record) -> SiteVolumes | None:
    """None where no node is to bear any."""
    site, access = record.site, _access(record)
    if not storage_nodes(site):
        return None
    return SiteVolumes(site, record.store, lambda node: StorageNode.open(access(node), served(site, node)))


def _access(record: Record) -> Callable[[Node], Access]:
    """To a system that we installed, as it is known by the host key that it phoned home."""

    def access(node: Node) -> Access:
        home, address = record.phone_homes.latest(node.name), links.home(record.site, node)
        if home is None or address is None:
            raise StepFailed(node.name, "its host key is not known", "install it with anneal, which learns the key")
        where = HostPort(str(address), record.site.provisioning.ssh_port)
        return Access(where, USER, home.host_key, site_key(record.state / "ssh").private)

    return access


def _servers(record: Record) -> tuple[NameServer, ...]:
    """The primary first."""
    found = names.servers(record.site)
    homes = [home for home in (links.home(record.site, node) for node in found) if home is not None]
    return tuple(NameServer(str(home), names_key(record.state / "names")) for home in homes)
