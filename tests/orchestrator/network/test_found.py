"""What a kernel has beside what is wanted of it."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_interface

import pytest

from drivers.host_links import Link, Member, Route, Rule
from drivers.host_network import Standing
from inventory.address import Mac
from inventory.interfaces import interfaces
from orchestrator.network.found import Found, families, faults, unsettled

BUNDLED = Member(up=True, bundled=True, aggregator=1)


@pytest.fixture
def wanted(bonded):
    return interfaces(*bonded)


@pytest.fixture
def sound(wanted):
    links = {
        one.name: Link(
            name=one.name,
            mac=Mac("52:54:00:7a:00:01"),
            mtu=one.mtu,
            up=True,
            addresses=tuple(ip_interface(str(at)) for at in one.addresses),
            kind=None if one.kind == "nic" else one.kind,
            master=one.bond or one.bridge,
            parent=one.parent,
            vlan=one.vlan,
            mode="802.3ad" if one.mode else None,
            member=BUNDLED if one.bond else None,
        )
        for one in wanted
    }
    routes = [
        Route(
            to="default" if way.default else str(way.to),
            via=way.via,
            interface=one.name,
            table=way.table or 254,
            metric=way.metric or 0,
            mtu=way.mtu,
            version=way.to.version,
        )
        for one in wanted
        for way in one.routes
    ]
    return Found(links, routes, [Rule("10.77.2.11", 200, 1200)])


def changed(sound, name, **more):
    return replace(sound, links={**sound.links, name: replace(sound.links[name], **more)})


def test_what_is_as_wanted_has_no_fault(wanted, sound):
    assert list(faults(wanted, sound)) == []
    assert families(wanted) == {4, 6}


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("bond0", {"mtu": 1500}, "bond0 has MTU 1500, wanted 9000"),
        ("br0", {"up": False}, "br0 is down"),
        ("bond0", {"mode": "balance-rr"}, "bond0 is a bond by balance-rr, wanted 802.3ad"),
        ("bond0.200", {"vlan": 300}, "bond0.200 is VLAN 300 on bond0, wanted 200 on bond0"),
        ("br0", {"kind": None}, "br0 is no bridge"),
        ("br0", {"addresses": ()}, "br0 has not 10.77.3.11/24"),
        ("bond0.300", {"master": None}, "bond0.300 is in nothing, wanted br0"),
        ("eth1", {"member": Member(up=False, bundled=False, aggregator=1)}, "eth1 of bond0 is down"),
        ("eth1", {"member": Member(up=True, bundled=False, aggregator=2)},
         "eth1 of bond0 is not bundled: no partner is in step with it by LACP"),
        ("eth1", {"member": Member(up=True, bundled=True, aggregator=2)},
         "eth0, eth1 of bond0 lead to different partners"),
        ("br0", {"addresses": (), "contested": (ip_interface("10.77.3.11/24"),)},
         "another machine has 10.77.3.11/24 of br0"),
    ],
)  # fmt: skip
def test_each_difference_is_named(wanted, sound, name, more, says):
    assert list(faults(wanted, changed(sound, name, **more))) == [says]


def test_an_interface_that_is_not_there_is_one_fault(wanted, sound):
    links = {name: link for name, link in sound.links.items() if name != "br0"}
    assert list(faults(wanted, replace(sound, links=links))) == ["there is no br0"]


def test_a_nic_with_anothers_mac_is_the_wrong_nic(sound, bonded):
    site, node = bonded
    plain = node.model_copy(update={"bonds": (), "bridges": (), "nics": (
        node.nics[0].model_copy(update={"addresses": node.bonds[0].addresses[:1]}), node.nics[1],
    )})  # fmt: skip
    (one,) = interfaces(site, plain)
    link = Link("eth0", Mac("52:54:00:7a:00:02"), 1500, up=True, addresses=(ip_interface("10.77.0.11/24"),))
    says = list(faults([one], replace(sound, links={"eth0": link})))
    assert says == ["eth0 has MAC 52:54:00:7a:00:02, and 52:54:00:7a:00:01 is declared"]


def test_the_default_route_that_the_kernel_prefers_is_the_one_that_counts(wanted, sound):
    better = Route("default", ip_address("10.77.0.254"), "bond0", 254, 0, None, 4)
    worse = [
        replace(one, metric=100) if (one.to, one.table, one.version) == ("default", 254, 4) else one
        for one in sound.routes
    ]
    said = list(faults(wanted, replace(sound, routes=[*worse, better])))
    assert said == ["its default route goes to 10.77.0.254, wanted 10.77.0.1"]


def test_routes_and_rules_of_a_table_are_looked_for(wanted, sound):
    routes = [one for one in sound.routes if (one.to, one.table) != ("10.96.0.0/12", 200)]
    assert list(faults(wanted, replace(sound, routes=routes, rules=[]))) == [
        "bond0.200 has no route to 10.96.0.0/12 by 10.77.2.1 in table 200",
        "what bond0.200 sends from 10.77.2.11 does not ask table 200",
    ]


@pytest.mark.parametrize(
    ("trial", "kept", "says"),
    [
        ("aa", None, "on trial for 90 s yet"),
        ("aa", "aa", "on trial for 90 s yet"),
        (None, "bb", "not those that are wanted now"),
        (None, "aa", None),
        (None, None, None),
    ],
)
def test_what_is_on_trial_or_kept_for_another_plan_does_not_count_as_brought_about(trial, kept, says):
    """A crash between trying and keeping leaves a network that looks right until its timer ends."""
    told = list(unsettled(Standing(trial, timedelta(seconds=90), kept), "aa"))
    assert (says is None and told == []) or (says is not None and len(told) == 1 and says in told[0])
