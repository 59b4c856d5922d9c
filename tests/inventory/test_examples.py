"""The example sites are sound, and agree with the virtual racks that play them."""

from pathlib import Path

import pytest
import yaml

from inventory.load import load

EXAMPLES = Path(__file__).resolve().parents[2] / "inventory" / "examples"


@pytest.mark.parametrize(("site", "nodes"), [("demo", 8), ("journey/site", 3), ("site", 5)])
def test_an_example_is_sound_and_every_nic_has_its_cable(site, nodes):
    loaded = load(EXAMPLES / site)
    assert len(loaded.site.nodes) == nodes
    assert all(loaded.site.link_of(name, nic.name) for name, node in loaded.site.nodes.items() for nic in node.nics)


def machine_of(node):
    """A node as its virtual machine must be: firmware, BMC, serials, MACs."""
    return {
        "serial": node.serial,
        "firmware": node.boot_mode,
        "bmc": (node.bmc.protocol, str(node.bmc.address), node.bmc.user),
        "macs": [nic.mac for nic in node.nics],
        "disk": node.root_disk.serial,
    }


def played(machine):
    return {
        "serial": machine["serial"],
        "firmware": machine["firmware"],
        "bmc": (machine["bmc"]["protocol"], machine["bmc"]["address"], machine["bmc"]["user"]),
        "macs": [nic["mac"] for nic in machine["nics"]],
        "disk": machine["disks"][0]["serial"],
    }


def test_the_journeys_rack_has_the_machines_and_cables_of_its_site():
    site = load(EXAMPLES / "journey" / "site").site
    rack = yaml.safe_load((EXAMPLES / "journey" / "rack.yaml").read_text())
    assert {machine["name"]: played(machine) for machine in rack["machines"]} == {
        name: machine_of(node) for name, node in site.nodes.items()
    }
    cables = [
        (machine["name"], index, nic["port"])
        for machine in rack["machines"]
        for index, nic in enumerate(machine["nics"])
    ]
    declared = [site.link_of(name, site.nodes[name].nics[index].name) for name, index, _ in cables]
    assert [str(link.b) for link in declared] == [f"r1-sw1:{port}" for *_, port in cables]
    assert {network["name"]: network["vlan"] for network in rack["networks"]} == {
        name: network.vlan for name, network in site.networks.items()
    }


def test_the_demos_twin_has_the_machines_and_cables_of_its_site():
    site = load(EXAMPLES / "demo").site
    twin = yaml.safe_load((EXAMPLES / "demo" / "twin.yaml").read_text())
    assert {machine["name"]: played(machine) for machine in twin["machines"]} == {
        name: machine_of(node) for name, node in site.nodes.items()
    }
    cables = [
        (machine["name"], index, nic["cable"])
        for machine in twin["machines"]
        for index, nic in enumerate(machine["nics"])
    ]
    assert [str(site.link_of(name, site.nodes[name].nics[index].name).b) for name, index, _ in cables] == [
        cable for *_, cable in cables
    ]
