"""What bringing the ports of racks costs: 48 ports of a switch in one commit, and 40 switches side by side.

The switches answer in memory, after as long as a login takes: the time and the sessions are the orchestrator's doing.
"""

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from drivers.ability.switch import Assurance, Confirm, PortSettings, Staged, SwitchFacts, SwitchPort
from inventory.model import Site
from orchestrator.binding import bind
from orchestrator.boot.intents import BootIntents
from orchestrator.engine import status
from orchestrator.engine.loop import Engine, Limits, Vertex
from orchestrator.roles import read_roles
from orchestrator.steps import ports
from orchestrator.steps.table import Bench
from orchestrator.store import Store
from orchestrator.switchdesk import SwitchDesk

RACKS = (1, 40)
NODES, NICS = 24, 2  # of a rack: 48 ports
LOGIN_S = 0.5
ROLE = "ports-provision"


class Chassis:
    """A switch whose sessions cost time and whose commands cost none; one session at a time."""

    def __init__(self) -> None:
        self.settings_now = {f"swp{port}": PortSettings(untagged=1) for port in range(1, 53)}
        self.named = {1: "default"}
        self.sessions = self.commits = 0
        self._line = threading.Lock()

    @contextmanager
    def session(self) -> Iterator["Chassis"]:
        with self._line:
            self.sessions += 1
            time.sleep(LOGIN_S)
            yield self

    def facts(self) -> SwitchFacts:
        return SwitchFacts(None, None, None, None, None)

    def ports(self) -> tuple[SwitchPort, ...]:
        return tuple(SwitchPort(name, enabled=True, up=False, speed_mbps=None) for name in self.settings_now)

    def lags(self) -> tuple[()]:
        return ()

    def vlans(self) -> Mapping[int, str]:
        return self.named

    def settings(self, names: list[str]) -> Mapping[str, PortSettings]:
        return {name: self.settings_now[name] for name in names}

    def assurance(self) -> Assurance:
        return Assurance(Confirm.NATIVE, "benchmark")

    def leftovers(self) -> tuple[()]:
        return ()

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        self.settings_now |= wanted
        self.named |= vlans
        return Staged("benchmark", "+ as wanted", frozenset(wanted))

    def commit(self, _staged: Staged, _within: timedelta) -> None:
        self.commits += 1

    def confirm(self, _staged: Staged) -> None:
        return

    def save(self) -> None:
        return


def site_of(racks: int) -> Site:
    """Racks of one switch; each node has one bond of two NICs, which boots."""
    rooms = range(racks)
    management = {"family": "eos", "user": "a", "password": "env:P"}
    switches = {
        f"r{room}-sw1": {
            "name": f"r{room}-sw1",
            "rack": f"r{room}",
            "unit": 40,
            "ports": [f"swp{port}" for port in range(1, 53)],
            "management": {**management, "address": f"10.9.{room}.1"},
        }
        for room in rooms
    }
    nodes = {f"r{room}-n{at:02}": _node(room, at) for room in rooms for at in range(NODES)}
    links = [
        {"a": f"{name}:eth{nic}", "b": f"{node['rack']}-sw1:swp{(node['unit'] - 1) * NICS + nic + 1}"}
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
            "switches": switches,
            "nodes": nodes,
            "links": links,
        }
    )


IMAGES = {"ipa": "ramdisk", "os": "os"}


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


def measure(racks: int, directory: Path) -> dict[str, object]:
    site, store = site_of(racks), Store(f"sqlite:///{directory / 'anneal.db'}")
    chassis = {name: Chassis() for name in site.switches}
    world = SimpleNamespace(
        site=site,
        services=SimpleNamespace(intents=BootIntents(store)),
        on_node=lambda node: status.rows_of(store, node),
        under_way=lambda role: status.under_way(store, role),
        switches=SwitchDesk(site, store, lambda name: chassis[name].session()),
    )
    engine = Engine(store, {ROLE: Bench(world, ports.settings, ports.bring)}, Limits(), "benchmark")
    bound = [one for (_, role), one in bind(site, read_roles()).items() if role == ROLE]
    engine.start()
    begun = time.perf_counter()
    engine.submit([Vertex(one.node, ROLE, one.digest, one.inputs) for one in bound], [], "run")
    settled = engine.wait("run", timedelta(minutes=10))
    seconds = time.perf_counter() - begun
    states = {row.state for row in engine.statuses()}
    engine.stop()
    if not settled or states != {"active"}:
        raise SystemExit(f"not all became active: {sorted(states)}")
    return {
        "switches": racks,
        "ports": len(site.links),
        "login_s": LOGIN_S,
        "seconds": round(seconds, 1),
        "sessions_per_switch": round(sum(one.sessions for one in chassis.values()) / racks, 1),
        "commits_per_switch": sum(one.commits for one in chassis.values()) / racks,
    }


if __name__ == "__main__":
    for number in RACKS:
        with tempfile.TemporaryDirectory() as room:
            print(json.dumps(measure(number, Path(room))))
