"""The hand-off API of a real `anneal serve`: node list and detail, claims, memory, with every node proven.

A list is one page, which has at most 1000 nodes.
"""

import http.client
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from orchestrator.api.standing import PROOF, basis
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.events import Event
from orchestrator.roles import read_roles
from orchestrator.store import Store, now

FLEETS = (1000, 5000)
TIMES = 40
CLAIMS = 100
PER_RACK = 40
HERE = "127.44.0.2"


def write_site(directory: Path, nodes: int) -> list[str]:
    """Names of the nodes. All of it lies on the loopback, its services on free ports."""
    directory.mkdir()
    ports = {f"{name}_port": free_port(HERE) for name in ("http", "https", "image", "tftp")}
    boot = {"network": "boot", "address": HERE, "ramdisk": "ipa", "dhcp": "external", **ports}
    bmc = {"user": "admin", "password": "env:BMC"}
    head = {
        "site": {
            "name": "bench",
            "provisioning": boot,
            "defaults": {"groups": ["compute"], "image": "debian", "bmc": bmc},
        },
        "networks": {"boot": {"prefix": "127.44.0.0/16", "gateway": "127.44.0.1"}},
        "images": {"ipa": {"kind": "ramdisk", "artefact": "ipa"}, "debian": {"kind": "os", "artefact": "debian"}},
        "groups": {"compute": {"roles": ["network-ready"]}},
    }
    (directory / "site.yaml").write_text(json.dumps(head))
    names = []
    for rack, first in enumerate(range(0, nodes, PER_RACK)):
        told = {f"r{rack}-n{unit}": node(rack, unit) for unit in range(1, min(PER_RACK, nodes - first) + 1)}
        (directory / f"r{rack}.yaml").write_text(json.dumps({"racks": {f"r{rack}": {"units": 48}}, "nodes": told}))
        names += told
    return names


def node(rack: int, unit: int) -> dict[str, object]:
    high, low = divmod(rack * PER_RACK + unit, 200)
    mac, address = f"52:54:00:00:{high:02x}:{low:02x}", {"network": "boot", "address": f"127.44.{high}.{low + 10}"}
    nics = [{"name": "eth0", "mac": mac, "addresses": [address]}]
    return {"rack": f"r{rack}", "unit": unit, "bmc": {"address": f"10.9.{high}.{low + 10}"}, "nics": nics}


def seed(store: Store, nodes: list[str]) -> None:
    """Each node with all proofs, fresh for an hour."""
    roles, at = basis(read_roles()), now().timestamp()
    common = {
        "run": "bench", "state": "active", "waiting": 0, "generation": 1, "attempt": 1, "segment": 0, "event": 1,
        "phase": "observe", "says": "as wanted", "since": at, "parked": False, "cancelled": False, "checking": 0,
        "checks": 0, "inputs": {}, "input_hash": "1", "within": 60.0, "verify_within": 60.0, "retries": 0,
        "erases": False, "idempotent": True,
    }  # fmt: skip
    facts = {"processors": 2, "memory_mib": 65536, "vendor": "Bench", "drives": []}
    with store.decide() as connection:
        store.append_all(connection, [Event("role.active", "as wanted", node) for node in nodes])
        rows = [
            {**common, "node": node, "role": role, "expires": None if role == PROOF else at + 3600}
            for node, role in itertools.product(nodes, sorted(roles))
        ]
        connection.execute(insert(NODE_ROLE), rows)
        proof = {"role": "hardware-facts", "says": "seen", "witness": "bench", "digest": "0", "at": at, "value": facts}
        connection.execute(insert(EVIDENCE), [{**proof, "node": node} for node in nodes])


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> bytes:
    version = {"X-OpenStack-Ironic-API-Version": "1.82"}
    connection.request(method, path, None if body is None else json.dumps(body), version)
    answer = connection.getresponse()
    told = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {told[:200]!r}")
    return told


def timed(connection: http.client.HTTPConnection, path: str) -> list[float]:
    """Milliseconds, sorted; the first answers, which make the texts, are left out and told by themselves."""
    ask(connection, "GET", path)
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask(connection, "GET", path)
        taken.append((time.perf_counter() - begun) * 1000)
    return sorted(taken)


def figure(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "figure": round(value, 2), "unit": unit}), flush=True)


def resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def claims(connection: http.client.HTTPConnection) -> float:
    """A second, one client: asked for and given."""
    begun = time.perf_counter()
    for number in range(CLAIMS):
        told = json.loads(
            ask(connection, "POST", "/v1/allocations", {"resource_class": "baremetal", "name": f"c{number}"})
        )
        if told["state"] != "active":
            raise SystemExit(told["last_error"])
    return CLAIMS / (time.perf_counter() - begun)


def measure(room: Path, fleet: int) -> None:
    names = write_site(room / "site", fleet)
    (room / "state").mkdir()
    seed(Store(f"sqlite:///{room / 'state' / 'anneal.db'}"), names)
    port = free_port("127.0.0.1")
    words = ["--site", str(room / "site"), "--state", str(room / "state"), "--store", str(room / "images")]
    words += ["--api", f"127.0.0.1:{port}", "--rate", "0"]
    command = [str(Path(sys.executable).with_name("anneal")), "serve", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    ) as serve:
        try:
            while "serving" not in (line := serve.stdout.readline() if serve.stdout else ""):
                if not line:
                    raise SystemExit("anneal serve did not start")
            tell(http.client.HTTPConnection("127.0.0.1", port, timeout=120), fleet, serve.pid)
        finally:
            serve.terminate()


def tell(connection: http.client.HTTPConnection, fleet: int, pid: int) -> None:
    begun = time.perf_counter()
    ask(connection, "GET", "/v1/nodes?limit=1")
    figure(f"hand-off, first answer, {fleet} nodes", (time.perf_counter() - begun) * 1000, "ms")
    for what, path in (("list", "/v1/nodes"), ("detail", "/v1/nodes/detail"), ("one node", "/v1/nodes/r0-n1")):
        taken = timed(connection, path)
        figure(f"hand-off, {what} p50, {fleet} nodes", statistics.median(taken), "ms")
        figure(f"hand-off, {what} p95, {fleet} nodes", taken[int(len(taken) * 0.95) - 1], "ms")
    figure(f"hand-off, claims, {fleet} nodes", claims(connection), "1/s")
    figure(f"hand-off, resident memory of anneal serve, {fleet} nodes", resident(pid), "MiB")


if __name__ == "__main__":
    for fleet in FLEETS:
        with tempfile.TemporaryDirectory() as directory:
            measure(Path(directory), fleet)
