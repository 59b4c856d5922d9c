"""The touchstone over three hypervisors, an iSCSI target and BIND: whole, killed half way, and with parts missing."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from drivers.dns import NameServer
from drivers.errors import Unreachable
from drivers.host import Host
from drivers.hypervisor.guest import Chap, Volume
from inventory.address import HostPort
from inventory.model import Site
from inventory.secrets import Secret
from orchestrator import ipam, names
from orchestrator.boot.keys import names_key
from orchestrator.errors import Held
from orchestrator.store import Store
from orchestrator.touchstone import run as touchstone
from orchestrator.touchstone.bench import Bench
from orchestrator.touchstone.made import Thing, claim, made
from orchestrator.touchstone.pairs import pairs, tenant_network
from orchestrator.touchstone.removal import remove, remove_left
from orchestrator.touchstone.report import CAPABILITIES
from orchestrator.touchstone.trial import Tried
from tests.contract.guests import rig

pytestmark = pytest.mark.slow
NAMED = """
key "{key.name}" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{
  directory "{room}"; pid-file none; session-keyfile none; listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; allow-transfer {{ key "{key.name}"; }};
}};
controls {{ }};
"""
ZONE = 'zone "{zone}" {{ type primary; file "{zone}zone"; allow-update {{ key "{key.name}"; }}; }};\n'
CONTENT = "$TTL 5\n@ SOA ns hostmaster 7 60 60 600 5\n@ NS ns.elsewhere.test.\n"


def node(number, group="compute"):
    return {
        "name": f"h{number}",
        "rack": "r1",
        "unit": number,
        "image": "d",
        "groups": [group],
        "bmc": {"address": f"10.89.0.{number}", "user": "a", "password": "env:X"},
        "nics": [
            {"name": "eth0", "mac": f"52:54:00:88:10:0{number}", "addresses": [
                {"network": "prov", "address": f"10.88.0.1{number}"}]},
            {"name": "eth1", "mac": f"52:54:00:88:11:0{number}"},
        ],
        "bridges": [{"name": rig.BRIDGE, "members": ["eth1"], "network": "tenant", "addresses": [
            {"network": "tenant", "address": f"10.88.9.1{number}"}]}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def site():
    return Site.model_validate(
        {
            "name": "lab",
            "domain": "lab.test",
            "provisioning": {"network": "prov", "address": rig.HERE, "ramdisk": "r"},
            "networks": {
                "prov": {"name": "prov", "prefix": "10.88.0.0/24", "gateway": rig.HERE},
                "tenant": {"name": "tenant", "prefix": "10.88.9.0/24", "gateway": rig.TENANT, "ranges": [
                    {"first": "10.88.9.100", "last": "10.88.9.109"}]},
            },
            "images": {
                "d": {"name": "d", "kind": "os", "artefact": "d"},
                "r": {"name": "r", "kind": "ramdisk", "artefact": "r"},
            },
            "profiles": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "groups": {
                "compute": {"name": "compute", "roles": ["compute-host"]},
                "plain": {"name": "plain", "roles": ["network-ready"]},
            },
            "nodes": {"h1": node(1), "h2": node(2), "h3": node(3, "plain")},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def named(hub, site, tmp_path_factory):
    if shutil.which("named", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("BIND is not installed (Debian: bind9)")
    room = tmp_path_factory.mktemp("named")
    key = names_key(room)
    text = NAMED.format(key=key, secret=key.secret.reveal(), room=room, address=rig.HERE)
    for zone in names.zones(site):
        (room / f"{zone}zone").write_text(CONTENT)
        text += ZONE.format(zone=zone, key=key)
    (room / "named.conf").write_text(text)
    with (room / "log").open("w") as log:
        process = subprocess.Popen(["named", "-g", "-n", "1", "-c", str(room / "named.conf")], stderr=log)
    server = NameServer(rig.HERE, key)
    try:
        ends = time.monotonic() + 20
        while not _serves(server) and time.monotonic() < ends:
            threading.Event().wait(0.1)
        assert _serves(server), (room / "log").read_text()[-2000:]
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def _serves(server):
    try:
        return server.serial("lab.test.") is not None
    except Unreachable:
        return False


@pytest.fixture(scope="module")
def hosts(hub, named, tmp_path_factory):
    with rig.machines(tmp_path_factory.mktemp("hosts"), resolver=rig.HERE) as found:
        yield found


class Disks:
    """The target daemon as a site's storage: a target for each volume, closed to all but those that it is for."""

    def __init__(self, command, room):
        self.command, self.room = command, room

    def create(self, name, size, initiators):
        path, iqn = self.room / name, f"iqn.2026-11.test.lab.storage:{name}"
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(size)
            tid = str(1 + max([0, *(int(found) for found in self._targets())]))
            self.command("--mode", "target", "--op", "new", "--tid", tid, "-T", iqn)
            self.command("--mode", "logicalunit", "--op", "new", "--tid", tid, "--lun", "1", "-b", str(path))
            self.command("--mode", "account", "--op", "new", "--user", name, "--password", "twelve-and-more")
            self.command("--mode", "account", "--op", "bind", "--tid", tid, "--user", name)
            for one in initiators:
                self.command("--mode", "target", "--op", "bind", "--tid", tid, "-Q", one)
        return Volume(name, HostPort(rig.HERE, 3260), iqn, 1, Chap(name, Secret("twelve-and-more")))

    def delete(self, name):
        for tid, iqn in self._targets().items():
            if iqn.endswith(f":{name}"):
                self.command("--mode", "target", "--op", "delete", "--force", "--tid", tid)
                self.command("--mode", "account", "--op", "delete", "--user", name)
        (self.room / name).unlink(missing_ok=True)

    def names(self):
        return [iqn.rpartition(":")[2] for iqn in self._targets().values()]

    def _targets(self):
        lines = [line.split() for line in self.command("--mode", "target", "--op", "show").splitlines()]
        return {words[1].rstrip(":"): words[2] for words in lines if words[:1] == ["Target"]}


@pytest.fixture(scope="module")
def disks(tgt, tmp_path_factory):
    return Disks(tgt, tmp_path_factory.mktemp("disks"))


@pytest.fixture
def made_for(site, hosts, named, disks, guest_image, tmp_path):
    """A bench of a run, its record in the test's own directory."""

    @contextmanager
    def ours(run, **more):
        store = Store(f"sqlite:///{tmp_path}/anneal.db")
        parts = {
            "hypervisor": lambda node: hosts[node.name].open(),
            "host": lambda node: Host.open(hosts[node.name].access),
            "servers": (named,),
            "volumes": disks,
            "progress": lambda _line: None,
        }
        try:
            yield Bench(site, store, run, tenant_network(site, None), guest_image, **(parts | more))
        finally:
            store.engine.dispose()

    return ours


def traces(site, hosts, named, disks, store):
    """All that anything of a touchstone is still at."""
    found = [f"{thing}" for things in made(store).values() for thing in things]
    found += [f"address {one.address}" for one in ipam.leases(store)] + [f"volume {name}" for name in disks.names()]
    for name, machine in hosts.items():
        with machine.open() as one:
            told = [*(guest.name for guest in one.guests()), *one.files(), *one.secrets()]
        found += [f"{what} on {name}" for what in told]
    for zone in names.zones(site):
        found += [f"record {one.name}" for one in named.records(zone) if one.type != "NS"]
    return found


def test_each_host_runs_a_guest_whose_file_is_read_from_another_and_nothing_stays(
    site, hosts, named, disks, made_for, tmp_path
):
    with made_for("aaaa0001") as bench:
        report = touchstone.run(bench, tmp_path)
        untidy = traces(site, hosts, named, disks, bench.store)
        events = [one.event for one in bench.store.events() if one.event.kind.startswith("touchstone.")]
    told = json.loads((tmp_path / "touchstone/aaaa0001.json").read_text())
    verdicts = {one["name"]: one["verdict"] for one in told["capabilities"]}
    assert verdicts == dict.fromkeys(CAPABILITIES, "passed") | {"compute.kvm": "failed"}, told
    assert report.passed
    assert untidy == []
    assert [one.kind for one in events] == ["touchstone.began", "touchstone.passed"]


class Deadly:
    """Storage whose maker is killed as soon as the volume is there."""

    def __init__(self, disks):
        self.disks = disks

    def create(self, name, size, initiators):
        self.disks.create(name, size, initiators)
        os.kill(os.getpid(), signal.SIGKILL)


def dies_at(words):
    def progress(line):
        if words in line:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


WITH_A_GUEST = {"guest", "file", "secret", "volume", "address"}


@pytest.mark.parametrize(
    ("killed", "kinds"),
    [
        ("once the volume is there", {"volume"}),
        ("finds the guest's address by its name", WITH_A_GUEST),
        ("another guest on another host", WITH_A_GUEST | {"record"}),
    ],
)
def test_what_a_killed_run_left_is_found_and_removed_by_the_next(site, hosts, named, disks, made_for, killed, kinds):
    more = {"volumes": Deadly(disks)} if "volume" in killed else {"progress": dies_at(killed)}
    child = os.fork()
    if child == 0:
        with made_for("bbbb0001", **more) as bench:
            Tried(bench, pairs(site)[0]).run()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    with made_for("bbbb0002") as bench:
        assert {thing.kind for thing in made(bench.store)["bbbb0001"]} == kinds
        assert traces(site, hosts, named, disks, bench.store) != []
        assert [fault for _, fault in remove_left(bench) if fault] == []
        assert traces(site, hosts, named, disks, bench.store) == []


def test_without_storage_and_names_what_is_left_is_tried_and_the_rest_fails_by_name(site, hosts, made_for):
    with made_for("cccc0001", servers=(), volumes=None) as bench:
        trials = {one.capability: one for one in Tried(bench, pairs(site)[1]).run()}
        assert [fault for _, fault in remove(bench, made(bench.store)["cccc0001"]) if fault] == []
    assert trials["compute.boot"].passed
    assert trials["removal.guest"].passed
    for name, says in (("storage.write", "it has no storage"), ("names.forward", "no name server")):
        assert not trials[name].passed
        assert says in trials[name].says
    assert "storage.persist" not in trials


def test_a_host_that_cannot_run_guests_fails_by_its_own_words_and_what_was_made_for_it_goes(
    site, hosts, named, disks, made_for
):
    node = site.nodes["h1"]
    lame = node.model_copy(update={"bridges": (node.bridges[0].model_copy(update={"name": "br-none"}),)})
    with made_for("dddd0001") as bench:
        broken = replace(bench, site=site.model_copy(update={"nodes": {**site.nodes, "h1": lame}}))
        trials = {one.capability: one for one in Tried(broken, pairs(broken.site)[0]).run()}
        assert not trials["compute.boot"].passed
        assert "br-none" in trials["compute.boot"].says
        assert {name for name, one in trials.items() if name.startswith("removal.") and one.passed} == {
            "removal.guest", "removal.volume", "removal.names", "removal.address"
        }  # fmt: skip
        assert [fault for _, fault in remove(bench, made(bench.store)["dddd0001"]) if fault] == []
        assert traces(site, hosts, named, disks, bench.store) == []


def test_a_guest_that_another_run_has_claimed_is_not_made_twice(made_for):
    with made_for("eeee0001") as bench:
        claim(bench.store, "eeee0001", Thing("guest", "ts-g", "h1"))
        claim(bench.store, "eeee0001", Thing("guest", "ts-g", "h1"))
        with pytest.raises(Held, match="run eeee0001"):
            claim(bench.store, "eeee0002", Thing("guest", "ts-g", "h2"))


def test_two_touchstones_at_one_time_are_one_too_many(made_for, tmp_path):
    with made_for("ffff0001") as bench, touchstone._alone(tmp_path), pytest.raises(Held, match="another touchstone"):
        touchstone.run(bench, tmp_path)
