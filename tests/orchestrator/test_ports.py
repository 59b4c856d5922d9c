"""What a switch port is to be: from the cable, the phase and the networks, and never a port without a cable of ours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ability.switch import LagWanted, PortSettings
from inventory.model import Site
from orchestrator.errors import Impossible
from orchestrator.ports import Membership, Phase, allowed, as_json, from_json, intents

MANAGEMENT = {"family": "eos", "address": "10.9.0.9", "user": "anneal", "password": "env:P"}
NETWORKS = {
    "prov": {"name": "prov", "prefix": "10.77.0.0/24", "vlan": 100},
    "storage": {"name": "storage", "prefix": "10.77.2.0/24", "vlan": 200, "mtu": 9000},
    "apart": {"name": "apart", "prefix": "10.77.3.0/24", "vlan": 666},
}


def switch(name="sw1", uplinks=(), **management):
    ports = [f"swp{number}" for number in range(1, 9)]
    return {
        "name": name,
        "rack": "r1",
        "unit": 40,
        "ports": ports,
        "uplinks": uplinks,
        "management": {**MANAGEMENT, **management},
    }


def node(name, nics, bonds=()):
    macs = iter(range(256))
    return {
        "name": name,
        "rack": "r1",
        "unit": 1,
        "bmc": {"address": "10.9.0.1", "user": "a", "password": "env:P"},
        "nics": [{"mac": f"52:54:00:00:00:{next(macs):02x}", **nic} for nic in nics],
        "bonds": bonds,
        "groups": ["g"],
        "image": "debian",
    }


def site(nodes, links, switches=(), **more):
    return Site.model_validate(
        {
            "name": "lab",
            "provisioning": {"network": "prov", "address": "10.77.0.1", "ramdisk": "ipa"},
            "networks": NETWORKS,
            "images": {},
            "profiles": {},
            "groups": {},
            "racks": {},
            "switches": {one["name"]: one for one in switches or [switch()]},
            "nodes": {one["name"]: one for one in nodes},
            "links": [{"a": a, "b": b} for a, b in links],
            **more,
        }
    )


def on(network, *, tagged=False):
    return {"network": network, "address": "10.77.0.11", "tagged": tagged}


SINGLE = node("n1", [{"name": "eth0", "addresses": [on("prov")]}, {"name": "eth1", "addresses": [on("storage")]}])
CABLES = [("n1:eth0", "sw1:swp3"), ("n1:eth1", "sw1:swp4")]
BONDED = node(
    "n1",
    [{"name": "eth0"}, {"name": "eth1"}, {"name": "eth2", "addresses": [on("storage")]}],
    [{"name": "bond0", "members": ["eth0", "eth1"], "addresses": [on("prov"), on("storage", tagged=True)]}],
)
BOND_CABLES = [("n1:eth0", "sw1:swp5"), ("n1:eth1", "sw1:swp2"), ("n1:eth2", "sw1:swp7")]


def wanted(lab, phase, tenancy=None):
    told = intents(lab, lab.nodes["n1"], phase, tenancy)
    return told["sw1"].settings, dict(told["sw1"].vlans)


def test_while_a_node_boots_nothing_but_the_provisioning_network_passes():
    ports, vlans = wanted(site([SINGLE], CABLES), Phase.PROVISION)
    assert ports == {
        "swp3": PortSettings(untagged=100, mtu=1500, description="n1:eth0"),
        "swp4": PortSettings(untagged=None, mtu=9000, description="n1:eth1"),
    }
    assert vlans == {100: "prov"}


def test_a_ready_node_has_its_networks_and_no_others():
    ports, vlans = wanted(site([SINGLE], CABLES), Phase.READY)
    assert {name: (one.untagged, one.tagged) for name, one in ports.items()} == {
        "swp3": (100, frozenset()),
        "swp4": (200, frozenset()),
    }
    assert vlans == {100: "prov", 200: "storage"}


def test_a_bond_that_boots_has_a_lag_that_falls_back_and_either_member_boots():
    lab = site([BONDED], BOND_CABLES)
    told = intents(lab, lab.nodes["n1"], Phase.PROVISION)["sw1"].ports
    assert {name: one.boots for name, one in told.items()} == {"swp5": True, "swp2": True, "swp7": False}
    assert {name: one.settings.untagged for name, one in told.items()} == {"swp5": 100, "swp2": 100, "swp7": None}
    assert {one.settings.lag for name, one in told.items() if name != "swp7"} == {LagWanted(2, fallback=True)}


def test_a_lag_that_nobody_boots_by_needs_no_fallback():
    bond = {"name": "bond0", "members": ["eth1"], "addresses": [on("storage")]}
    lab = site([node("n1", [{"name": "eth0", "addresses": [on("prov")]}, {"name": "eth1"}], [bond])], CABLES)
    assert wanted(lab, Phase.READY)[0]["swp4"].lag == LagWanted(4, fallback=False)


def test_a_bonds_port_has_the_mtu_of_its_largest_network_and_its_tags():
    ports, _ = wanted(site([BONDED], BOND_CABLES), Phase.READY)
    assert ports["swp5"] == PortSettings(
        untagged=100,
        tagged=frozenset({200}),
        mtu=9000,
        lag=LagWanted(2, fallback=True),
        description="n1:eth0",
    )


def test_a_change_of_phase_changes_vlans_alone():
    lab = site([BONDED], BOND_CABLES, quarantine="apart")
    kept = [
        {name: (one.mtu, one.lag, one.edge, one.enabled) for name, one in wanted(lab, phase)[0].items()}
        for phase in (Phase.PROVISION, Phase.READY, Phase.QUARANTINE)
    ]
    assert kept[0] == kept[1] == kept[2]


def test_active_backup_is_no_lag_and_may_end_at_two_switches():
    bond = {"name": "bond0", "members": ["eth0", "eth1"], "mode": "active-backup", "addresses": [on("prov")]}
    lab = site(
        [node("n1", [{"name": "eth0"}, {"name": "eth1"}], [bond])],
        [("n1:eth0", "sw1:swp1"), ("n1:eth1", "sw2:swp1")],
        [switch(), switch("sw2")],
    )
    told = intents(lab, lab.nodes["n1"], Phase.PROVISION)
    assert {name: one.settings for name, one in told.items()} == {
        "sw1": {"swp1": PortSettings(untagged=100, mtu=1500, description="n1:eth0")},
        "sw2": {"swp1": PortSettings(untagged=100, mtu=1500, description="n1:eth1")},
    }


def test_lag_numbers_count_from_where_the_site_says_and_move_with_no_other_node():
    other = node("n2", [{"name": "eth0"}], [{"name": "bond0", "members": ["eth0"], "addresses": [on("prov")]}])
    alone = site([BONDED], BOND_CABLES, [switch(first_lag=101)])
    beside = site([BONDED, other], [*BOND_CABLES, ("n2:eth0", "sw1:swp1")], [switch(first_lag=101)])
    numbers = [wanted(lab, Phase.READY)[0]["swp5"].lag.number for lab in (alone, beside)]
    assert numbers == [102, 102]


def test_a_tenants_ports_have_what_the_claim_asks_for():
    lab = site([BONDED], BOND_CABLES)
    tenancy = {"bond0": [Membership("storage"), Membership("apart", tagged=True)]}
    ports, vlans = wanted(lab, Phase.TENANT, tenancy)
    assert {name: (one.untagged, one.tagged) for name, one in ports.items()} == {
        "swp5": (200, frozenset({666})),
        "swp2": (200, frozenset({666})),
        "swp7": (None, frozenset()),
    }
    assert vlans == {200: "storage", 666: "apart"}


@pytest.mark.parametrize(
    ("tenancy", "says"),
    [
        ({"eth0": [Membership("storage")]}, "n1 has no interface eth0. It has: bond0, eth2"),
        ({"bond0": [Membership("nowhere")]}, "n1:bond0: there is no network nowhere"),
        ({"eth2": [Membership("storage"), Membership("apart")]}, "two networks without a tag"),
    ],
)
def test_a_claim_for_what_the_node_cannot_have_is_refused(tenancy, says):
    with pytest.raises(Impossible, match=says):
        wanted(site([BONDED], BOND_CABLES), Phase.TENANT, tenancy)


def test_a_node_apart_is_on_the_quarantine_network_and_off_without_one():
    ports, vlans = wanted(site([SINGLE], CABLES, quarantine="apart"), Phase.QUARANTINE)
    assert {(one.enabled, one.untagged, one.tagged) for one in ports.values()} == {(True, 666, frozenset())}
    assert vlans == {666: "apart"}
    ports, vlans = wanted(site([SINGLE], CABLES), Phase.QUARANTINE)
    assert {(one.enabled, one.untagged, one.tagged) for one in ports.values()} == {(False, None, frozenset())}
    assert vlans == {}


def test_a_switch_that_is_not_driven_has_no_intent():
    lab = site([SINGLE], CABLES, [{**switch(), "management": None}])
    assert intents(lab, lab.nodes["n1"], Phase.READY) == {}


@pytest.mark.parametrize(("end", "what"), [("swp8", "an uplink"), ("swp9", "no port of it")])
def test_an_uplink_and_an_unknown_port_are_refused(end, what):
    lab = site([SINGLE], [("n1:eth0", f"sw1:{end}")], [switch(uplinks=["swp8"])])
    with pytest.raises(Impossible, match=f"n1:eth0 is cabled to sw1:{end}, which is {what}"):
        intents(lab, lab.nodes["n1"], Phase.READY)


def test_a_network_without_a_vlan_is_refused():
    plain = {**NETWORKS, "prov": {"name": "prov", "prefix": "10.77.0.0/24"}}
    lab = site([SINGLE], CABLES, networks=plain)
    with pytest.raises(Impossible, match="network prov has no vlan"):
        intents(lab, lab.nodes["n1"], Phase.PROVISION)


def test_an_intent_comes_back_from_a_roles_inputs_as_it_was():
    lab = site([BONDED], BOND_CABLES)
    told = intents(lab, lab.nodes["n1"], Phase.READY)
    assert from_json(as_json(told)) == told


def short(ports, uplinks=(), family="eos"):
    return {**switch(uplinks=uplinks, family=family), "ports": ports}


@pytest.mark.quirk(111)
def test_a_port_goes_by_its_name_in_full_however_the_inventory_spells_it():
    lab = site([SINGLE], [("n1:eth0", "sw1:Et7")], [short(["Et6", "Et7", "Ethernet49"], ["Et49"])])
    assert list(wanted(lab, Phase.READY)[0]) == ["Ethernet7"]
    assert allowed(lab)["sw1"] == {"Ethernet7"}
    bonded = site([BONDED], [("n1:eth0", "sw1:Et7"), ("n1:eth1", "sw1:Et6")], [short(["Et5", "Ethernet6", "Et7"])])
    assert {one.lag for one in wanted(bonded, Phase.READY)[0].values()} == {LagWanted(2, fallback=True)}


@pytest.mark.quirk(111)
def test_an_uplink_is_one_in_every_spelling():
    lab = site([SINGLE], [("n1:eth0", "sw1:Eth1/49")], [short(["Eth1/49"], ["Ethernet1/49"], "nxos")])
    with pytest.raises(Impossible, match="n1:eth0 is cabled to sw1:Eth1/49, which is an uplink"):
        intents(lab, lab.nodes["n1"], Phase.READY)
    assert allowed(lab)["sw1"] == frozenset()


def test_a_port_that_is_told_in_two_spellings_is_refused():
    lab = site([SINGLE], [("n1:eth0", "sw1:Et7")], [short(["Et7", "Ethernet7"])])
    with pytest.raises(Impossible, match="sw1 has Ethernet7 twice among its ports"):
        intents(lab, lab.nodes["n1"], Phase.READY)


PORTS = [f"swp{number}" for number in range(1, 9)]


@given(
    ends=st.lists(st.sampled_from(PORTS), unique=True, min_size=1, max_size=5),
    uplinks=st.sets(st.sampled_from(PORTS), max_size=4),
    members=st.sets(st.integers(0, 4), max_size=5),
    mode=st.sampled_from(["lacp", "active-backup"]),
    phase=st.sampled_from(list(Phase)),
    other=st.sampled_from(PORTS),
)
@settings(max_examples=300, deadline=None)
def test_no_plan_ever_touches_a_port_outside_its_links(ends, uplinks, members, mode, phase, other):
    names = [f"eth{index}" for index in range(len(ends))]
    bond = [name for index, name in enumerate(names) if index in members]
    bonds = [{"name": "bond0", "members": bond, "mode": mode, "addresses": [on("prov")]}] if bond else []
    nics = [{"name": name, "addresses": [] if name in bond else [on("storage")]} for name in names]
    links = [(f"n1:{name}", f"sw1:{end}") for name, end in zip(names, ends, strict=True)]
    stranger = [] if other in ends else [("n2:eth0", f"sw1:{other}")]
    second = node("n2", [{"name": "eth0", "addresses": [on("prov")]}])
    lab = site([node("n1", nics, bonds), second], [*links, *stranger], [switch(uplinks=sorted(uplinks))])
    try:
        told = intents(lab, lab.nodes["n1"], phase, {"bond0": [Membership("storage")]} if bond else {})
    except Impossible:
        assert uplinks & set(ends)
        return
    assert not uplinks & set(ends)
    assert set(told["sw1"].ports) == set(ends)
    assert allowed(lab)["sw1"] == (set(ends) | ({other} if stranger else set())) - uplinks
