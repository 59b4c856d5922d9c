"""iPXE scripts: the ramdisk for a node with a live boot intent, its own disk for every other machine."""

import uuid
from dataclasses import dataclass

from inventory.address import Ip, Mac
from inventory.model import Node, Site
from orchestrator.boot.errors import CannotServe
from orchestrator.boot.intents import AgentBoot, BootIntents
from orchestrator.boot.render import render
from orchestrator.boot.seldom import Seldom
from orchestrator.events import Event
from orchestrator.image.store import Artefact, ImageStore
from orchestrator.store import Store, now

LLDP_SECONDS = (
    32  # a neighbour speaks every 30 s (IEEE 802.1AB-2016 9.2.5.7, msgTxInterval); the wait ends when all have
)
COLLECTORS = ("default", "lldp", "pci-devices")
DISKS_COLLECTOR = "anneal-disks"


@dataclass(frozen=True)
class Roots:
    """Where our services are, as machines reach them: `http://10.77.0.1:8080`."""

    http: str
    https: str
    images: str

    @classmethod
    def of(cls, site: Site) -> "Roots":
        there = site.provisioning
        host = bracketed(there.address)
        return cls(
            f"http://{host}:{there.http_port}",
            f"https://{host}:{there.https_port}",
            f"http://{host}:{there.image_port}",
        )


def bracketed(address: Ip) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


class BootScripts:
    """Answers a machine that asks what to boot."""

    def __init__(self, site: Site, store: Store, images: ImageStore, intents: BootIntents) -> None:
        self._site = site
        self._store = store
        self._images = images
        self._intents = intents
        self._roots = Roots.of(site)
        self._nodes = {nic.mac: node for node in site.nodes.values() for nic in node.nics}
        self._seldom = Seldom()

    def chain(self) -> str:
        """For DHCP to name: asks again with the MAC of the NIC that booted."""
        return render("ipxe/chain.ipxe.j2", root=self._roots.http)

    def script(self, mac: Mac, source: str) -> str:
        """A stranger leaves the network boot for whatever is next in its boot order."""
        node = self._nodes.get(mac)
        if node is None:
            self._say("boot.unknown", mac, f"a machine with MAC {mac} asks {source} what to boot: no node has it")
            return render("ipxe/local.ipxe.j2", firmware=None)
        fixed = self._fixed_address(node, mac)
        if fixed not in (None, source):
            self._say(
                "boot.foreign", mac, f"{source} asks as {node.name}, whose address is {fixed}: not answered", node
            )
            return render("ipxe/local.ipxe.j2", firmware=node.boot_mode)
        netboot = self._intents.netboot(node.name, mac, source)
        if isinstance(netboot, AgentBoot):
            return self._agent(node, mac, netboot)
        return render("ipxe/local.ipxe.j2", firmware=node.boot_mode)

    def _agent(self, node: Node, mac: Mac, netboot: AgentBoot) -> str:
        ramdisk = self._ramdisk(node)
        files = f"{self._roots.http}/boot/files/{ramdisk.id}"
        return render(
            "ipxe/agent.ipxe.j2",
            node=node.name,
            boot=netboot.boot,
            kernel=f"{files}/kernel?boot={netboot.boot}",
            segments={"site.cpio": f"{self._roots.http}/boot/site.cpio", "initramfs": f"{files}/initramfs"},
            parameters=self._parameters(ramdisk, mac, netboot),
        )

    def _parameters(self, ramdisk: Artefact, mac: Mac, netboot: AgentBoot) -> list[str]:
        """The boot's token stands in two of them; it opens nothing once the agent has looked itself up."""
        agent = f"{self._roots.https}/agent/{netboot.token}"
        request = uuid.uuid5(uuid.NAMESPACE_URL, f"{self._roots.https}/{netboot.node}/{netboot.boot}")
        return [
            f"ipa-api-url={agent}",
            f"ipa-inspection-callback-url={agent}/v1/continue_inspection",
            f"ipa-inspection-collectors={','.join(collectors(ramdisk))}",
            f"ipa-lldp-timeout={LLDP_SECONDS}",
            f"ipa-global-request-id=req-{request}",
            f"anneal-clock={int(now().timestamp())}",  # our ramdisk believes it where its own clock is far off
            f"BOOTIF=01-{mac.replace(':', '-')}",
            "console=tty0",
            "console=ttyS0,115200",
            *self._site.images[self._site.provisioning.ramdisk].kernel_args,
        ]

    def _ramdisk(self, node: Node) -> Artefact:
        """The site's. Where the store has none, the node goes on to its disk, and the log says why."""
        image = self._site.images[self._site.provisioning.ramdisk]
        found = self._images.find(image.artefact)
        if found is not None and found.kind == "ramdisk":
            return found
        missing = CannotServe(
            f"ramdisk {image.artefact} for {node.name}",
            "is not in the image store",
            "anneal image build ramdisk, or anneal image import",
        )
        self._store.record(Event("boot.no-ramdisk", str(missing), node.name))
        raise missing

    def _fixed_address(self, node: Node, mac: Mac) -> str | None:
        """What our own DHCP gives this NIC and nobody else; None where another server decides."""
        if self._site.provisioning.dhcp != "anneal":
            return None
        network = self._site.provisioning.network
        given = (
            one.address
            for nic in node.nics
            if nic.mac == mac
            for one in (node.addresses_at(nic) if nic == node.boot_nic else nic.addresses)
            if one.network == network
        )
        return next((str(address) for address in given), None)

    def _say(self, kind: str, mac: Mac, says: str, node: Node | None = None) -> None:
        """Once an hour for a MAC."""
        if self._seldom.due((kind, mac), now()):
            self._store.record(Event(kind, says, node.name if node else None, data={"mac": str(mac)}))


def collectors(ramdisk: Artefact) -> tuple[str, ...]:
    """What the ramdisk is to look at. An agent asked for a collector that it has not does not inspect at all.

    Our plug-in is in the ramdisks that we build, which list their packages; upstream's have it not.
    """
    return (*COLLECTORS, DISKS_COLLECTOR) if "packages" in ramdisk.files else COLLECTORS
