"""Addresses given out by many at one time, on each database: never one to two nodes, and a node's stays its own."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.given import asks
from inventory.interfaces import worn
from inventory.model import Site
from orchestrator import ipam
from orchestrator.errors import Impossible
from orchestrator.store import Store

PROCESSES, THREADS = 4, 16


def site_of(names, *, first="10.77.2.10", last="10.77.2.250", prefix="10.77.2.0/24", also=()):
    """Nodes that ask for an address on the network `storage`; `also`: declared ones, by node."""
    node = {"rack": "r1", "unit": 1, "groups": ["g"], "image": "d"}
    nodes = {
        name: {
            "name": name,
            "bmc": {"address": "10.78.0.1", "user": "a", "password": "env:X"},
            "nics": [
                {
                    "name": "eth0",
                    "mac": f"52:54:00:00:{index >> 8:02x}:{index & 255:02x}",
                    "addresses": [{"network": "storage", "address": dict(also).get(name, "auto")}],
                }
            ],
            **node,
        }
        for index, name in enumerate([*names, *dict(also)])
    }
    storage = {"name": "storage", "prefix": prefix, "gateway": "10.77.2.1", "ranges": [{"first": first, "last": last}]}
    return Site.model_validate(
        {
            "name": "lab",
            "provisioning": {"network": "provisioning", "address": "10.77.0.1", "ramdisk": "r"},
            "networks": {"provisioning": {"name": "provisioning", "prefix": "10.77.0.0/24"}, "storage": storage},
            "images": {"r": {"name": "r", "kind": "ramdisk", "artefact": "r"}},
            "profiles": {}, "groups": {}, "racks": {}, "switches": {}, "links": [], "nodes": nodes,
        }
    )  # fmt: skip


def told(site):
    return {node.name: str(one.address) for node in site.nodes.values() for one in worn(node)}


def _at_once(url, start):
    """What one process is told, by each of its threads: overlapping thirds of the same nodes."""
    sites = [
        site_of([f"n{number}" for number in range(120) if number % 3 != (start + at) % 3]) for at in range(THREADS)
    ]
    stores = [Store(url) for _ in sites]
    with ThreadPoolExecutor(THREADS) as pool:
        return [told(site) for site in pool.map(ipam.settle, stores, sites)]


@pytest.fixture
def store(new_database):
    store = Store(new_database())
    yield store
    store.engine.dispose()


@pytest.mark.slow
def test_64_allocators_never_give_one_address_to_two_nodes(new_database):
    url = new_database()
    Store(url).engine.dispose()
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        answers = [one for some in pool.starmap(_at_once, [(url, at) for at in range(PROCESSES)]) for one in some]
    assert len(answers) == PROCESSES * THREADS
    whose = {}
    for answer in answers:
        for node, address in answer.items():
            assert whose.setdefault(address, node) == node
    assert len(whose) == len(set(whose.values())) == 120


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 40), min_size=1), min_size=1, max_size=6),
    st.sets(st.integers(10, 60), max_size=10),
)
def test_whoever_comes_and_goes_each_keeps_its_own(new_database, rounds, owned):
    """Rounds are inventories one after the other; `owned` are addresses that other nodes declare."""
    store = Store(new_database())
    declared = {f"d{number}": f"10.77.2.{number}" for number in owned}
    whose = {}
    for names in rounds:
        found = told(ipam.settle(store, site_of([f"n{name}" for name in sorted(names)], also=declared)))
        assert len(set(found.values())) == len(found)
        for node, address in found.items():
            assert whose.setdefault(node, address) == address
            assert address not in {"auto", "10.77.2.1", "10.77.2.0", "10.77.2.255"}
    assert len(set(whose.values())) == len(whose)
    store.engine.dispose()


def test_one_that_left_the_inventory_keeps_its_address_until_it_is_released(store):
    small = {"first": "10.77.2.10", "last": "10.77.2.11"}
    assert told(ipam.settle(store, site_of(["n1", "n2"], **small))) == {"n1": "10.77.2.10", "n2": "10.77.2.11"}
    with pytest.raises(
        Impossible, match=r"no address left: 2 in its static ranges, 2 given out, 1 of them.*gone: n1.*"
    ):
        ipam.settle(store, site_of(["n2", "n3"], **small))
    with pytest.raises(Impossible, match="n1 asks for its address on storage"):
        ipam.release(store, site_of(["n1"], **small), "n1")
    freed = ipam.release(store, site_of(["n2", "n3"], **small), "n1")
    assert [(one.network, str(one.address)) for one in freed] == [("storage", "10.77.2.10")]
    assert told(ipam.settle(store, site_of(["n2", "n3"], **small))) == {"n2": "10.77.2.11", "n3": "10.77.2.10"}
    assert [one.event.kind for one in store.events(node="n1")] == ["address.given", "address.released"]


def test_a_range_that_moves_takes_nobodys_address_and_a_new_prefix_gives_new_ones(store):
    ipam.settle(store, site_of(["n1"]))
    moved = site_of(["n1", "n2"], first="10.77.2.100")
    assert told(ipam.settle(store, moved)) == {"n1": "10.77.2.10", "n2": "10.77.2.100"}
    there = {"prefix": "10.99.0.0/24", "first": "10.99.0.1", "last": "10.99.0.9"}
    assert told(ipam.settle(store, site_of(["n1", "n2"], **there))) == {"n1": "10.99.0.1", "n2": "10.99.0.2"}


def test_an_address_that_was_given_cannot_be_declared_for_another(store):
    ipam.settle(store, site_of(["n1"]))
    with pytest.raises(Impossible, match=r"10.77.2.10 of network storage is n1's since .* declared for something else"):
        ipam.settle(store, site_of(["n1"], also={"n2": "10.77.2.10"}))
    assert told(ipam.settle(store, site_of([], also={"n1": "10.77.2.10"}))) == {"n1": "10.77.2.10"}


def test_who_asks_for_nothing_is_told_nothing(store):
    site = site_of([], also={"n1": "10.77.2.10"})
    assert asks(site) == ()
    assert ipam.settle(store, site) is site
    assert ipam.leases(store) == ()


def test_the_database_refuses_a_second_owner(store):
    (lease,) = (ipam.settle(store, site_of(["n1"])), ipam.leases(store))[1]
    assert lease.address == ip_address("10.77.2.10")
    for row in ({"network": "storage", "address": "10.77.2.10", "node": "n9"},
                {"network": "storage", "address": "10.77.2.99", "node": "n1"}):  # fmt: skip
        with pytest.raises(Exception, match=r"(?i)unique"), store.begin() as connection:
            connection.execute(ipam.ADDRESS.insert(), {**row, "at": lease.at})


def test_a_guest_is_lent_an_address_that_no_node_has_until_it_is_given_back(store):
    site = site_of(["n1"], first="10.77.2.10", last="10.77.2.11")
    ipam.settle(store, site)
    assert str(ipam.lend(store, site, "storage", "g1")) == "10.77.2.11"
    assert str(ipam.lend(store, site, "storage", "g1")) == "10.77.2.11"
    with pytest.raises(Impossible, match="no address left"):
        ipam.lend(store, site, "storage", "g2")
    ipam.release(store, site, "g1")
    assert str(ipam.lend(store, site, "storage", "g2")) == "10.77.2.11"
    assert told(ipam.settle(store, site)) == {"n1": "10.77.2.10"}
