"""A small site on the loopback, its image store and its boot services."""

import socket
import threading
import time

import pytest

from inventory.model import Site
from orchestrator.boot.services import Services
from orchestrator.image.store import ImageStore
from orchestrator.store import Store

ADDRESS = "127.77.0.1"


def node(number, **more):
    return {
        "name": f"r1-n0{number}",
        "rack": "r1",
        "unit": number,
        "bmc": {"address": f"127.78.0.{number}", "user": "admin", "password": "env:BMC"},
        "nics": [
            {
                "name": "eth0",
                "mac": f"52:54:00:77:00:0{number}",
                "addresses": [{"network": "provisioning", "address": f"127.77.0.1{number}"}],
            },
            {
                "name": "eth1",
                "mac": f"52:54:00:77:01:0{number}",
                "addresses": [{"network": "storage", "address": f"10.77.2.1{number}"}],
            },
        ],
        "groups": ["compute"],
        "image": "debian-12",
        **more,
    }


@pytest.fixture
def site():
    ports = _free_ports(4)
    nodes = [node(1, root_disk={"serial": "VRKD0000"}), node(2, boot_mode="bios")]
    return Site.model_validate(
        {
            "name": "loop",
            "domain": "rack.test",
            "ntp": ["10.77.0.1"],
            "dns": ["10.77.0.1"],
            "provisioning": {
                "network": "provisioning",
                "address": ADDRESS,
                "ramdisk": "ramdisk",
                "dhcp": "external",
                **dict(zip(("http_port", "https_port", "image_port", "tftp_port"), ports, strict=True)),
            },
            "networks": {
                "provisioning": {"name": "provisioning", "prefix": "127.77.0.0/24", "gateway": ADDRESS},
                "storage": {"name": "storage", "prefix": "10.77.2.0/24", "vlan": 200, "mtu": 9000},
            },
            "images": {
                "ramdisk": {"name": "ramdisk", "kind": "ramdisk", "artefact": "ramdisk-cloud"},
                "debian-12": {"name": "debian-12", "kind": "os", "artefact": "debian-12"},
            },
            "profiles": {},
            "groups": {"compute": {"name": "compute", "roles": ["network-ready"]}},
            "racks": {"r1": {"name": "r1"}},
            "switches": {},
            "nodes": {one["name"]: one for one in nodes},
            "links": [],
        }
    )


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/anneal.db")
    yield store
    store.engine.dispose()


@pytest.fixture
def images(tmp_path):
    store = ImageStore(tmp_path / "images")
    with store.workshop("ramdisk-cloud") as bench:
        (bench / "vmlinuz").write_bytes(b"kernel " * 1000)
        (bench / "initramfs").write_bytes(b"initramfs " * 1000)
        (bench / "packages").write_text("busybox 1.35\n")
        files = {role: bench / role for role in ("packages", "initramfs")} | {"kernel": bench / "vmlinuz"}
        store.add("ramdisk-cloud", "ramdisk", "a" * 64, files)
    with store.workshop("debian-12") as bench:
        (bench / "disk.raw").write_bytes(bytes(range(256)) * 4096)
        store.add("debian-12", "os", "b" * 64, {"disk": bench / "disk.raw"})
    return store


@pytest.fixture
def services(site, store, images, tmp_path):
    with Services(site, store, tmp_path / "state", images, tmp_path / "site") as running:
        yield running


@pytest.fixture
def until():
    """Whether a condition came true within 20 s."""

    def held(holds):
        ends = time.monotonic() + 20
        while not holds() and time.monotonic() < ends:
            threading.Event().wait(0.02)
        return holds()

    return held


@pytest.fixture
def kinds(store):
    """The kinds of the events so far."""
    return lambda: [one.event.kind for one in store.events()]


def _free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((ADDRESS, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
