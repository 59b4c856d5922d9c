"""Two name servers run by what the role lays down, and broken: in network namespaces, asked from a third.

The tests stand in the order in which the two live through them.
"""

import ctypes
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from jinja2 import StrictUndefined, Template

from drivers.dns import NameServer
from drivers.errors import Unreachable
from inventory.load import load
from inventory.zone import Record
from orchestrator import names
from orchestrator.binding import bind
from orchestrator.boot.services import Services
from orchestrator.image.store import ImageStore
from orchestrator.roles import ROLES, read_roles
from orchestrator.steps import dns
from orchestrator.steps.world import World
from orchestrator.store import Store
from tests.conftest import SITE

NEEDED = ("named", "rndc-confgen", "ip", "nsenter")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, NEEDED)), reason="needs root and BIND (Debian: bind9)"
    ),
]
ADDRESSES = {"n1": "10.77.0.11", "n2": "10.77.0.12"}
HUB, CLONE_NEWNET = "an-names-hub", 0x40000000
HOME = "lab.example.test."
OTHER = frozenset({Record(f"other.{HOME}", "A", "10.77.0.98")})
GUEST = frozenset({Record(f"guest.{HOME}", "A", "10.77.0.99")})


def run(*command, within=60):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=within).stdout


def enter(path):
    """This thread, and what it starts, into another network namespace (setns(2))."""
    with path.open() as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), str(path))


@pytest.fixture(scope="module")
def wires():
    """A hub that we stand at, and a wire from it to each."""
    spaces = [HUB, *(f"an-names-{name}" for name in ADDRESSES)]
    for space in spaces:
        run("ip", "netns", "add", space)
        run("ip", "-n", space, "link", "set", "lo", "up")
    inside = ("ip", "-n", HUB)
    run(*inside, "link", "add", "hub", "type", "bridge")
    run(*inside, "address", "add", "10.77.0.1/24", "dev", "hub")
    run(*inside, "link", "set", "hub", "up")
    for name, address in ADDRESSES.items():
        space = f"an-names-{name}"
        run(*inside, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space)
        run(*inside, "link", "set", name, "master", "hub", "up")
        run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
    with Path("/proc/thread-self/ns/net").open() as back:
        enter(Path(f"/run/netns/{HUB}"))
        try:
            yield
        finally:
            ctypes.CDLL(None).setns(back.fileno(), CLONE_NEWNET)
    for space in spaces:
        run("ip", "netns", "delete", space)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("names")


@pytest.fixture(scope="module")
def site(room):
    """Both nodes are servers, and have an IPv6 address beside those that they have."""
    text = SITE.replace("roles: [network-ready]", "roles: [dns-server]")
    text = text.replace("  storage: {", '  storage6: {prefix: "fd00:77:2::/64", vlan: 200, mtu: 9000}\n  storage: {')
    for last in ("11", "12"):
        ours = f"{{network: storage, address: 10.77.2.{last}}}"
        text = text.replace(ours, f'{ours}, {{network: storage6, address: "fd00:77:2::{last}"}}')
    (room / "site").mkdir()
    (room / "site/site.yaml").write_text(text)
    return load(room / "site").site


@pytest.fixture(scope="module")
def services(site, room):
    store = Store(f"sqlite:///{room}/anneal.db")
    yield Services(site, store, room / "state", ImageStore(room / "images"), room / "site")
    store.engine.dispose()


class Named:
    """BIND with what the role's templates say for a node, its files elsewhere."""

    def __init__(self, name, room, variables):
        self.name, self.room, self.variables = name, room, variables
        room.mkdir()
        run("rndc-confgen", "-a", "-c", str(room / "rndc.key"))
        for zone in variables["zones"] if variables["primary"] else ():
            self._lay("zone.j2", f"{zone}zone", item=zone)
        self._lay("key.j2", "anneal.key")
        self.configure()
        self.process = None

    def configure(self, old="", new=""):
        self._lay("named.conf.j2", "named.conf", old=old, new=new)
        run("named-checkconf", str(self.room / "named.conf"))

    def _lay(self, template, name, old="", new="", **more):
        source = Template((ROLES / "dns-server" / template).read_text(), trim_blocks=True, undefined=StrictUndefined)
        text = source.render(self.variables | more).replace(
            "options {", "options { pid-file none; session-keyfile none;"
        )
        for there in ("/etc/bind", "/var/lib/bind", "/var/cache/bind"):
            text = text.replace(there, str(self.room))
        (self.room / name).write_text(text.replace(old, new) if old else text)

    def start(self, server):
        command = ["nsenter", f"--net=/run/netns/an-names-{self.name}", "named", "-g", "-n", "1", "-c"]
        with (self.room / "log").open("w") as log:
            self.process = subprocess.Popen([*command, str(self.room / "named.conf")], stderr=log)
        if not eventually(lambda: answers(server)):
            pytest.fail((self.room / "log").read_text()[-2000:])

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


def eventually(holds, within=20):
    ends = time.monotonic() + within
    while not holds():
        if time.monotonic() > ends:
            return False
        threading.Event().wait(0.1)
    return True


def answers(server):
    try:
        return bool(server.ask(HOME, "SOA").code)
    except Unreachable:
        return False


@pytest.fixture(scope="module")
def server(services):
    return {name: NameServer(address, services.names_key) for name, address in ADDRESSES.items()}


@pytest.fixture(scope="module")
def nameds(wires, site, server, services, room):
    """The secondary is up; its primary is not yet."""
    found = {}
    try:
        for name in ADDRESSES:
            inputs = bind(site, read_roles())[name, "dns-server"].inputs
            desk = dns._Desk(name, dns._Inputs.model_validate(inputs), services.names_key)
            found[name] = Named(name, room / name, desk.variables(site.domain))
        found["n2"].start(server["n2"])
        yield found
    finally:
        for one in found.values():
            one.stop()


@pytest.fixture(scope="module")
def world(site, services, nameds):
    """Made anew for each site, with the same services."""

    def made(site=site):
        return World(
            site=site,
            store=None,
            bmcs=None,
            images=None,
            services=services,
            playbooks=None,
            standing=lambda _: {},
            on_node=lambda _: {},
            under_way=lambda _: {},
            look_again=list,
            switches=None,
            witnesses=None,
        )

    return made


@pytest.fixture
def job(diary):
    class Asking(diary):
        def signals(self, signal):
            return 0

    def made(site, name):
        return Asking(site.nodes[name], "dns-server", bind(site, read_roles())[name, "dns-server"].inputs)

    return made


def smaller(site):
    """Without a NIC of n2 that had addresses."""
    gone = site.nodes["n2"]
    less = gone.model_copy(update={"nics": gone.nics[:1]})
    return site.model_copy(update={"nodes": {**site.nodes, "n2": less}})


def bring(site, world, job, name="n1"):
    """What the role does at the primary once named is set up."""
    asked = job(site, name)
    desk = dns._Desk.of(world(site), asked)
    copies = dns._copies(desk)
    for zone in desk.inputs.zones:
        dns._bring(asked, desk.own, zone, copies[zone.name])


def test_a_secondary_whose_primary_was_never_there_does_not_hold(site, world, job):
    seen = dns.served(world(), job(site, "n2"))
    assert not seen.holds
    assert f"{HOME} is not served" in seen.says


def test_a_primary_without_the_inventorys_names_does_not_hold_and_has_them_after(site, world, job, nameds, server):
    nameds["n1"].start(server["n1"])
    seen = dns.served(world(), job(site, "n1"))
    assert not seen.holds
    assert f"{HOME} lacks" in seen.says
    bring(site, world, job)
    seen = dns.served(world(), job(site, "n1"))
    assert seen.holds, seen.says


def test_a_secondary_gets_all_zones_by_itself_as_new_as_the_primarys(site, world, job, nameds, server):
    nameds["n2"].stop()
    nameds["n2"].start(server["n2"])
    assert eventually(lambda: server["n2"].serial(HOME) is not None)
    seen = dns.served(world(), job(site, "n2"))
    assert seen.holds, seen.says
    assert seen.value["compared"] is True


def test_names_and_addresses_agree_over_the_wire_at_both(site, server):
    for zone, wanted in names.records(site).items():
        for one in wanted - {found for found in wanted if found.type in {"NS", "TXT"}}:
            for at in server.values():
                assert one.value in at.ask(one.name, one.type).values, (zone, one)


def test_done_again_and_looked_at_no_zone_changes(site, world, job, server):
    before = {zone: server["n1"].serial(zone) for zone in names.zones(site)}
    bring(site, world, job)
    assert dns.served(world(), job(site, "n1")).holds
    assert {zone: server["n1"].serial(zone) for zone in names.zones(site)} == before


def test_records_follow_a_node_and_a_guests_name_stays(site, world, job, server):
    server["n1"].change(HOME, GUEST, frozenset())
    less = smaller(site)
    seen = dns.served(world(less), job(less, "n1"))
    assert not seen.holds
    assert "still has n2.storage" in seen.says
    bring(less, world, job)
    assert server["n1"].ask(f"n2.storage.{HOME}", "A").code == "NXDOMAIN"
    assert server["n1"].ask("12.2.77.10.in-addr.arpa.", "PTR").code == "NXDOMAIN"
    seen = dns.served(world(less), job(less, "n2"))
    assert seen.holds, seen.says
    assert server["n2"].ask(f"guest.{HOME}", "A").values == ("10.77.0.99",)
    bring(site, world, job)
    assert server["n1"].ask(f"n2.storage.{HOME}", "A").values == ("10.77.2.12",)


def test_a_zone_opened_by_hand_does_not_hold_until_it_is_closed(site, world, job, nameds, server):
    nameds["n1"].stop()
    nameds["n1"].configure("allow-update { key", "allow-update { any; key")
    nameds["n1"].start(server["n1"])
    assert "takes unsigned updates" in dns.served(world(), job(site, "n1")).says
    nameds["n1"].stop()
    nameds["n1"].configure()
    nameds["n1"].start(server["n1"])
    assert dns.served(world(), job(site, "n1")).holds


def test_a_secondary_that_hears_nothing_any_more_falls_behind_and_does_not_hold(site, world, job, nameds, server):
    nameds["n2"].stop()
    nameds["n2"].configure("primaries { 10.77.0.11", "primaries { 10.77.0.99")
    nameds["n2"].start(server["n2"])
    server["n1"].change(HOME, OTHER, frozenset())
    seen = dns.served(world(), job(site, "n2"))
    assert not seen.holds
    assert "at the primary" in seen.says
    nameds["n2"].stop()
    nameds["n2"].configure()
    nameds["n2"].start(server["n2"])
    assert dns.served(world(), job(site, "n2")).holds


def test_a_dead_primary_leaves_the_other_answering_and_comes_back(site, world, job, nameds, server):
    nameds["n1"].stop()
    seen = dns.served(world(), job(site, "n1"))
    assert not seen.holds
    assert "name server 10.77.0.11" in seen.says
    assert server["n2"].ask(f"n1.{HOME}", "A").values == ("10.77.0.11",)
    seen = dns.served(world(), job(site, "n2"))
    assert seen.holds, seen.says
    assert "n1 does not answer" in seen.says
    nameds["n1"].start(server["n1"])
    assert dns.served(world(), job(site, "n1")).holds
