"""What bringing the ports of racks costs: 48 ports of a switch in one commit, and 40 switches side by side.

The switches are twins that speak EOS's eAPI over TLS, in a process of their own: what they were sent is by their count.
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import yaml

from drivers.virtual import rackfile
from drivers.virtual.twin import process
from inventory.model import Site
from inventory.secrets import Vaults
from orchestrator.binding import bind
from orchestrator.boot.intents import BootIntents
from orchestrator.engine import status
from orchestrator.engine.loop import Engine, Limits, Vertex
from orchestrator.pins import PinTable
from orchestrator.roles import read_roles
from orchestrator.steps import ports
from orchestrator.steps.table import Bench
from orchestrator.store import Store
from orchestrator.switchdesk import SwitchDesk
from orchestrator.switches import Switches

RACKS = (1, 40)
NODES, NICS = 24, 2  # of a rack: 48 ports
LOGIN = {"user": "admin", "password": "benchmark"}
ROLE = "ports-provision"
IMAGES = {"ipa": "ramdisk", "os": "os"}


def site_of(racks: int) -> Site:
    """Racks of one switch; each node has one bond of two NICs, which boots."""
    rooms = range(racks)
    nodes = {f"r{room}-n{at:02}": _node(room, at) for room in rooms for at in range(NODES)}
    links = [
        {"a": f"{name}:eth{nic}", "b": f"{node['rack']}-sw1:Ethernet{(node['unit'] - 1) * NICS + nic + 1}"}
        for name, node in nodes.items()
        for nic in range(NICS)
    ]
    return Site.model_validate(
        {
            "name": "benchmark",
            "provisioning": {"network": "prov", "address": "10.100.255.1", "ramdisk": "ipa"},
            "networks": {"prov": {"name": "prov", "prefix": "10.100.0.0/16", "vlan": 100}},
            "images": {name: {"name": name, "kind": kind, "artefact": name} for name, kind in IMAGES.items()},
            "profiles": {},
            "groups": {"g": {"name": "g", "roles": ["hardware-ready"]}},
            "racks": {},
            "switches": {f"r{room}-sw1": _switch(room) for room in rooms},
            "nodes": nodes,
            "links": links,
        }
    )


def _ports() -> list[str]:
    return [f"Ethernet{port}" for port in range(1, NODES * NICS + 1)]


def _address(room: int) -> str:
    return f"127.60.{room}.1:8443"


def _switch(room: int) -> dict[str, object]:
    management = {"family": "eos", "address": _address(room), "user": LOGIN["user"], "password": "env:BENCHMARK"}
    return {"name": f"r{room}-sw1", "rack": f"r{room}", "unit": 40, "ports": _ports(), "management": management}


def _node(room: int, at: int) -> dict[str, object]:
    name, address = f"r{room}-n{at:02}", {"network": "prov", "address": f"10.100.{room}.{at + 1}"}
    macs = [f"52:54:{room:02x}:{at:02x}:00:{nic:02x}" for nic in range(NICS)]
    return {
        "name": name,
        "rack": f"r{room}",
        "unit": at + 1,
        "bmc": {"address": f"10.8.{room}.{at + 1}", "user": "a", "password": "env:P"},
        "nics": [{"name": f"eth{nic}", "mac": mac} for nic, mac in enumerate(macs)],
        "bonds": [{"name": "bond0", "members": ["eth0", "eth1"], "addresses": [address]}],
        "groups": ["g"],
        "image": "os",
    }


@contextmanager
def twins(racks: int, room: Path) -> Iterator[str]:
    """Up, and where they tell what they heard."""
    switches = [
        {"name": f"r{at}-sw1", "family": "eos", "address": _address(at), "ports": _ports(), **LOGIN}
        for at in range(racks)
    ]
    bmc = {"protocol": "redfish", "address": "127.60.250.1:8443", "user": "a", "password": "b"}
    machine = {"name": "spare", "serial": "S1", "bmc": bmc, "nics": [{"mac": "52:54:ff:00:00:01"}]}
    boot = {"http": "http://127.60.250.2:18080/{mac}"}
    path, state = room / "rack.yaml", room / "twin"
    told = {"kind": "twin", "name": "benchmark", "boot": boot, "switches": switches, "machines": [machine]}
    path.write_text(yaml.safe_dump(told))
    process.up(rackfile.read(path), state, lambda _said: None)
    try:
        there = process.running(state)
        if there is None:
            raise SystemExit("the switches went away")
        yield there.admin
    finally:
        process.down("benchmark", state)


def heard(admin: str, switch: str) -> list[str]:
    link = HTTPConnection(admin, timeout=30)
    link.request("GET", f"/switches/{switch}")
    told = json.loads(link.getresponse().read())["heard"]
    link.close()
    return [str(one) for one in told]


def measure(racks: int, room: Path) -> dict[str, object]:
    site, store = site_of(racks), Store(f"sqlite:///{room / 'anneal.db'}")
    world = SimpleNamespace(
        site=site,
        services=SimpleNamespace(intents=BootIntents(store)),
        on_node=lambda node: status.rows_of(store, node),
        under_way=lambda role: status.under_way(store, role),
        switches=SwitchDesk(site, store, Switches(site, Vaults(room), PinTable(store)).open),
    )
    engine = Engine(store, {ROLE: Bench(world, ports.settings, ports.bring)}, Limits(), "benchmark")
    bound = [one for (_, role), one in bind(site, read_roles()).items() if role == ROLE]
    with twins(racks, room) as admin:
        engine.start()
        begun, spent = time.perf_counter(), time.process_time()
        engine.submit([Vertex(one.node, ROLE, one.digest, one.inputs) for one in bound], [], "run")
        settled = engine.wait("run", timedelta(minutes=10))
        seconds, spent = time.perf_counter() - begun, time.process_time() - spent
        rows = engine.statuses()
        engine.stop()
        told = {name: heard(admin, name) for name in site.switches}
    if not settled or {row.state for row in rows} != {"active"}:
        says = next(row.says for row in rows if row.state != "active")
        raise SystemExit(f"not all became active: {says}")
    timed = {name: sum("commit timer" in one for one in said) for name, said in told.items()}
    return {
        "switches": racks,
        "ports": len(site.links),
        "seconds": round(seconds, 1),
        "processor_seconds": round(spent, 1),
        "sessions_per_switch": max(
            len(set(re.findall(r"anneal-[0-9a-f]+", "\n".join(said)))) for said in told.values()
        ),
        "commits_per_switch": max(timed.values()),
        "commands_per_switch": round(sum(len(said) for said in told.values()) / racks),
    }


if __name__ == "__main__":
    os.environ["BENCHMARK"] = LOGIN["password"]
    for number in RACKS:
        with tempfile.TemporaryDirectory() as directory:
            print(json.dumps(measure(number, Path(directory))), flush=True)
