"""A machine reaches through its cable what the switch there lets it reach, as the switch is told now."""

from datetime import timedelta
from functools import partial
from ipaddress import ip_address, ip_interface

import pytest

from drivers.ability.switch import LagWanted, PortIdKind, PortSettings
from drivers.patience import Patience
from drivers.switch.change import Change, bring
from drivers.switch.eos import Eos
from drivers.trust import Trust
from drivers.virtual.twin.states import Stage
from drivers.virtual.twin.wire import Port, Wire
from inventory.secrets import Login, Secret
from tests.drivers.switch.conftest import FirstMet

MAC = "52:54:00:01:01:00"
PORTS = ("Ethernet1", "Ethernet2", "Ethernet3", "Ethernet4")
VLANS = {100: "provisioning", 200: "storage"}
PROVISION = PortSettings(untagged=100)
QUICK = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=10), poll=timedelta(milliseconds=50))


@pytest.fixture
def rack(rack_of, machine_of, subnet, desk):
    """n1 by Ethernet1 and 2, n2 by Ethernet3 and 4 of leaf1, whose ports are as they left their packing."""
    desk.agent_script(MAC)
    machines = [machine_of(1), machine_of(2)]
    for at, machine in enumerate(machines):
        for number, nic in enumerate(machine["nics"]):
            nic["cable"] = f"leaf1:{PORTS[2 * at + number]}"
    networks = {"provisioning": {"gateway": f"{subnet}.250", "vlan": 100}, "storage": {"vlan": 200}}
    leaf = {
        "name": "leaf1", "family": "eos", "user": "admin", "password": "s3cret", "address": f"{subnet}.200:8443",
        "ports": [*PORTS, "Ethernet5"],
    }  # fmt: skip
    return rack_of(*machines, networks=networks, switches=[leaf])


@pytest.fixture
def driver(rack):
    login = Login("admin", Secret("s3cret"))
    return lambda: Eos.connect(rack.switches["leaf1"].chassis.spec.address, login, Trust(FirstMet()), QUICK)


@pytest.fixture
def bring_about(driver):
    class Session:
        def __enter__(self):
            self.driver = driver()
            return self.driver

        def __exit__(self, *_):
            self.driver.close()

    return lambda wanted: bring(Session, Change(wanted, VLANS, PORTS), patience=QUICK)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "leads to VLAN 1, not to provisioning"),
        ({"Ethernet1": PortSettings(untagged=200)}, "leads to storage, not to provisioning"),
        ({"Ethernet1": PortSettings(enabled=False)}, "leads to nobody: it is off"),
        ({"Ethernet1": PortSettings(tagged=frozenset({100}))}, "leads to nowhere at leaf1:Ethernet1"),
        ({"Ethernet1": PortSettings(untagged=100, edge=False)}, "is no edge port"),
        ({"Ethernet1": PortSettings(untagged=100, lag=LagWanted(7, fallback=False))}, "leads to nowhere"),
    ],
)
def test_a_port_that_is_not_as_a_boot_needs_it_brings_no_offer_and_is_named(rack, bring_about, within, wanted, says):
    if wanted:
        bring_about(wanted)
    machine = rack.machine("n1")
    rack.do(machine.turn_on)
    within(lambda: machine.complaints)
    assert f"no DHCP offer: leaf1:Ethernet1 {says}" in machine.complaints[0]


def test_a_machine_boots_once_its_port_is_an_untagged_edge_of_the_provisioning_network(
    rack, bring_about, driver, desk, within
):
    machine = rack.machine("n1")
    rack.do(machine.turn_on)
    within(lambda: machine.complaints)
    bring_about({"Ethernet1": PROVISION})
    within(desk.heartbeats)
    assert machine.stage is Stage.AGENT
    switch = driver()
    heard = {one.port: (one.system, one.kind, one.mac) for one in switch.neighbours()}
    assert heard["Ethernet1"] == ("twin-agent", PortIdKind.MAC, MAC)
    assert [(one.mac, one.vlan, one.port) for one in switch.learned() if one.vlan == 100] == [(MAC, 100, "Ethernet1")]
    assert [one.name for one in switch.ports() if one.up] == ["Ethernet1", "Ethernet2", "Management1"]


def test_a_bond_that_falls_back_lets_its_host_boot(rack, bring_about, desk, within):
    bring_about({"Ethernet1": PortSettings(untagged=100, lag=LagWanted(7, fallback=True))})
    rack.do(rack.machine("n1").turn_on)
    within(desk.heartbeats)
    assert rack.machine("n1").boots == ["pxe"]


def test_an_agent_whose_port_is_taken_off_its_network_is_heard_no_more(rack, bring_about, desk, within):
    bring_about({"Ethernet1": PROVISION})
    machine = rack.machine("n1")
    rack.do(machine.turn_on)
    within(desk.heartbeats)
    bring_about({"Ethernet1": PortSettings(untagged=200)})
    before, complaints = len(desk.heartbeats()), len(machine.complaints)
    within(lambda: len(machine.complaints) > complaints, 40)
    assert "leads to storage, not to provisioning" in machine.complaints[-1]
    assert len(desk.heartbeats()) == before


def test_the_switch_and_the_agent_hear_of_each_other_what_the_cable_joins(rack):
    nic = rack.machine("n2").spec.nics[1]
    told = {kind: bytes.fromhex(value) for kind, value in rack.machine("n2").fabric.heard(nic)}
    assert (told[2], told[5]) == (b"\x05Ethernet4", b"leaf1")
    rack.switches["leaf1"].running["interface Ethernet4"] = ["shutdown"]
    assert rack.machine("n2").fabric.heard(nic) == []


def test_two_systems_reach_each_other_only_while_both_ports_are_on_one_network(rack, bring_about):
    machines = [rack.machine("n1"), rack.machine("n2")]
    wire = Wire(rack.spec.networks)
    ports = [
        Port("eth1", one.spec.nics[1].mac, 1500, (ip_interface(f"10.99.2.{at}/24"),), (),
             partial(one.fabric.network, one.spec.nics[1]))
        for at, one in enumerate(machines, 1)
    ]  # fmt: skip
    for machine, port in zip(machines, ports, strict=True):
        wire.join(machine, port)

    def reached():
        return wire.echoes(machines[0], ports[0], ip_address("10.99.2.2"), 1000)

    assert reached()  # both are in VLAN 1, whatever it is for
    bring_about({"Ethernet2": PortSettings(untagged=200)})
    assert not reached()
    bring_about({"Ethernet4": PortSettings(untagged=200)})
    assert reached()
    bring_about({"Ethernet4": PortSettings(untagged=200, enabled=False)})
    assert not reached()
