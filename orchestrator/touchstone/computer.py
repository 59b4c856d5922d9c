"""One guest of the touchstone: claimed, laid down, started, and taken away again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from uuid import NAMESPACE_DNS, uuid5

from pydantic import JsonValue

from drivers.hypervisor.guest import Guest, Kernel, Volume, Wire
from drivers.hypervisor.virsh import Hypervisor
from inventory.address import Ip, Mac
from inventory.model import Node
from orchestrator.boot.configdrive import volume_of
from orchestrator.boot.render import render
from orchestrator.touchstone.bench import Bench
from orchestrator.touchstone.made import Kind, Thing, claim, gone
from orchestrator.touchstone.pairs import bridge_of

_MEMORY_MIB = 160  # a kernel of 14 MB unpacks itself and 3 MB of initramfs; 96 were too few
_LINE = "console=ttyS0 panic=-1 quiet"
_ROLES = ("kernel", "initramfs")
_QEMU = (0x52, 0x54, 0x00)
_WORDS = 400  # characters of a console that an error quotes


@dataclass(frozen=True)
class Computer:
    bench: Bench
    node: Node
    name: str
    address: Ip
    volume: Volume | None

    def boot(self, word: str | None) -> str:
        """Up, to write a word to its volume or, without one, to read it; by which means it runs: kvm or qemu."""
        with self.bench.hypervisor(self.node) as host:
            guest = self._guest(host, word)
            for volume in guest.volumes:
                self._claim("secret", str(volume.secret))
            self._claim("guest", self.name)
            host.define(guest)
            host.start(self.name)
            return host.kind()

    def remove(self) -> None:
        """Its power is cut and it is gone, as far as it is the host's; its volume stays."""
        with self.bench.hypervisor(self.node) as host:
            host.destroy(self.name)
            host.undefine(self.name)
        gone(self.bench.store, Thing("guest", self.name, self.node.name))

    def last_words(self) -> str:
        with self.bench.hypervisor(self.node) as host:
            return " ".join(host.console(self.name).split())[-_WORDS:] or "nothing"

    def _guest(self, host: Hypervisor, word: str | None) -> Guest:
        files = self.bench.image.files
        laid = {role: self._put(host, f"ts-{self.bench.run}-{role}", files[role].path.read_bytes()) for role in _ROLES}
        return Guest(
            name=self.name,
            owner=f"touchstone {self.bench.run}",
            memory_mib=_MEMORY_MIB,
            cpus=1,
            kernel=Kernel(laid["kernel"], laid["initramfs"], _LINE),
            drive=self._put(host, f"{self.name}-config", volume_of(self._drive(word))),
            initiator=self.bench.initiator(self.node),
            wires=(Wire(bridge_of(self.node, self.bench.network), self.mac),),
            volumes=(self.volume,) if self.volume is not None else (),
        )

    def _put(self, host: Hypervisor, name: str, content: bytes) -> PurePosixPath:
        self._claim("file", name)
        return host.put(name, content)

    def _claim(self, kind: Kind, name: str) -> None:
        claim(self.bench.store, self.bench.run, Thing(kind, name, self.node.name))

    @property
    def mac(self) -> Mac:
        """Of QEMU's own range, by the guest's name."""
        last = sha256(self.name.encode()).digest()[:3]
        return Mac(":".join(f"{octet:02x}" for octet in (*_QEMU, *last)))

    def _drive(self, word: str | None) -> Mapping[str, str]:
        """As an operating system would read it, and a script for a guest that has none."""
        network, fqdn = self.bench.network, f"{self.name}.{self.bench.site.domain}"
        uuid = str(uuid5(NAMESPACE_DNS, fqdn))
        return {
            "meta_data.json": json.dumps({"uuid": uuid, "name": self.name, "hostname": fqdn, "launch_index": 0}),
            "network_data.json": json.dumps(self._network_data()),
            "user_data": render(
                "guest/touchstone.sh.j2",
                run=self.bench.run,
                guest=self.name,
                address=self.address,
                length=network.prefix.prefixlen,
                gateway=network.gateway,
                mtu=network.mtu,
                volume=self.volume.serial if self.volume is not None else "",
                word=word,
            ),
        }

    def _network_data(self) -> dict[str, JsonValue]:
        network = self.bench.network
        return {
            "links": [{"id": "eth0", "type": "phy", "ethernet_mac_address": str(self.mac), "mtu": network.mtu}],
            "networks": [
                {
                    "id": "eth0-0",
                    "link": "eth0",
                    "type": f"ipv{self.address.version}",
                    "ip_address": str(self.address),
                    "netmask": str(network.prefix.netmask),
                    "routes": [],
                }
            ],
            "services": [{"type": "dns", "address": server.address} for server in self.bench.servers],
        }


def shared(thing: Thing) -> bool:
    """Whether other guests of the run on that host use it too."""
    return thing.kind == "file" and thing.name.endswith(tuple(f"-{role}" for role in _ROLES))
