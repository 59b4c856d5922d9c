"""By each family's own driver: who is heard and learned at a port is who is plugged there, and where he is let to."""

from contextlib import closing
from datetime import timedelta

import pytest

from drivers.ability.switch import LagWanted, MemberState, PortIdKind, PortSettings
from drivers.patience import Patience
from drivers.switch.catalog import Entry, connect
from drivers.switch.change import Change, bring
from drivers.trust import Trust
from drivers.virtual.twin.states import Stage
from inventory.secrets import Secret
from tests.drivers.switch.conftest import FirstMet

MAC = "52:54:00:01:01:00"
PORTS = {
    "eos": ("Ethernet1", "Ethernet2"),
    "ios": ("TwentyFiveGigE1/0/1", "TwentyFiveGigE1/0/2"),
    "junos": ("xe-0/0/1", "xe-0/0/2"),
    "nxos": ("Ethernet1/1", "Ethernet1/2"),
}
KINDS = {"ios": None}  # it says no subtype of a port id
QUICK = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=10), poll=timedelta(milliseconds=50))


@pytest.mark.parametrize("family", sorted(PORTS))
@pytest.mark.parametrize("lag", [None, LagWanted(7, fallback=True)])
def test_a_machine_that_boots_is_heard_and_learned_at_its_port(rack_of, machine_of, subnet, desk, within, family, lag):
    desk.agent_script(MAC)
    machine = machine_of(1)
    for nic, port in zip(machine["nics"], PORTS[family], strict=True):
        nic["cable"] = f"leaf1:{port}"
    networks = {"provisioning": {"gateway": f"{subnet}.250", "vlan": 100}, "storage": {"vlan": 200}}
    leaf = {
        "name": "leaf1", "family": family, "user": "admin", "password": "s3cret", "address": f"{subnet}.200:8443",
        "ports": list(PORTS[family]),
    }  # fmt: skip
    twin = rack_of(machine, networks=networks, switches=[leaf])
    entry = Entry(twin.switches["leaf1"].chassis.spec.address, "admin", Secret("s3cret"))
    trust, first = Trust(FirstMet()), PORTS[family][0]

    def session():
        return closing(connect(family, entry, trust, patience=QUICK))

    wanted = {first: PortSettings(untagged=100, lag=lag)}
    bring(session, Change(wanted, {100: "provisioning"}, PORTS[family]), patience=QUICK)
    twin.do(twin.machine("n1").turn_on)
    within(desk.heartbeats)
    assert twin.machine("n1").stage is Stage.AGENT
    with session() as switch:
        heard = {one.port: (one.system, one.kind, one.mac, one.port_description) for one in switch.neighbours()}
        assert heard[first] == ("twin-agent", KINDS.get(family, PortIdKind.MAC), MAC, "eth0")
        assert [(one.mac, one.port) for one in switch.learned() if one.vlan == 100] == [(MAC, first)]
        assert {one.name: one.up for one in switch.ports()}[first]
        assert [dict(one.members) for one in switch.lags()] == ([{first: MemberState.INDIVIDUAL}] if lag else [])


@pytest.mark.quirk(111)
def test_an_old_ios_that_leaves_out_the_port_is_asked_for_each(rack_of, machine_of, subnet, desk, within):
    desk.agent_script(MAC)
    machine = machine_of(1)
    for nic, port in zip(machine["nics"], PORTS["ios"], strict=True):
        nic["cable"] = f"leaf1:{port}"
    networks = {"provisioning": {"gateway": f"{subnet}.250", "vlan": 1}, "storage": {"vlan": 200}}
    leaf = {
        "name": "leaf1", "family": "ios", "user": "admin", "password": "s3cret", "address": f"{subnet}.200:8443",
        "ports": list(PORTS["ios"]), "version": "15.0(2)SE11",
    }  # fmt: skip
    twin = rack_of(machine, networks=networks, switches=[leaf])
    twin.switches["leaf1"].running["spanning-tree portfast default"] = []
    twin.do(twin.machine("n1").turn_on)
    within(desk.heartbeats)
    entry = Entry(twin.switches["leaf1"].chassis.spec.address, "admin", Secret("s3cret"))
    with closing(connect("ios", entry, Trust(FirstMet()), patience=QUICK)) as switch:
        heard = {(one.port, one.system, one.mac) for one in switch.neighbours()}
    assert (PORTS["ios"][0], "twin-agent", MAC) in heard
    assert {port for port, _, _ in heard} <= set(PORTS["ios"])
