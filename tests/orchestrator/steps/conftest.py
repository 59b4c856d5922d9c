"""A job that remembers, whoever is killed."""

import itertools
import os
from types import MappingProxyType

import pytest

from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.model import Node
from inventory.secrets import Vaults
from orchestrator.bmcs import Bmcs
from orchestrator.passwords import Passwords
from orchestrator.pins import PinTable
from orchestrator.sessionbook import SessionTable
from orchestrator.steps.world import World
from orchestrator.store import now

COUNT = itertools.count(1)
NODE = "n1"


class Killed(Exception):
    """In place of a kill: nothing is closed or told any more."""


class Diary:
    """A job whose intents are a dict, which outlives whoever is killed. Its clock stands still until it is moved.

    `dies_at`: the intent at which we are killed, once: what it asks for is done, and that it was done is not recorded.
    """

    generation = 1

    def __init__(self, node, role, inputs):
        self.node, self.role, self.inputs = node, role, inputs
        self.intents: dict[str, tuple[bool, object]] = {}
        self.clock = now()
        self.gate = None
        self.dies_at = None

    def now(self):
        return self.clock

    def once(self, key, do, seen):
        fresh = key not in self.intents
        closed, outcome = self.intents.setdefault(key, (False, None))
        if not closed:
            outcome = None if not fresh and seen() else do()
            if key == self.dies_at:
                self.dies_at = None
                raise Killed(key)
            self.intents[key] = (True, outcome)
        return outcome

    def done(self, key):
        return self.intents.get(key, (False,))[0]

    def earlier(self, key):
        return tuple(outcome for name, (closed, outcome) in self.intents.items() if name == key and closed)

    def cleared(self):
        return self.gate

    def note(self, says):
        """Nobody reads it here."""


@pytest.fixture
def job(site):
    return Diary(next(iter(site.nodes.values())), "firmware-baseline", {"of": "the job"})


@pytest.fixture
def diary():
    return Diary


@pytest.fixture
def killed():
    return Killed


@pytest.fixture
def bench_for(site, store, images, services, tmp_path, monkeypatch):
    """Makes a node behind an iDRAC of disks, volumes and quirks by their numbers: its twin, the world and the node."""
    monkeypatch.setenv("BMC", "canary-word")
    made = []

    def make(disks, volumes=(), quirks=()):
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        address = f"127.{150 + worker}.8.{next(COUNT)}:8443"
        machine = {
            "name": NODE,
            "serial": "SN-1",
            "bmc": {"address": address, "user": "admin", "password": "canary-word", "personality": "idrac"},
            "nics": [{"mac": "52:54:00:00:00:01"}],
            "disks": list(disks),
            "volumes": list(volumes),
            "quirks": list(quirks),
        }
        spec = {"name": "lab", "speed": 500, "boot": {"http": "http://127.0.0.1:1/{mac}"}, "machines": [machine]}
        twin = Twin(TwinSpec.model_validate(spec))
        twin.start()
        node = Node.model_validate(
            {
                "name": NODE, "rack": "r1", "unit": 1,
                "bmc": {"address": address, "user": "admin", "password": "env:BMC"},
                "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}], "groups": ["x"], "image": "x",
            }
        )  # fmt: skip
        bmcs = Bmcs(Vaults(tmp_path), PinTable(store), SessionTable(store), Passwords(tmp_path / "secrets"))
        nothing = MappingProxyType({})
        world = World(
            site=site,
            store=store,
            bmcs=bmcs,
            images=images,
            services=services,
            playbooks=None,
            standing=lambda _: nothing,
            on_node=lambda _: nothing,
            under_way=lambda _: nothing,
            look_again=list,
            switches=None,
            witnesses=None,
        )
        made.append(twin)
        twin.do(twin.machine(NODE).turn_on)
        return twin, world, node

    yield make
    for twin in made:
        left = [*twin.machine(NODE).sessions_live]
        twin.stop()
        assert left == []
