"""Driven switches: what their ports must carry, what is never touched, and how they are let in to."""

import pytest

from inventory.load import load, missing_secrets
from inventory.secrets import Vaults

SWITCH = "  sw1: {rack: r1, unit: 10, ports: [swp1, swp2, swp3]}"
LOGIN = "address: 10.9.0.9, user: anneal, key: 'file:id'"
DRIVEN = f"  sw1: {{rack: r1, unit: 10, ports: [swp1, swp2, swp3], management: {{family: linux, {LOGIN}}}}}"
ETH1 = "      - {name: eth1, mac: 52:54:00:00:01:01, addresses: [{network: data, address: 10.0.8.11}]}\n"


@pytest.fixture
def says(write, faults, spoil):
    """What is wrong with the sound site, its switch driven, after further replacements."""

    def told(*replaced, switch=DRIVEN):
        text = spoil(SWITCH, switch)
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        return [problem.says for problem in faults(write({"site.yaml": text}))]

    return told


def managed(family, login, **more):
    lines = "".join(f", {key}: {value}" for key, value in more.items())
    return DRIVEN.replace(f"family: linux, {LOGIN}", f"family: {family}, address: 10.9.0.9, user: a, {login}{lines}")


def bonded(mode="lacp", network="{network: data, address: 10.0.8.11, tagged: true}"):
    """n01 boots from eth0, and bonds eth1 and eth2."""
    nics = "      - {name: eth1, mac: 52:54:00:00:01:01}\n      - {name: eth2, mac: 52:54:00:00:01:02}\n"
    bond = f"    bonds:\n      - {{name: bond0, members: [eth1, eth2], mode: {mode}, addresses: [{network}]}}\n"
    return ETH1, nics + bond


def second_switch(end="n01:eth2", speed=""):
    switch = "\n  sw2: {rack: r1, unit: 9, ports: [swp1]}"
    return switch, (
        "  - {a: n02:eth0, b: sw1:swp3}",
        f"  - {{a: n02:eth0, b: sw1:swp3}}\n  - {{a: {end}, b: sw2:swp1}}",
    )


def test_a_driven_switch_in_a_sound_site_is_sound(says):
    assert says() == []


def test_a_cable_to_an_uplink_is_refused_whether_the_switch_is_driven_or_not(says):
    uplink = ("ports: [swp1, swp2, swp3]", "ports: [swp1, swp2, swp3], uplinks: [swp3]")
    told = ["n02:eth0 is cabled to sw1:swp3, which is an uplink and never touched"]
    assert says(uplink) == told
    assert says(uplink, switch=SWITCH) == told


def test_an_uplink_that_no_node_is_cabled_to_is_sound(says):
    assert says(("[swp1, swp2, swp3]", "[swp1, swp2, swp3, swp49], uplinks: [swp49]")) == []


def test_an_uplink_is_a_port_of_its_switch(says):
    assert says(("swp3]", "swp3], uplinks: [swp9]")) == ["uplink 'swp9' is no port of sw1"]


def test_a_network_without_a_vlan_cannot_be_put_on_a_driven_port(says):
    told = says(("    vlan: 200\n", ""))
    assert told == ["sw1:swp2 is a port of a driven switch and is to carry network data, which has no vlan"]
    assert says(("    vlan: 200\n", ""), switch=SWITCH) == []


def test_a_tag_needs_a_vlan(says):
    told = says(("    vlan: 200\n", ""), ("10.0.8.11}", "10.0.8.11, tagged: true}"), switch=SWITCH)
    assert told == ["n01:eth1 is on network data tagged, and that has no vlan"]


@pytest.mark.parametrize("vlan", ["", "vlan: 100, "])
def test_two_prefixes_are_apart_on_one_interface_unless_they_share_a_wire_without_vlan(says, vlan):
    other = ("    vlan: 200\n    mtu: 9000\n", f"  six: {{{vlan}prefix: 'fd00:8::/64'}}\n")
    both = (
        "{network: data, address: 10.0.8.11}",
        "{network: data, address: 10.0.8.11}, {network: six, address: 'fd00:8::1'}",
    )
    told = says(other, both, switch=SWITCH)
    assert [one for one in told if "without a tag" in one] == (
        ["n01:eth1 is on two networks without a tag, data and six"] if vlan else []
    )


def test_an_lacp_bond_over_two_switches_is_refused_where_one_is_driven(says):
    switch, cable = second_switch()
    told = says(bonded(), cable, switch=DRIVEN + switch)
    assert told == ["bond bond0 of n01 is LACP and ends at sw1 and sw2: a LAG over two switches"]


def test_a_bond_that_needs_no_lag_may_end_at_two_switches(says):
    switch, cable = second_switch()
    assert says(bonded("active-backup"), cable, switch=DRIVEN + switch) == []


def test_a_lag_over_switches_that_are_not_driven_is_their_owners_business(says):
    switch, cable = second_switch()
    assert says(bonded(), cable, switch=SWITCH + switch) == []


def test_a_bond_has_cables_of_one_speed(says):
    cables = (
        ("  - {a: n01:eth1, b: sw1:swp2}", "  - {a: n01:eth1, b: sw1:swp2, speed: 25g}"),
        ("  - {a: n02:eth0, b: sw1:swp3}", "  - {a: n01:eth2, b: sw1:swp3, speed: 10g}"),
    )
    assert says(bonded(), *cables) == ["bond bond0 of n01 has cables of 10g and 25g"]


def test_a_boot_nic_in_a_bond_is_served_at_the_bonds_address(says):
    both = "  - {name: eth0, mac: 52:54:00:00:01:00, addresses: [{network: boot, address: 10.0.0.11}]}\n" + ETH1
    nics = "  - {name: eth0, mac: 52:54:00:00:01:00}\n      - {name: eth1, mac: 52:54:00:00:01:01}\n"
    bond = "    bonds:\n      - {name: bond0, members: [eth0, eth1], addresses: [{network: %s, address: %s}]}\n"
    assert says((both, nics + bond % ("boot", "10.0.0.11"))) == []
    assert says((both, nics + bond % ("data", "10.0.8.11"))) == [
        "n01 boots from eth0, which has no address on the provisioning network 'boot'"
    ]


def test_an_address_of_a_bond_is_checked_as_any_other(says):
    assert says(bonded(network="{network: data, address: 10.0.9.1}")) == [
        "address 10.0.9.1 of n01:bond0 is not in 10.0.8.0/24"
    ]
    assert says(bonded(network="{network: dada, address: 10.0.8.1}")) == ["there is no network 'dada'"]


@pytest.mark.parametrize(
    ("family", "login", "sound"),
    [
        ("eos", "password: 'env:P'", True),
        ("eos", "key: 'file:id'", False),
        ("nxos", "key: 'file:id'", False),
        ("sonic", "key: 'file:id'", True),
        ("junos", "key: 'file:id'", True),
        ("ios", "password: 'env:P'", True),
        ("linux", "key: 'file:id'", True),
    ],
)
def test_a_family_that_is_reached_by_https_needs_a_password(says, family, login, sound):
    told = [] if sound else [f"sw1 is reached by HTTPS ({family}), and has no password"]
    assert says(switch=managed(family, login)) == told


def test_no_ca_vouches_for_a_host_key(says):
    assert says(switch=managed("eos", "password: 'env:P'", tls="verify")) == []
    assert says(switch=managed("junos", "password: 'env:P'", tls="verify")) == [
        "sw1 is reached by SSH (junos), where no CA vouches for a host key"
    ]


@pytest.mark.parametrize(
    ("address", "family", "clash"),
    [
        ("10.9.0.1", "eos", "management at 10.9.0.1 port 443 of switch sw1 belongs to the BMC of n01"),
        ("10.9.0.1", "linux", None),
        ("'10.9.0.1:443'", "linux", "management at 10.9.0.1 port 443 of switch sw1 belongs to the BMC of n01"),
        ("10.0.0.11", "linux", "IP 10.0.0.11 of switch sw1 belongs to n01:eth0"),
    ],
)
def test_a_switch_and_a_bmc_do_not_answer_at_one_place(says, address, family, clash):
    told = says(switch=managed(family, "password: 'env:P'").replace("10.9.0.9", address))
    assert [one.split(" already")[0] for one in told] == ([clash] if clash else [])


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("data", []),
        ("dada", ["there is no network 'dada'"]),
        ("aux", ["network aux is the quarantine, and has no vlan"]),
    ],
)
def test_the_quarantine_is_a_network_with_a_vlan(says, network, told):
    aux = ("  data:\n", "  aux: {prefix: 10.0.16.0/24}\n  data:\n")
    assert says(aux, ("  name: lab\n", f"  name: lab\n  quarantine: {network}\n")) == told


def test_a_sites_quarantine_is_kept(write, spoil):
    text = spoil("  name: lab\n", "  name: lab\n  quarantine: data\n")
    assert load(write({"site.yaml": text})).site.quarantine == "data"


def test_a_missing_secret_of_a_switch_is_named_at_its_line(write, spoil, monkeypatch, tmp_path):
    monkeypatch.setenv("LAB_BMC", "x")
    loaded = load(write({"site.yaml": spoil(SWITCH, DRIVEN)}))
    found = missing_secrets(loaded, Vaults(tmp_path))
    assert [(one.place.line, "id" in one.says) for one in found] == [(29, True)]


def test_a_switch_is_managed_at_the_address_that_its_first_boot_gave_it(says, write):
    write({"a.sh": "true"})
    served = (
        DRIVEN[:-1] + ", first_boot: {mac: 52:54:00:00:09:09, address: 10.0.0.9, sections: [{name: a, script: a.sh}]}}"
    )
    assert says(switch=served.replace("address: 10.9.0.9", "address: 10.0.0.9")) == []


def offered(network, *more):
    """`data` or `boot` is offered to tenants; `more` further networks."""
    vlan = {"data": "    vlan: 200\n", "boot": "    vlan: 100\n"}[network]
    return (vlan, f"{vlan}    tenants: true\n"), ("images:\n", "".join(f"  {one}\n" for one in more) + "images:\n")


def test_a_network_is_offered_to_tenants_where_it_says_so_alone(write, spoil):
    site = load(write({"site.yaml": spoil(*offered("data")[0])})).site
    assert [name for name, one in site.networks.items() if one.tenants] == ["data"]


@pytest.mark.parametrize(
    ("network", "more", "told"),
    [
        ("data", [], []),
        ("data", ["six: {prefix: 'fd00:8::/64', vlan: 200, tenants: true}"], []),
        (
            "data",
            ["six: {prefix: 'fd00:8::/64', vlan: 200}"],
            ["network data is offered to tenants, and shares its wire with six, which is not"],
        ),
        ("boot", [], ["network boot is offered to tenants, and is what machines are provisioned on"]),
        (
            "data",
            ["six: {prefix: 'fd00:8::/64', vlan: 100, tenants: true}"],
            ["network six is offered to tenants, and shares its wire with boot, which machines are provisioned on"],
        ),
        (
            "data",
            ["aux: {prefix: 10.0.9.0/24, tenants: true}"],
            ["network aux is offered to tenants, and has no vlan"],
        ),
    ],
)
def test_what_is_offered_to_tenants_is_a_wire_of_theirs(says, network, more, told):
    assert says(*offered(network, *more)) == told


def test_the_quarantine_is_not_offered_to_tenants(says):
    told = ["network data is offered to tenants, and is what nodes are kept apart on"]
    assert says(*offered("data"), ("  name: lab\n", "  name: lab\n  quarantine: data\n")) == told


def test_without_a_driven_switch_what_is_offered_needs_no_vlan(says):
    aux = "aux: {prefix: 10.0.9.0/24, tenants: true}"
    assert says(*offered("data", aux), switch=SWITCH) == []
