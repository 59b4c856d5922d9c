"""The role dns-client on two Debians that serve the names themselves: done, done again, looked at, broken, taken away.

The tests stand in the order in which the nodes live through them.
"""

import pytest

from drivers.dns import NameServer
from drivers.host import Host
from inventory.zone import Record
from orchestrator.errors import StepFailed
from tests.contract.names.conftest import PLACES

pytestmark = pytest.mark.slow
ROLE, HOME = "dns-client", "lab.test."
RESOLVED = "/etc/systemd/resolved.conf.d/10-anneal.conf"


@pytest.fixture(scope="module")
def both(site):
    group = site.groups["names"].model_copy(update={"roles": ("dns-server", ROLE)})
    return site.model_copy(update={"groups": {"names": group}})


@pytest.fixture(scope="module", autouse=True)
def served(crew, machines, both):
    """Nothing is told to the resolvers yet, and the names are served."""
    for machine in machines.values():
        machine.sudo("systemctl", "restart", "systemd-resolved")
    for name in PLACES:
        crew.converge(name, "dns-server", both)


def test_where_nothing_was_done_it_does_not_hold(crew, both):
    for name in PLACES:
        seen = crew.look(name, ROLE, both)
        assert not seen.holds
        assert "its resolver asks no server of the site" in seen.says


def test_once_done_programs_find_neighbours_by_name_and_by_address(crew, both, machines):
    for name in PLACES:
        seen = crew.converge(name, ROLE, both)
        assert seen.value["asks"] == [at.address for at in PLACES.values()]
    assert "Global: no" in machines["n1"].run("resolvectl", "llmnr").out
    assert machines["n1"].run("getent", "hosts", "n2").out.split() == [PLACES["n2"].address, "n2.lab.test"]
    assert machines["n2"].run("getent", "hosts", PLACES["n1"].address).out.split()[1] == "n1.lab.test"


def test_done_again_neither_changes_anything(crew, both):
    assert crew.do_all(ROLE, both) == {"n1": (), "n2": ()}


def test_looking_changes_nothing(crew, both, machines):
    machines["n1"].sudo("touch", "/root/before")
    assert crew.look("n1", ROLE, both).holds
    where = ("/etc", "/usr", "/var/lib", "-newer", "/root/before", "-not", "-path", "/var/lib/sudo/*", "-type", "f")
    assert machines["n1"].sudo("find", *where) == ""


def test_with_one_server_dead_names_are_found_by_the_other_and_the_node_is_not_blamed(crew, both, machines):
    machines["n1"].sudo("systemctl", "stop", "named")
    machines["n2"].sudo("resolvectl", "flush-caches")
    seen = crew.look("n2", ROLE, both)
    machines["n1"].sudo("systemctl", "start", "named")
    assert seen.holds, seen.says
    assert "n1 does not answer" in seen.says


@pytest.mark.parametrize(
    ("breaks", "says", "mends"),
    [
        (f"rm {RESOLVED}; systemctl restart systemd-resolved", "asks no server of the site", None),
        (f"sed -i 's/^DNS=.*/DNS=10.88.0.77/' {RESOLVED}; systemctl restart systemd-resolved", "asks 10.88.0.77", None),
        ("systemctl mask --now systemd-resolved", "asks no server of the site", None),
        ("rm /etc/resolv.conf; echo nameserver 127.0.0.9 >/etc/resolv.conf", "n2.lab.test is unknown there", None),
        ("echo 10.88.0.99 n2.lab.test >>/etc/hosts", "n2.lab.test is 10.88.0.99 there", "sed -i '$d' /etc/hosts"),
        ("echo 10.88.0.99 n2 >>/etc/hosts", "n2 is 10.88.0.99 there", "sed -i '$d' /etc/hosts"),
    ],
)
def test_a_node_that_finds_no_neighbour_or_another_is_seen_by_what_it_is(crew, both, machines, breaks, says, mends):
    machines["n1"].sudo("sh", "-ec", breaks)
    seen = crew.look("n1", ROLE, both)
    assert not seen.holds
    assert says in seen.says
    if mends is not None:
        machines["n1"].sudo("sh", "-ec", mends)
    crew.converge("n1", ROLE, both)


def test_a_server_that_says_another_address_of_the_node_is_named(crew, both, services):
    server = NameServer(PLACES["n1"].address, services.names_key)
    right, wrong = (frozenset({Record(f"n2.{HOME}", "A", value)}) for value in (PLACES["n2"].address, "10.88.0.98"))
    server.change(HOME, wrong, right)
    seen = crew.look("n2", ROLE, both)
    server.change(HOME, right, wrong)
    assert not seen.holds
    assert "n1 says of n2.lab.test: 10.88.0.98" in seen.says
    crew.converge("n2", ROLE, both)


def test_what_was_written_and_not_read_when_it_was_cut_off_is_read_in_the_next_run(crew, both, machines):
    """The cut: the resolver cannot be restarted once all is written."""
    machines["n1"].sudo("sh", "-ec", f"rm {RESOLVED}; systemctl restart systemd-resolved; chmod -x /usr/bin/sha256sum")
    with pytest.raises(StepFailed, match="Have the resolver read what is written"):
        crew.do("n1", ROLE, both)
    machines["n1"].sudo("chmod", "+x", "/usr/bin/sha256sum")
    assert not crew.look("n1", ROLE, both).holds
    assert crew.do("n1", ROLE, both)[0] == ("Have the resolver read what is written, unless that is what it runs by",)
    assert crew.look("n1", ROLE, both).holds


def test_taken_away_the_site_is_asked_no_more_and_once_more_changes_nothing(crew, both, machines):
    kept = {"servers": [{"name": name, "address": at.address} for name, at in PLACES.items()]}
    assert not crew.task("remove-dns-client", both).observe(crew.looking("n1", "remove-dns-client", kept, both)).holds
    crew.task("remove-dns-client", both).act(crew.looking("n1", "remove-dns-client", kept, both))
    assert crew.played["n1"] != ()
    assert crew.task("remove-dns-client", both).observe(crew.looking("n1", "remove-dns-client", kept, both)).holds
    crew.task("remove-dns-client", both).act(crew.looking("n1", "remove-dns-client", kept, both))
    assert crew.played["n1"] == ()
    with Host.open(machines["n1"].access) as host:
        assert host.resolvers() == ()
