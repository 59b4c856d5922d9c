"""`anneal serve` as a process over a seeded record, and the real clients in a venv of their own."""

import contextlib
import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sqlalchemy import insert, update

from orchestrator.api import said
from orchestrator.api.standing import basis
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.events import Event
from orchestrator.roles import read_roles
from orchestrator.store import Store, now
from tests.conftest import Client

ANNEAL = Path(sys.executable).with_name("anneal")
HOUR = 3600.0
_NETS = itertools.count(1)


def document(net: int, nodes: int) -> dict[str, object]:
    """A site of so many nodes, all of it in 127.NET.0.0/16; the last node has a bond."""
    here = f"127.{net}.0.1"
    ports = dict(zip(("http_port", "https_port", "image_port", "tftp_port"), free_ports(4, here), strict=True))
    return {
        "site": {
            "name": f"hand{net}",
            "ntp": [here],
            "provisioning": {"network": "prov", "address": here, "ramdisk": "ipa", "dhcp": "external", **ports},
            "defaults": {
                "image": "debian", "groups": ["compute"],
                "bmc": {"user": "admin", "password": "env:CANARY_BMC"},
            },
        },
        "networks": {"prov": {"prefix": f"127.{net}.0.0/16", "gateway": here}},
        "images": {"ipa": {"kind": "ramdisk", "artefact": "ipa"}, "debian": {"kind": "os", "artefact": "debian"}},
        "groups": {"compute": {"roles": ["network-ready"]}},
        "racks": {"r1": {"units": 48}},
        "switches": {"r1-sw1": {"rack": "r1", "unit": 48, "ports": [f"swp{one}" for one in range(1, nodes + 1)]}},
        "nodes": {f"r1-n{one:02}": _node(net, one, bond=one == nodes) for one in range(1, nodes + 1)},
        "links": [{"a": f"r1-n{one:02}:eth0", "b": f"r1-sw1:swp{one}"} for one in range(1, nodes + 1)],
    }  # fmt: skip


def _node(net: int, number: int, *, bond: bool) -> dict[str, object]:
    macs = [f"52:54:{net:02x}:{nic:02x}:00:{number:02x}" for nic in (0, 1)]
    nics: list[dict[str, object]] = [{"name": f"eth{nic}", "mac": mac} for nic, mac in enumerate(macs)]
    address = [{"network": "prov", "address": f"127.{net}.1.{number}"}]
    bonds = [{"name": "bond0", "members": ["eth0", "eth1"], "mode": "active-backup", "addresses": address}]
    if not bond:
        nics[0]["addresses"] = address
    told = {"rack": "r1", "unit": number, "bmc": {"address": f"127.{net}.2.{number}:8443"}, "nics": nics}
    return told | ({"bonds": bonds} if bond else {})


@dataclass
class Served:
    """A seeded site and the API over it."""

    directory: Path
    store: Store
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None, minor: int | None = 82, **headers: str):
        """Status, headers by lower-case name, JSON of the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        version = {} if minor is None else {"X-OpenStack-Ironic-API-Version": f"1.{minor}"}
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Accept": "application/json", **version, **headers})
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        told = json.loads(raw) if raw else None
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, told

    def get(self, path: str, minor: int = 82):
        status, _, told = self.ask("GET", path, minor=minor)
        assert status == 200, told
        return told

    def move(self, node: str, role: str, state: str, says: str = "as wanted", expires: float | None = None) -> int:
        """As the engine does: the row and its event in one transaction. The event's id."""
        with self.store.decide() as connection:
            event = self.store.append(connection, Event(f"role.{state}", says, node, role, data={"generation": 1}))
            values = {"state": state, "says": says, "since": now().timestamp(), "event": event, "expires": expires}
            here = (NODE_ROLE.c.node == node, NODE_ROLE.c.role == role)
            connection.execute(update(NODE_ROLE).where(*here).values(values))
        return event


def seed(store: Store, nodes: list[str], *, hours: float = 1.0) -> None:
    """Each node brought to network-ready, with evidence for so many hours."""
    roles = read_roles()
    told = [name for name in roles if name in basis(roles)]
    at = now().timestamp()
    facts = {"vendor": "Twin", "model": "T1", "serial": "S", "processors": 2, "memory_mib": 65536, "drives": []}
    seen = {"cpus": 16, "memory_mib": 65536, "disks": [{"name": "/dev/sda", "serial": "D", "bytes": 480 << 30}]}
    values = {"hardware-facts": facts, "agent-inspect": seen}
    with store.decide() as connection:
        for node in nodes:
            event = store.append(connection, Event("role.active", "as wanted", node, "network-ready", "seed",
                                                   data={"generation": 1}))  # fmt: skip
            connection.execute(insert(NODE_ROLE), [_row(node, role, at, event, at + hours * HOUR) for role in told])
            proofs = [
                {"node": node, "role": role, "says": "seen", "witness": "seed", "value": value, "digest": "0", "at": at}
                for role, value in values.items()
            ]
            connection.execute(insert(EVIDENCE), proofs)


def _row(node: str, role: str, at: float, event: int, expires: float) -> dict[str, object]:
    return {
        "node": node, "role": role, "run": "seed", "state": "active", "waiting": 0, "generation": 1, "attempt": 1,
        "segment": 0, "phase": "observe", "says": "as wanted", "since": at, "event": event, "parked": False,
        "cancelled": False, "checking": 0, "checks": 0, "expires": None if role == "network-ready" else expires,
        "inputs": {}, "input_hash": "1", "within": 60.0, "verify_within": 60.0, "retries": 0, "erases": False,
        "idempotent": True,
    }  # fmt: skip


@contextlib.contextmanager
def serving(room: Path, nodes: int, *options: str, owners: Mapping[str, str] | None = None) -> Iterator[Served]:
    """`anneal serve` over a site of so many nodes, of which all but the first are network-ready."""
    net = 100 + next(_NETS)
    site = room / "site"
    site.mkdir()
    told = document(net, nodes)
    (site / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    (room / "state").mkdir(mode=0o700)
    store = Store(f"sqlite:///{room / 'state' / 'anneal.db'}")
    seed(store, list(told["nodes"])[1:])
    for node, owner in (owners or {}).items():
        said.keep(store, node, {"owner": owner}, Event("handoff.changed", f"owner {owner}", node))
    (port,), log = free_ports(1), room / "log"
    words = ["serve", "--site", str(site), "--state", str(room / "state"), "--store", str(room / "images")]
    command = [str(ANNEAL), *words, "--api", f"127.0.0.1:{port}", *options]
    environment = os.environ | {"CANARY_BMC": "canary-bmc-password"}
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
    try:
        wait_for(process, log)
        yield Served(site, store, port, log)
    finally:
        process.terminate()
        process.wait(timeout=20)
        store.engine.dispose()


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((address, 0))
        return [probe.getsockname()[1] for probe in probes]


def wait_for(process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if "serving " in log.read_text():
            return
        assert process.poll() is None, log.read_text()
        threading.Event().wait(0.05)
    pytest.fail(f"anneal serve never listened: {log.read_text()}")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served"), 6) as running:
        yield running


@pytest.fixture(scope="module")
def client(clients, served) -> Client:
    return Client(clients, {"OS_AUTH_TYPE": "none", "OS_ENDPOINT": served.url})
