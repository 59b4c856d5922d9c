"""A rack made up for one journey: the site, and the twin file that plays it, on loopback addresses of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from pathlib import Path

import yaml

SPEED = 100
SITE_IMAGE, RAMDISK = "twin-os", "twin-ramdisk"


@unique
class Net(IntEnum):
    """Whose rack lies in 127.NET.0.0/16: journeys run side by side, so no two have one. 31 and 32 are the demo's."""

    FILLED = 33
    FAULTS = 34
    KILLS = 35
    ONE_KILL = 36
    DISCOVER = 39
    CABLES = 41
    PROFILES = 45
    CONDUITS = 46
    HARDWARE_KILLS = 47
    STAGED_KILLS = 48
    SWITCHES = 57
    SWITCH_GOES_BACK = 58
    SWITCH_LIES = 59
    TWO_FAMILIES = 60
    DEPLOY = 61
    HANDOFF = 62


@dataclass(frozen=True)
class Server:
    """One machine. `content`: blank or data, as in a twin file."""

    number: int
    protocol: str = "redfish"
    content: str = "blank"
    image: str = SITE_IMAGE

    @property
    def name(self) -> str:
        return f"r1-n{self.number:02}"

    def mac(self, nic: int) -> str:
        return f"52:54:00:01:{self.number:02x}:{nic:02x}"


def write(directory: Path, net: int, servers: Sequence[Server], password: str) -> None:
    """`site/` and `twin.yaml`: everything of it lies in 127.NET.0.0/16."""
    (directory / "site" / "secrets").mkdir(parents=True)
    secret = directory / "site" / "secrets" / "bmc"
    secret.touch(mode=0o600)
    secret.write_text(f"{password}\n")
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(_site(net, servers), sort_keys=False))
    (directory / "twin.yaml").write_text(yaml.safe_dump(_twin(net, servers), sort_keys=False))


def _bmc(net: int, server: Server) -> dict[str, object]:
    port = 8443 if server.protocol == "redfish" else 6230
    return {"address": f"127.{net}.1.{server.number}:{port}", "protocol": server.protocol}


def _address(net: int, server: Server) -> str:
    return f"127.{net}.0.{10 + server.number}"


def _site(net: int, servers: Sequence[Server]) -> dict[str, object]:
    here = f"127.{net}.0.1"
    ports = {"ssh_port": 22022, "http_port": 18080, "https_port": 18443, "image_port": 18081, "tftp_port": 6969}
    images = {name: {"kind": "os", "artefact": name} for name in {server.image for server in servers}}
    swp = [f"swp{server.number}" for server in servers]
    return {
        "site": {
            "name": f"lab{net}",
            "ntp": [here],
            "provisioning": {
                "network": "provisioning", "address": here, "ramdisk": RAMDISK, "dhcp": "external", **ports
            },
            "defaults": {
                "bmc": {"user": "admin", "password": "file:secrets/bmc"}, "groups": ["compute"], "image": SITE_IMAGE
            },
        },
        "networks": {
            "provisioning": {"prefix": f"127.{net}.0.0/24", "gateway": here},
            "storage": {"prefix": f"10.{net}.2.0/24", "mtu": 9000},
        },
        "images": {RAMDISK: {"kind": "ramdisk", "artefact": RAMDISK}, **images},
        "groups": {"compute": {"roles": ["network-ready"]}},
        "racks": {"r1": {"units": 42}},
        "switches": {f"r1-sw{one}": {"rack": "r1", "unit": 43 - one, "ports": swp} for one in (1, 2)},
        "nodes": {server.name: _node(net, server) for server in servers},
        "links": [
            {"a": f"{server.name}:eth{nic}", "b": f"r1-sw{nic + 1}:swp{server.number}"}
            for server in servers
            for nic in (0, 1)
        ],
    }  # fmt: skip


def _node(net: int, server: Server) -> dict[str, object]:
    addresses = (("provisioning", _address(net, server)), ("storage", f"10.{net}.2.{10 + server.number}"))
    return {
        "rack": "r1",
        "unit": server.number,
        "serial": f"SN-{server.number:02}",
        "bmc": _bmc(net, server),
        "root_disk": {"serial": f"DISK-{server.number:02}"},
        "image": server.image,
        "nics": [
            {"name": f"eth{nic}", "mac": server.mac(nic), "addresses": [{"network": network, "address": address}]}
            for nic, (network, address) in enumerate(addresses)
        ],
    }


def _twin(net: int, servers: Sequence[Server]) -> dict[str, object]:
    here = f"127.{net}.0.1"
    return {
        "kind": "twin",
        "name": f"lab{net}",
        "speed": SPEED,
        "boot": {"http": f"http://{here}:18080/boot/{{mac}}"},
        "ssh_port": 22022,
        "networks": {"provisioning": {"gateway": here}, "storage": {"mtu": 9216}},
        "machines": [_machine(net, server) for server in servers],
    }


def _machine(net: int, server: Server) -> dict[str, object]:
    cables = [{"mac": server.mac(nic), "cable": f"r1-sw{nic + 1}:swp{server.number}"} for nic in (0, 1)]
    networks = ({"network": "provisioning", "address": _address(net, server)}, {"network": "storage"})
    data = {"content": "data", "label": "payroll"} if server.content == "data" else {}
    return {
        "name": server.name,
        "serial": f"SN-{server.number:02}",
        "bmc": {**_bmc(net, server), "user": "admin", "password_file": "site/secrets/bmc"},
        "nics": [{**cable, **network} for cable, network in zip(cables, networks, strict=True)],
        "disks": [{"serial": f"DISK-{server.number:02}", "gib": 40, **data}],
    }
