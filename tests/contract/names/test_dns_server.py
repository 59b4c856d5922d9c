"""The role dns-server on two Debians: done, done again, looked at, broken, moved, its primary's disk lost.

The tests stand in the order in which the two live through them.
"""

import threading
from contextlib import contextmanager

import pytest

from drivers.dns import NameServer, Tsig
from drivers.errors import DriverError
from inventory.secrets import Secret
from inventory.zone import Record, ahead
from orchestrator import names
from orchestrator.errors import StepFailed
from tests.contract.guests import rig
from tests.contract.names.conftest import PLACES

pytestmark = pytest.mark.slow
ROLE, HOME, BACK = "dns-server", "lab.test.", "0.88.10.in-addr.arpa."
GUEST = frozenset({Record(f"guest.{HOME}", "A", "10.88.9.60"), Record(f"guest.{HOME}", "TXT", names.GUEST)})
STRANGER = Secret("c3RyYW5nZXIncyBrZXkgdGhhdCBuYW1lZCBrbm93cyBub3Q=")


@pytest.fixture(scope="module")
def server(services):
    return {name: NameServer(at.address, services.names_key) for name, at in PLACES.items()}


def given(site, **inputs):
    """The site with other inputs of the role."""
    group = site.groups["names"]
    told = {ROLE: {**group.inputs[ROLE], **inputs}}
    return site.model_copy(update={"groups": {"names": group.model_copy(update={"inputs": told})}})


def agrees(server, kept):
    """Whether a server knows these of a zone."""
    return kept <= server.records(HOME)


def comes(holds):
    """True within a minute, whoever is silent meanwhile."""

    def tried():
        try:
            if holds():
                return True
        except DriverError as error:
            raise OSError(str(error)) from error
        raise OSError("not yet")

    return rig.eventually(tried)


@contextmanager
def asking(server):
    """All that one server says to one question, over and over, from another thread."""
    heard, over = [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                heard.append(server.ask(f"n1.{HOME}", "A").values)
            except DriverError as error:
                heard.append(error)
            over.wait(0.2)

    thread = threading.Thread(target=ask)  # of the name space of the thread that starts it
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()


def test_where_nothing_was_done_it_does_not_hold_and_says_so_without_failing(crew):
    for name in PLACES:
        seen = crew.look(name, ROLE)
        assert not seen.holds
        assert "no answer on port 53" in seen.says


def test_a_secondary_that_comes_first_waits_for_its_primary(crew):
    changes, park = crew.do("n2", ROLE)
    assert "Have named read what is written, unless that is what it runs by" in changes
    assert "the primary n1 to serve" in park.waiting_for
    assert not crew.look("n2", ROLE).holds


def test_once_done_both_hold(crew):
    assert crew.converge("n1", ROLE).value["primary"] is True
    assert crew.converge("n2", ROLE).value["compared"] is True


def test_done_again_neither_changes_anything(crew, server):
    before = {name: one.serial(HOME) for name, one in server.items()}
    assert crew.do_all(ROLE) == {"n1": (), "n2": ()}
    assert {name: one.serial(HOME) for name, one in server.items()} == before


def test_looking_changes_nothing(crew, machines, server):
    before = server["n1"].serial(HOME)
    for name, machine in machines.items():
        machine.sudo("touch", "/root/before")
        assert crew.look(name, ROLE).holds
        where = ("/etc", "/usr", "/var/lib/bind", "/var/cache/bind", "-newer", "/root/before", "-type", "f")
        assert machine.sudo("find", *where) == ""
    assert server["n1"].serial(HOME) == before


def test_both_answer_forwards_and_backwards_for_every_node(site, server):
    for zone, wanted in names.records(site).items():
        for one in (found for found in wanted if found.type in {"A", "PTR"}):
            for at in server.values():
                reply = at.ask(one.name, one.type)
                assert (one.value in reply.values, reply.authoritative) == (True, True), (zone, one)


def test_a_stranger_may_neither_change_a_zone_nor_copy_it(server):
    for one in server.values():
        assert one.refuses_unsigned(HOME) == ()
    for key in (Tsig("anneal", STRANGER), Tsig("somebody", STRANGER)):
        with pytest.raises(DriverError, match="the key"):
            NameServer(PLACES["n1"].address, key).change(HOME, GUEST, frozenset())
        with pytest.raises(DriverError):
            NameServer(PLACES["n2"].address, key).records(HOME)
    assert not agrees(server["n1"], GUEST)


def test_a_signed_update_lands_and_reaches_the_copy(server):
    server["n1"].change(HOME, GUEST, frozenset())
    assert agrees(server["n1"], GUEST)
    assert comes(lambda: agrees(server["n2"], GUEST))


def test_a_copy_is_fetched_signed(machines):
    for machine, says in ((machines["n1"], "IXFR started: TSIG anneal"), (machines["n2"], "TSIG 'anneal'")):
        assert says in machine.sudo("journalctl", "-u", "named")


def broken(machine, script):
    machine.sudo("sh", "-ec", script)


def test_a_record_that_was_taken_away_is_missed_and_comes_back(crew, server):
    gone = frozenset({Record(f"n2.tenant.{HOME}", "A", "10.88.9.12")})
    server["n1"].change(HOME, frozenset(), gone)
    seen = crew.look("n1", ROLE)
    assert not seen.holds
    assert f"lacks n2.tenant.{HOME}" in seen.says
    crew.converge("n1", ROLE)
    crew.converge("n2", ROLE)
    assert agrees(server["n2"], gone | GUEST)


@pytest.mark.parametrize("name", PLACES)
def test_a_server_with_another_key_does_not_hold_until_it_has_ours(crew, machines, services, name):
    broken(
        machines[name],
        f'sed -i \'s|secret "[^"]*|secret "{STRANGER.reveal()}|\' /etc/bind/anneal.key; systemctl reload named',
    )
    seen = crew.look(name, ROLE)
    assert not seen.holds
    assert "the key anneal is not its own" in seen.says
    crew.converge(name, ROLE)
    assert agrees(NameServer(PLACES[name].address, services.names_key), GUEST)


def test_a_dead_server_leaves_the_other_answering_while_its_role_brings_it_back(crew, machines, server):
    with asking(server["n2"]) as heard:
        broken(machines["n1"], "systemctl mask --now named; rm /etc/bind/named.conf")
        seen = crew.look("n1", ROLE)
        assert not seen.holds
        assert "no answer on port 53" in seen.says
        copy = crew.look("n2", ROLE)
        assert copy.holds, copy.says
        assert "n1 does not answer" in copy.says
        crew.converge("n1", ROLE)
    assert set(heard) == {(PLACES["n1"].address,)}
    assert agrees(server["n1"], GUEST)
    crew.converge("n2", ROLE)


LESS = {"allowed": ["10.88.77.0/24"]}
REFUSED = "#!/bin/sh\nexit 1\n"


def test_what_was_written_and_not_read_when_it_was_cut_off_is_read_in_the_next_run(crew, machines, server, site):
    """The cut: rndc fails once all is written."""
    less = given(site, **LESS)
    assert server["n2"].ask(f"n1.{HOME}", "A").recurses
    broken(machines["n2"], f"mv /usr/sbin/rndc /root/; printf '{REFUSED}' >/usr/sbin/rndc; chmod +x /usr/sbin/rndc")
    with pytest.raises(StepFailed, match="Have named read what is written"):
        crew.do("n2", ROLE, less)
    broken(machines["n2"], "mv /root/rndc /usr/sbin/rndc")
    assert server["n2"].ask(f"n1.{HOME}", "A").recurses, "it was read, and nothing is shown by this test"
    assert crew.do("n2", ROLE, less)[0] == ("Have named read what is written, unless that is what it runs by",)
    assert not server["n2"].ask(f"n1.{HOME}", "A").recurses
    assert crew.do("n2", ROLE, less)[0] == ()
    crew.converge("n2", ROLE)
    assert server["n2"].ask(f"n1.{HOME}", "A").recurses


EMPTY = "systemctl stop named; rm -rf /var/lib/bind/* /var/cache/bind/* /etc/bind/named.conf /run/anneal-dns-server"


def test_a_primary_that_lost_its_disk_goes_on_with_what_the_copy_has_of_guests(crew, machines, server):
    before = server["n2"].serial(HOME)
    broken(machines["n1"], EMPTY)
    crew.converge("n1", ROLE)
    crew.converge("n2", ROLE)
    assert ahead(server["n2"].serial(HOME), before)
    for one in server.values():
        assert agrees(one, GUEST)
        assert one.ask("11.0.88.10.in-addr.arpa.", "PTR").values == (f"n1.{HOME}",)
    more = frozenset({Record(f"later.{HOME}", "A", "10.88.9.61")})
    server["n1"].change(HOME, more, frozenset())
    assert comes(lambda: agrees(server["n2"], more))


def test_a_primary_that_lost_its_disk_while_its_copy_was_away_is_seen_once_that_is_back(crew, machines, server):
    """Its copy comes from a clock that was ahead of ours, the worst that there can be."""
    server["n1"].count_from(HOME, server["n1"].serial(HOME) + 1_000_000)
    late = server["n1"].serial(HOME)
    assert comes(lambda: server["n2"].serial(HOME) == late)
    broken(machines["n2"], "systemctl stop named")
    broken(machines["n1"], EMPTY)
    crew.converge("n1", ROLE)
    assert not agrees(server["n1"], GUEST)
    broken(machines["n2"], "systemctl start named")
    seen = crew.look("n1", ROLE)
    assert not seen.holds
    assert f"{late} already in the copy at 10.88.0.12" in seen.says
    crew.converge("n1", ROLE)
    crew.converge("n2", ROLE)
    assert all(agrees(one, GUEST) and ahead(one.serial(HOME), late) for one in server.values())


def test_a_copy_that_becomes_the_primary_keeps_all_names_when_the_old_one_is_no_more(crew, machines, server, site):
    moved = given(site, primary="n2")
    before = server["n2"].serial(HOME)
    broken(machines["n1"], EMPTY)
    crew.converge("n2", ROLE, moved)
    assert agrees(server["n2"], GUEST)
    crew.converge("n1", ROLE, moved)
    assert agrees(server["n1"], GUEST)
    assert not ahead(before, server["n1"].serial(HOME))
    assert crew.do_all(ROLE, moved) == {"n1": (), "n2": ()}
