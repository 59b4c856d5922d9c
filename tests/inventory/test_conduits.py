"""Conduits in a site that nobody has looked into: what is asked of NICs, bonds and cables is asked of their ports."""

import pytest

from inventory.conduits import Wired, conduits, put
from inventory.errors import BadInventory
from inventory.load import load
from inventory.network import Nic

NIC = "mac: 52:54:00:00:01:01, addresses: [{network: data, address: 10.0.8.11}]}\n"
CABLE = "{a: n01:eth1, b: sw1:swp2}"


@pytest.fixture
def site(write, spoil):
    """The sound site, whose n01 has no eth1 but what is given here; a cable ends where that is."""

    def made(node, *more, cable="n01:25g0"):
        text = spoil("      - {name: eth1, " + NIC, f"    {node}\n").replace(CABLE, f"{{a: {cable}, b: sw1:swp2}}")
        for old, new in more:
            assert text.count(old) == 1
            text = text.replace(old, new)
        return write({"site.yaml": text})

    return made


def conduit(ports, name="data0", address="10.0.8.11", more=""):
    return f"{{name: {name}, ports: {ports}, addresses: [{{network: data, address: {address}{more}}}]}}"


def faults_of(directory):
    with pytest.raises(BadInventory) as told:
        load(directory)
    return [problem.says for problem in told.value.problems]


def test_a_cable_may_end_at_a_port_that_a_conduit_names(site):
    loaded = load(site(f"conduits: [{conduit('2x25g bond lacp')}]"))
    assert "n01:25g0" in {str(link.a) for link in loaded.site.links}


def test_a_cable_at_a_port_that_no_conduit_names_leads_nowhere(site):
    says = faults_of(site(f"conduits: [{conduit('25g0')}]", cable="n01:25g1"))
    assert says == ["the cable leads nowhere: n01 has no port '25g1'"]


def test_a_bond_of_ports_may_not_end_at_two_switches_that_are_driven(site):
    driven = "management: {family: ovs, address: 10.9.0.9, user: u, key: 'file:k'}"
    other = f"  sw2: {{rack: r1, unit: 9, ports: [swp1], {driven}}}\n"
    cable = (CABLE.replace("n01:eth1", "n01:25g0"), "{a: n01:25g0, b: sw1:swp2}\n  - {a: n01:25g1, b: sw2:swp1}")
    says = faults_of(site(f"conduits: [{conduit('2x25g bond lacp')}]", ("nodes:\n", other + "nodes:\n"), cable))
    assert says == ["bond data0 of n01 is LACP and ends at sw1 and sw2: a LAG over two switches"]


def test_a_port_is_in_one_conduit(site):
    two = f"[{conduit('2x25g bond lacp')}, {conduit('+25g1', 'data1', '10.0.8.12')}]"
    (says,) = faults_of(site(f"conduits: {two}"))
    assert "port n01:25g1 of conduit data1 belongs to conduit data0 already" in says


def test_an_address_on_a_conduit_belongs_to_nobody_else(site):
    says = faults_of(site(f"conduits: [{conduit('25g0', address='10.0.0.1')}]"))
    assert any("address 10.0.0.1 of n01:25g0 is not in 10.0.8.0/24" in one for one in says)


def test_an_address_of_the_node_is_on_the_conduit_that_its_network_names(site):
    names = ("    vlan: 200\n", "    vlan: 200\n    conduit: 2x25g bond lacp\n")
    loaded = load(site("addresses: [{network: data, address: 10.0.8.11}]", names))
    (made,) = conduits(loaded.site.networks, loaded.site.nodes["n01"])
    assert (made.name, str(made.ports), made.addresses[0].network) == ("bond0", "25g0,25g1 bond lacp", "data")


def test_an_address_on_a_network_that_names_no_conduit_is_on_nothing(site):
    says = faults_of(site("addresses: [{network: data, address: 10.0.8.11}]", ("  - {a: n01:25g0, b: sw1:swp2}\n", "")))
    assert says == ["n01 has an address on data, which names no conduit"]


def test_what_a_conduit_was_found_to_be_is_as_if_it_had_been_declared(site):
    bridge = "[{name: br0, members: [data0], network: data, addresses: [{network: data, address: 10.0.8.12}]}]"
    told = "{name: data0, ports: 2x25g bond active-backup}"
    node = load(site(f"conduits: [{told}]\n    bridges: {bridge}")).site.nodes["n01"]
    nics = tuple(Nic(name=f"ens{index}", mac=f"52:54:00:00:01:0{index}") for index in (1, 2))
    found = put(node, [Wired(node.conduits[0], nics)])
    assert [nic.name for nic in found.nics] == ["eth0", "ens1", "ens2"]
    assert [(bond.name, bond.members, bond.mode) for bond in found.bonds] == [
        ("data0", ("ens1", "ens2"), "active-backup")
    ]
    assert (found.bridges[0].members, found.conduits) == (("data0",), ())


def test_a_bridge_on_a_conduit_that_was_not_found_is_not_there_yet(site):
    bridge = "[{name: br0, members: [data0], network: data, addresses: [{network: data, address: 10.0.8.12}]}]"
    node = load(site(f"conduits: [{{name: data0, ports: 25g0}}]\n    bridges: {bridge}")).site.nodes["n01"]
    assert put(node, []).bridges == ()
    found = put(node, [Wired(node.conduits[0], (Nic(name="ens1", mac="52:54:00:00:01:01"),))])
    assert found.bridges[0].members == ("ens1",)
