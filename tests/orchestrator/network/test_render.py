"""What a system is told of its network, read by the programs that it is for."""

import json
import shutil
import subprocess

import pytest
import yaml

from inventory.interfaces import as_json, from_json, interfaces, lone
from orchestrator.network.render import HostNetwork, first, rendered
from orchestrator.network.wanted import network_set
from tests.orchestrator.network.conftest import site_of


@pytest.fixture
def told(bonded):
    site, node = bonded
    return interfaces(site, node)


def test_every_interface_is_spelled_out_with_what_is_on_it(told):
    found = {one.name: one for one in told}
    assert list(found) == ["eth0", "eth1", "bond0", "bond0.200", "bond0.300", "br0"]
    assert (found["bond0"].members, found["bond0"].vlans, found["bond0"].mtu) == (
        ("eth0", "eth1"), ("bond0.200", "bond0.300"), 9000
    )  # fmt: skip
    assert (found["bond0.200"].parent, found["bond0.200"].vlan, found["bond0.300"].bridge) == ("bond0", 200, "br0")
    assert [one.name for one in told if one.last] == ["eth0"]
    ways = {(str(way.to), str(way.via), way.table) for one in told for way in one.routes}
    assert ("0.0.0.0/0", "10.77.0.1", None) in ways
    assert ("::/0", "fd00:77:2::1", None) in ways
    assert ("0.0.0.0/0", "10.77.2.1", 200) in ways
    assert [str(rule.source) for one in told for rule in one.rules] == ["10.77.2.11/32"]


def test_it_survives_being_a_roles_input(told):
    assert from_json(json.loads(json.dumps(as_json(told)))) == told


def test_before_its_bond_is_there_the_boot_nic_stands_in_for_it(bonded):
    (one,) = lone(*bonded)
    assert (one.name, [str(at) for at in one.addresses], one.mtu) == ("eth0", ["10.77.0.11/24"], 1500)


def test_a_bonds_other_member_goes_before_the_one_that_has_booted(told):
    before = first(HostNetwork(told))
    assert [one.name for one in before.interfaces] == ["eth1", "bond0"]
    assert before.interfaces[1].addresses == ()


def test_a_name_that_would_be_too_long_is_the_vlans_own():
    nics = [{"name": "enp129s0f1np1x0", "mac": "52:54:00:7a:00:01", "addresses": [
        {"network": "provisioning", "address": "10.77.0.11"},
        {"network": "storage", "address": "10.77.2.11", "tagged": True},
    ]}]  # fmt: skip
    site = site_of(nics=nics)
    names = [one.name for one in interfaces(site, site.nodes["n1"])]
    assert names == ["enp129s0f1np1x0", "vlan200"]


@pytest.mark.parametrize("renderer", ["networkd", "netplan"])
def test_a_set_is_known_by_what_it_says(bonded, renderer):
    site, node = bonded
    told = {"interfaces": as_json(interfaces(site, node)), "dns": ["10.77.0.1"], "domains": [], "renderer": renderer}
    once, again = network_set(told), network_set(told)
    assert once == again
    assert network_set({**told, "dns": []}).digest != once.digest
    assert bool(once.first) == (renderer == "networkd")


def test_a_narrow_network_on_a_wide_wire_keeps_its_own_size(told):
    files = rendered(HostNetwork(told), "networkd")
    assert "MTUBytes=9000" in files["10-anneal-bond0.network"]
    assert "Destination=10.77.0.0/24\nScope=link\nMTUBytes=1500" in files["10-anneal-bond0.network"]


@pytest.mark.skipif(shutil.which("netplan") is None, reason="netplan.io is not installed")
def test_netplan_makes_of_it_what_was_meant(told, tmp_path):
    (tmp_path / "etc/netplan").mkdir(parents=True)
    (text,) = rendered(HostNetwork(told, ("10.77.0.1",), ("lab.test",)), "netplan").values()
    path = tmp_path / "etc/netplan/10-anneal.yaml"
    path.touch(mode=0o600)
    path.write_text(text)
    done = subprocess.run(
        ["netplan", "generate", "--root-dir", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    units = {one.name: one.read_text() for one in (tmp_path / "run/systemd/network").iterdir()}
    assert "Bond=bond0" in units["10-netplan-eth1.network"]
    assert "Mode=802.3ad" in units["10-netplan-bond0.netdev"]
    assert "Id=200" in units["10-netplan-bond0.200.netdev"]
    assert "Bridge=br0" in units["10-netplan-bond0.300.network"]
    for line in ("Address=10.77.2.11/24", "Address=fd00:77:2::11/64", "Gateway=fd00:77:2::1", "Table=200"):
        assert line in units["10-netplan-bond0.200.network"]
    assert "DNS=10.77.0.1" in units["10-netplan-bond0.200.network"] + units["10-netplan-bond0.network"]
    assert yaml.safe_load(text)["network"]["renderer"] == "networkd"
