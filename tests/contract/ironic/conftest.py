"""A real Ironic on the loopback, with twins for BMCs and a site of the same machines, all of them proven."""

import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import yaml

from cli.main import run
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.load import load
from orchestrator.record import Record
from tests.contract.ironic.wiretap import Wiretap
from tests.orchestrator.export.proving import prove

IRONIC = "ironic==39.0.0"
USER, PASSWORD = "anneal", "canary-of-ironic"
BMC_PASSWORD = "canary-of-bmc"
START_SECONDS = 180
NODES = ("n1", "n2")
_SITES = itertools.count(1)


@pytest.fixture(scope="session")
def programs() -> Path:
    """Ironic's own programs; made once, for they are no part of an installation of ours."""
    room = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anneal" / "test-ironic-1"
    if not (room / "ready").exists():
        shutil.rmtree(room, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(room)], check=True)
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(room / "bin" / "python")]
        done = subprocess.run([*install, IRONIC], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{IRONIC} cannot be installed: {done.stderr[-200:]}")
        (room / "ready").touch()
    return room / "bin"


@dataclass(frozen=True)
class Server:
    """`ask` speaks HTTP to it, so that what it has is seen with other eyes than ours."""

    url: str
    log: Path

    def ask(self, method: str, path: str, body: object = None) -> Any:
        version = {"X-OpenStack-Ironic-API-Version": "1.82"}
        answer = requests.request(
            method, f"{self.url}/v1/{path}", json=body, auth=(USER, PASSWORD), headers=version, timeout=60
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def node(self, name: str) -> Any:
        return self.ask("GET", f"nodes/{name}")

    def clear(self) -> None:
        for one in self.ask("GET", "nodes")["nodes"]:
            self.ask("PUT", f"nodes/{one['uuid']}/maintenance")
            self.ask("DELETE", f"nodes/{one['uuid']}")


def _settings(room: Path, port: int) -> str:
    """One process, SQLite, HTTP basic; no image is written, so that no service for that is there."""
    return f"""
[DEFAULT]
host = conductor
my_ip = 127.0.0.1
auth_strategy = http_basic
http_basic_auth_user_file = {room}/htpasswd
rpc_transport = none
state_path = {room}
log_file = {room}/ironic.log
enabled_hardware_types = redfish,fake-hardware
enabled_bios_interfaces = no-bios
enabled_boot_interfaces = redfish-virtual-media,fake
enabled_console_interfaces = no-console
enabled_deploy_interfaces = direct,fake
enabled_firmware_interfaces = no-firmware
enabled_inspect_interfaces = no-inspect
enabled_management_interfaces = redfish,fake
enabled_network_interfaces = noop
enabled_power_interfaces = redfish,fake
enabled_raid_interfaces = no-raid
enabled_rescue_interfaces = no-rescue
enabled_storage_interfaces = noop
enabled_vendor_interfaces = no-vendor
[api]
host_ip = 127.0.0.1
port = {port}
[conductor]
sync_power_state_interval = 0
[database]
connection = sqlite:///{room}/ironic.sqlite
[deploy]
http_root = {room}/http
http_url = http://127.0.0.1:9
[dhcp]
dhcp_provider = none
[oslo_concurrency]
lock_path = {room}/lock
[redfish]
connection_attempts = 1
[service_catalog]
auth_type = none
endpoint_override = http://127.0.0.1:{port}
"""


@pytest.fixture(scope="session")
def server(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    room = tmp_path_factory.mktemp("ironic")
    port = free_port()
    (room / "ironic.conf").write_text(_settings(room, port))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    (room / "htpasswd").write_text(f"{USER}:{hashed}\n")
    settings = ["--config-file", str(room / "ironic.conf")]
    subprocess.run([str(programs / "ironic-dbsync"), *settings, "create_schema"], check=True, capture_output=True)
    with (room / "said").open("w") as said:
        child = subprocess.Popen([str(programs / "ironic"), *settings], stdout=said, stderr=said)
    try:
        _await(child, port, room)
        yield Server(f"http://127.0.0.1:{port}", room / "ironic.log")
    finally:
        child.terminate()
        child.wait(timeout=30)


def _await(child: "subprocess.Popen[bytes]", port: int, room: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.1)
    pytest.fail(f"Ironic never listened: {(room / 'said').read_text()[-2000:]}")


def free_port() -> int:
    """Below those that outgoing connections are given."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    pytest.fail("no free port in 20000-32000")


@dataclass
class Rig:
    """A site whose nodes are proven, twins where its BMCs are, and Ironic."""

    directory: Path
    server: Server
    tap: Wiretap
    capsys: pytest.CaptureFixture[str]

    def export(self, *words: str, ca: str | None = None) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, rows and standard error of `anneal export ironic`; `tap` has what it sent."""
        self.tap.sent.clear()
        told = ["--bmc-ca", ca or str(self.directory / "bmcs.pem"), "-o", "json", "--site", str(self.directory)]
        code = run(["export", "ironic", *words, *told])
        out, err = self.capsys.readouterr()
        return code, json.loads(out) if out else [], err

    def site(self) -> Any:
        return yaml.safe_load((self.directory / "site.yaml").read_text())

    def reaches(self, node: str, state: str) -> bool:
        ends = time.monotonic() + 60
        while self.server.node(node)["provision_state"] != state and time.monotonic() < ends:
            threading.Event().wait(0.1)
        return bool(self.server.node(node)["provision_state"] == state)

    def edit(self, change: Any, *proven: str) -> None:
        """Another inventory, and all of it proven again, or only these nodes."""
        told = self.site()
        change(told)
        (self.directory / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
        for one in (self.directory / ".anneal").glob("anneal.db*"):
            one.unlink()
        self.prove(*proven)

    def prove(self, *nodes: str) -> None:
        prove(Record(load(self.directory), self.directory / ".anneal"), *(nodes or NODES))


def site(addresses: dict[str, str]) -> dict[str, Any]:
    number = next(_SITES)
    nodes = {
        name: {
            "rack": "r1",
            "unit": unit,
            "bmc": {"address": addresses[name]},
            "root_disk": {"serial": "DISK-1"},
            "nics": [
                {"name": "eth0", "mac": f"52:54:00:{number:02x}:{unit:02x}:00",
                 "addresses": [{"network": "prov", "address": f"10.77.0.1{unit}"}]},
                {"name": "eth1", "mac": f"52:54:00:{number:02x}:{unit:02x}:01"},
            ],
        }
        for unit, name in enumerate(addresses, 1)
    }  # fmt: skip
    return {
        "site": {
            "name": f"lab{number}",
            "provisioning": {"network": "prov", "address": "10.77.0.1", "ramdisk": "ipa"},
            "defaults": {
                "image": "debian", "groups": ["compute"], "bmc": {"user": "admin", "password": "env:BMC_CANARY"},
            },
        },
        "networks": {"prov": {"prefix": "10.77.0.0/24", "gateway": "10.77.0.1"}},
        "images": {"ipa": {"kind": "ramdisk", "artefact": "ipa"}, "debian": {"kind": "os", "artefact": "debian"}},
        "groups": {"compute": {"roles": ["network-ready"]}, "storage": {"roles": ["network-ready"]}},
        "racks": {"r1": {}},
        "switches": {"sw1": {"rack": "r1", "unit": 40, "ports": ["swp1", "swp2", "swp3"]}},
        "nodes": nodes,
        "links": [{"a": f"{name}:eth0", "b": f"sw1:swp{unit}"} for unit, name in enumerate(addresses, 1)],
    }  # fmt: skip


@pytest.fixture
def rig(server, tmp_path, monkeypatch, capsys) -> Iterator[Rig]:
    addresses = {name: f"127.0.0.1:{free_port()}" for name in NODES}
    told = site(addresses)
    machines = [
        {
            "name": name,
            "serial": f"SN-{name}",
            "bmc": {"address": address, "user": "admin", "password": BMC_PASSWORD},
            "nics": [{"mac": nic["mac"]} for nic in told["nodes"][name]["nics"]],
            "disks": [{"serial": "DISK-1", "gib": 480}],
        }
        for name, address in addresses.items()
    ]
    spec = {"name": "lab", "speed": 500, "boot": {"http": "http://127.0.0.1:9/{mac}"}, "machines": machines}
    directory, state = tmp_path / "site", tmp_path / "twin"
    for one in (directory, state):
        one.mkdir()
    (directory / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    tap = Wiretap(server.url)
    settings(monkeypatch, tmp_path, tap.url, PASSWORD)
    monkeypatch.setenv("BMC_CANARY", BMC_PASSWORD)
    with Twin(TwinSpec.model_validate(spec), state):
        bundle = [path.read_text() for path in sorted(state.rglob("*.pem"))]
        (directory / "bmcs.pem").write_text("".join(_certificate(one) for one in bundle))
        made = Rig(directory, server, tap, capsys)
        made.prove()
        yield made
    tap.close()
    server.clear()


def settings(monkeypatch, room: Path, url: str, password: str, **more: object) -> None:
    """The environment and clouds.yaml of somebody whose Ironic is at this address."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    login = {"auth_type": "http_basic", "auth": {"endpoint": url, "username": USER, "password": password}}
    clouds = {"clouds": {"ours": {**login, "baremetal_endpoint_override": url, **more}}}
    (room / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(room / "clouds.yaml"))
    monkeypatch.setenv("OS_CLOUD", "ours")


def _certificate(pem: str) -> str:
    return pem[pem.index("-----BEGIN CERTIFICATE") :]
