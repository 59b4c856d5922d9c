"""Two Debians with systemd at a hub that we stand at, for what roles do to them by Ansible."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest

from inventory.model import Site
from orchestrator.ansible import Playbooks
from orchestrator.binding import bind
from orchestrator.boot.phonehome import Call
from orchestrator.boot.services import Services
from orchestrator.image.store import ImageStore
from orchestrator.roles import ROLES, read_roles
from orchestrator.steps.table import tasks
from orchestrator.steps.world import World
from orchestrator.store import Store, now
from tests.contract.guests import debian, rig

PACKAGES = ("bind9", "systemd-resolved", "chrony")
PLACES = {name: debian.Place(name, f"10.88.0.1{number}") for number, name in ((1, "n1"), (2, "n2"))}
COUNT = itertools.count(1)
WINDOW = timedelta(seconds=0.2)


@pytest.fixture(scope="module")
def tree():
    """Made before we stand in the hub's name space, from which no mirror is reached."""
    if debian.lacking():
        pytest.skip(f"missing: {', '.join(debian.lacking())}")
    return debian.tree(PACKAGES)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


def node(number, name):
    return {
        "name": name, "rack": "r1", "unit": number, "image": "d", "groups": ["names"],
        "bmc": {"address": f"10.89.0.{number}", "user": "a", "password": "env:X"},
        "nics": [
            {
                "name": "eth0",
                "mac": f"52:54:00:88:10:0{number}",
                "addresses": [{"network": "prov", "address": PLACES[name].address}],
            },
            {
                "name": "eth1",
                "mac": f"52:54:00:88:11:0{number}",
                "addresses": [{"network": "tenant", "address": PLACES[name].address.replace(".88.0.", ".88.9.")}],
            },
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def site():
    quick = {"dns-server": {"validation": "no"}}  # nobody beyond the hub is there to be asked for keys
    return Site.model_validate(
        {
            "name": "lab", "domain": "lab.test",
            "provisioning": {"network": "prov", "address": rig.HERE, "ramdisk": "d"},
            "networks": {
                "prov": {"name": "prov", "prefix": "10.88.0.0/24"},
                "tenant": {"name": "tenant", "prefix": "10.88.9.0/24"},
            },
            "images": {"d": {"name": "d", "kind": "os", "artefact": "d"}},
            "profiles": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "groups": {"names": {"name": "names", "roles": ["dns-server"], "inputs": quick}},
            "nodes": {name: node(number, name) for number, name in enumerate(PLACES, 1)},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def services(site, room):
    store = Store(f"sqlite:///{room}/anneal.db")
    yield Services(site, store, room / "state", ImageStore(room / "images"), room)
    store.engine.dispose()


@pytest.fixture(scope="module")
def hub(tree):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with rig.hub():
        yield


@pytest.fixture(scope="module")
def machines(tree, hub, services, room):
    """By name, and up; what they have of BIND's is asleep, as before a role came."""

    def prepare(root):
        for link in root.glob("etc/systemd/system/*.wants/named.service"):
            link.unlink()

    with ExitStack() as stack:
        found = {
            name: stack.enter_context(debian.booted(tree, room, services.key, prepare, at))
            for name, at in PLACES.items()
        }
        for one in found.values():
            _called(services, one)
        yield found


def _called(services, machine):
    """It has phoned home, so that its host key is known."""
    number = next(COUNT)
    call = Call(
        instance_id=f"i-{number}",
        hostname=machine.at.name,
        boot_id="b",
        machine_id="m",
        ssh_host_keys={"ed25519": machine.access.host_key},
    )
    with services.phone_homes._store.begin() as connection:
        token = services.phone_homes.expect(connection, machine.at.name, f"i-{number}", "f" * 64)
    assert services.phone_homes.came(token, call, machine.at.address)


class Looking:
    """A job as far as these roles ask of it."""

    generation = 1

    def __init__(self, node, role, inputs):
        self.node, self.role, self.inputs = node, role, inputs

    def now(self):
        return now()

    def signals(self, signal):
        return 0

    def note(self, says):
        """Nobody reads it here."""


class Crew:
    """The engine's part, by hand: a role on a node observed, done, and done until it holds."""

    def __init__(self, site, services, room):
        self.site, self.playbooks, self.played = (
            site,
            Playbooks(ROLES, services.key.private, room / "state", WINDOW),
            {},
        )
        self._services, self._apply = services, self.playbooks.apply
        self.playbooks.apply = self._kept

    def _kept(self, role, host, variables, within):
        done = self._apply(role, host, variables, within)
        self.played[host.name] = done.changes
        return done

    def task(self, role, site):
        nothing = dict
        world = World(
            site=site, store=None, bmcs=None, images=None, services=self._services, playbooks=self.playbooks,
            standing=nothing, on_node=nothing, under_way=nothing, look_again=list, switches=None, witnesses=None,
        )  # fmt: skip
        return tasks(read_roles(), world)[role]

    def job(self, name, role, site):
        return Looking(site.nodes[name], role, bind(site, read_roles())[name, role].inputs)

    def looking(self, name, role, inputs, site):
        return Looking(site.nodes[name], role, inputs)

    def look(self, name, role, site=None):
        site = site or self.site
        return self.task(role, site).observe(self.job(name, role, site))

    def do(self, name, role, site=None):
        """The names of the tasks that changed something, and what it waits for."""
        site = site or self.site
        park = self.task(role, site).act(self.job(name, role, site))
        return self.played[name], park

    def do_all(self, role, site=None):
        """On both at one time, which is one run of Ansible; what changed on each."""
        with ThreadPoolExecutor() as pool:  # its threads are of the hub's name space, as who starts them
            told = list(pool.map(lambda name: self.do(name, role, site), PLACES))
        return {name: changes for name, (changes, _) in zip(PLACES, told, strict=True)}

    def converge(self, name, role, site=None):
        """As the engine does: looked at, done where it does not hold, and looked at until it does."""
        if not self.look(name, role, site).holds:
            rig.eventually(lambda: self._through(name, role, site))
        seen = rig.eventually(lambda: self._seen(name, role, site))
        assert seen.holds, seen.says
        return seen

    def _through(self, name, role, site):
        _, park = self.do(name, role, site)
        if park is not None:
            raise OSError(park.waiting_for)

    def _seen(self, name, role, site):
        seen = self.look(name, role, site)
        if not seen.holds:
            raise OSError(seen.says)
        return seen


@pytest.fixture(scope="module")
def crew(site, services, room, machines):
    return Crew(site, services, room)
