"""Who tries with whom, which network guests get, and what a report makes of the trials."""

import pytest

from inventory.model import Site
from orchestrator.errors import Impossible
from orchestrator.iscsi import iscsi_name
from orchestrator.store import now
from orchestrator.touchstone.pairs import bridge_of, pairs, tenant_network
from orchestrator.touchstone.report import CAPABILITIES, Report, Trial

RANGE = [{"first": "10.5.0.10", "last": "10.5.0.20"}]


def site_of(compute, others=(), ranges=("guests",)):
    """Nodes of which some are compute hosts, each with a bridge on two networks."""
    nodes = [*((name, "kvm") for name in compute), *((name, "plain") for name in others)]
    return Site.model_validate(
        {
            "name": "lab",
            "domain": "lab.example.test",
            "provisioning": {"network": "prov", "address": "10.0.0.1", "ramdisk": "r"},
            "networks": {
                "prov": {"name": "prov", "prefix": "10.0.0.0/24"},
                **{
                    name: {"name": name, "prefix": prefix, "ranges": RANGE if name in ranges else []}
                    for name, prefix in (("guests", "10.5.0.0/24"), ("more", "10.5.0.0/24"))
                },
            },
            "images": {"r": {"name": "r", "kind": "ramdisk", "artefact": "r"}},
            "profiles": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "groups": {
                "kvm": {"name": "kvm", "roles": ["compute-host"]},
                "plain": {"name": "plain", "roles": ["network-ready"]},
            },
            "nodes": {name: node(number, name, group) for number, (name, group) in enumerate(nodes, 1)},
        }
    )  # fmt: skip


def node(number, name, group):
    return {
        "name": name, "rack": "r1", "unit": number, "image": "r", "groups": [group],
        "bmc": {"address": f"10.1.0.{number}", "user": "a", "password": "env:X"},
        "nics": [{"name": f"eth{nic}", "mac": f"52:54:00:00:0{number}:0{nic}"} for nic in (0, 1, 2)],
        "bridges": [
            {"name": "br0", "members": ["eth1"], "network": "guests"},
            {"name": "br1", "members": ["eth2"], "network": "more"},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("compute", "others"), [("abc", ""), ("ab", "c"), ("abcd", "e"), ("ba", "cd")])
def test_every_compute_host_is_tried_and_the_third_is_neither_of_the_two(compute, others):
    found = pairs(site_of(compute, others))
    assert [one.writer.name for one in found] == list(compute)
    assert {one.reader.name for one in found} == set(compute)
    assert all(len({one.writer.name, one.reader.name, one.third.name}) == 3 for one in found)


@pytest.mark.parametrize(("compute", "others", "says"), [("a", "bc", "needs two"), ("ab", "", "must be a third")])
def test_too_few_hosts_are_told_before_anything_is_made(compute, others, says):
    with pytest.raises(Impossible, match=says):
        pairs(site_of(compute, others))


def test_the_network_is_the_one_that_all_bridge_and_that_has_addresses_to_give():
    site = site_of("abc")
    assert tenant_network(site, None).name == "guests"
    assert bridge_of(site.nodes["a"], site.networks["guests"]) == "br0"
    assert tenant_network(site, "more").name == "more"


@pytest.mark.parametrize("ranges", [(), ("guests", "more")])
def test_where_it_is_not_clear_which_network_it_is_asked_for(ranges):
    with pytest.raises(Impossible, match="not clear"):
        tenant_network(site_of("abc", ranges=ranges), None)
    with pytest.raises(Impossible, match="a bridge on prov"):
        tenant_network(site_of("abc"), "prov")


def test_initiators_are_named_by_the_domain_reversed():
    site = site_of("abc")
    assert iscsi_name(site, site.nodes["a"]) == "iqn.2026-11.test.example.lab:a"


def report_of(failed=(), left_out=()):
    trials = [
        Trial(capability=name, host=host, passed=(name, host) not in failed, says="", seconds=0)
        for name in CAPABILITIES
        for host in "ab"
        if (name, host) not in left_out
    ]
    return Report(
        site="lab", run="r", network="guests", began=now(), ended=now(), hosts=("a", "b"), left=(), trials=tuple(trials)
    )


def test_a_report_passes_where_all_that_must_was_tried_at_each_host_and_held():
    assert report_of().passed
    assert report_of(failed=[("compute.kvm", "a"), ("compute.kvm", "b")]).passed


@pytest.mark.parametrize("name", [name for name, one in CAPABILITIES.items() if one.must_pass])
def test_one_host_that_failed_or_was_left_out_fails_the_report(name):
    failed, left_out = report_of(failed=[(name, "b")]), report_of(left_out=[(name, "b")])
    assert (failed.verdict(name), failed.passed) == ("failed", False)
    assert (left_out.verdict(name), left_out.passed) == ("untried", False)
    told = {one["name"]: one["verdict"] for one in left_out.as_json()["capabilities"]}
    assert told == dict.fromkeys(CAPABILITIES, "passed") | {name: "untried"}
