"""What stands in the site's zones, and what is changed in them."""

from ipaddress import ip_address, ip_network

import pytest

from inventory.model import Site
from inventory.zone import Record
from orchestrator.binding import bind
from orchestrator.names import (
    MARK,
    as_json,
    changes,
    left_in_copy,
    left_of_guest,
    of_guest,
    records,
    reverse_zones,
    zones,
)
from orchestrator.roles import read_roles

HOME = "rack.test."
OURS = {Record("a.rack.test.", "A", "10.0.0.1"), Record("a.rack.test.", "TXT", MARK)}
GUEST = Record("guest.rack.test.", "A", "10.0.0.9")


@pytest.fixture
def served(site):
    group = {"name": "compute", "roles": ["network-ready", "dns-server"]}
    return Site.model_validate(site.model_dump() | {"groups": {"compute": group}})


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("10.20.30.0/24", ("30.20.10.in-addr.arpa.",)),
        ("10.20.8.0/22", tuple(f"{third}.20.10.in-addr.arpa." for third in (8, 9, 10, 11))),
        ("10.20.30.64/26", ("30.20.10.in-addr.arpa.",)),
        ("10.20.30.7/32", ("30.20.10.in-addr.arpa.",)),
        ("172.16.0.0/15", ("16.172.in-addr.arpa.", "17.172.in-addr.arpa.")),
        ("fd00:20::/64", ("0.0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa.",)),
        ("fd00:20::/63", tuple(f"{last}.0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa." for last in (0, 1))),
    ],
)
def test_reverse_zones_hold_the_prefix(prefix, expected):
    assert reverse_zones(ip_network(prefix)) == expected


def test_every_address_has_one_name_that_leads_back_to_it(served):
    wanted = records(served)
    forward = {(one.name, one.value) for one in wanted[HOME] if one.type in {"A", "AAAA"}}
    back = {(one.value, one.name) for zone in wanted.values() for one in zone if one.type == "PTR"}
    assert ("r1-n01.rack.test.", "127.77.0.11") in forward
    assert ("r1-n01.storage.rack.test.", "10.77.2.11") in forward
    assert ("r1-n01.storage.rack.test.", "11.2.77.10.in-addr.arpa.") in back
    assert len(forward) == len(back) == 4


def test_each_zone_names_its_servers(served):
    for zone, found in records(served).items():
        assert {one.value for one in found if one.type == "NS"} == {"r1-n01.rack.test.", "r1-n02.rack.test."}, zone
    assert set(records(served)) == set(zones(served))


def test_a_site_without_servers_has_no_names_for_its_nodes_to_read(site):
    assert as_json(site, site.nodes["r1-n01"]) is None


def test_a_node_that_goes_leaves_and_what_a_guest_registered_stays():
    found = changes(HOME, frozenset({*OURS, GUEST}), frozenset())
    assert (found.come, found.gone) == (frozenset(), frozenset(OURS))


def test_a_right_zone_is_left_alone():
    assert changes(HOME, frozenset({*OURS, GUEST}), frozenset(OURS)).none


def test_an_address_that_moved_is_replaced_and_a_guest_cannot_keep_a_nodes_name():
    moved = Record("a.rack.test.", "A", "10.0.0.2")
    found = changes(HOME, frozenset({moved}), frozenset(OURS))
    assert (found.come, found.gone) == (frozenset(OURS), frozenset({moved}))


def test_a_server_that_is_one_no_more_leaves_the_apex():
    old, new = Record(HOME, "NS", "x.rack.test."), Record(HOME, "NS", "a.rack.test.")
    found = changes(HOME, frozenset({old}), frozenset({new}))
    assert (found.come, found.gone) == (frozenset({new}), frozenset({old}))


def test_servers_read_all_zones_and_the_first_of_them_is_the_primary(served):
    bound = bind(served, read_roles())
    inputs = bound["r1-n02", "dns-server"].inputs
    assert inputs["primary"] == "r1-n01"
    assert [one["name"] for one in inputs["zones"]] == list(zones(served))


def test_a_guests_name_is_left_alone_by_the_inventorys_and_found_again_whole(lab):
    told = of_guest(lab, "g1", ip_address("10.77.2.99"))
    assert set(told) == {"lab.example.test.", "2.77.10.in-addr.arpa."}
    for zone, own in told.items():
        wanted = records(lab)[zone]
        assert changes(zone, wanted | own, wanted).none
        assert left_of_guest(lab, "g1", wanted | own) == own
        assert left_of_guest(lab, "g", wanted | own) == frozenset()


def test_a_copy_gives_back_the_names_of_guests_and_none_that_are_the_inventorys_or_are_there_anew():
    gone = frozenset({Record("b.rack.test.", "A", "10.0.0.2"), Record("b.rack.test.", "TXT", MARK)})
    mark = Record(GUEST.name, "TXT", '"of a guest"')
    apex = Record(HOME, "NS", "old.rack.test.")
    elsewhere = Record("moved.rack.test.", "A", "10.0.0.7")
    here = frozenset({*OURS, Record("moved.rack.test.", "A", "10.0.0.8")})
    assert left_in_copy(HOME, here, frozenset({*OURS, *gone, apex, GUEST, mark, elsewhere})) == {GUEST, mark}
