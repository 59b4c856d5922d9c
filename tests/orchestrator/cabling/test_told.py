"""Who it is that told something of itself: every port id subtype, names cut short, descriptions in their place."""

import pytest

from inventory.load import load
from orchestrator.cabling.told import Directory, Told, same_port

PORTS = "ports: [swp1, swp2, swp3, swp4]"


@pytest.fixture
def who(lab):
    directory = Directory(lab)
    return lambda **told: str(directory.who(Told(**told)))


@pytest.mark.quirk(110)
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"kind": "mac", "port": "52:54:00:01:01:01"}, "n1:eth1"),
        ({"kind": "mac", "port": "5254.0001.0101", "system": "localhost"}, "n1:eth1"),
        ({"kind": None, "port": "52-54-00-01-01-01"}, "n1:eth1"),
        ({"kind": "local", "port": "52:54:00:01:01:01"}, "n1:eth1"),
        ({"kind": "name", "port": "eth1", "system": "n1"}, "n1:eth1"),
        ({"kind": "name", "port": "eth1", "system": "N1.lab.example.test"}, "n1:eth1"),
        ({"kind": "local", "port": "3", "system": "n1", "description": "eth1"}, "n1:eth1"),
        ({"kind": "alias", "port": "to the lab", "system": "n1", "description": "eth1"}, "n1:eth1"),
        ({"kind": None, "port": "uplink of n1", "system": "n1", "description": "eth1"}, "n1:eth1"),
        ({"kind": "mac", "port": "02:00:00:00:00:09", "system": "sw1", "description": "swp3"}, "sw1:swp3"),
        ({"kind": "name", "port": "swp3", "system": "sw1", "description": "swp4"}, "sw1:swp3"),
        ({"kind": "name", "port": "swp3", "chassis": "sw1"}, "sw1:swp3"),
        ({"kind": "name", "port": "eth1", "chassis": "52:54:00:01:01:00"}, "n1:eth1"),
        ({"kind": "name", "port": "52:54:00:01:01:01", "system": "other"}, "other:52:54:00:01:01:01"),
        ({"kind": "circuit", "port": "7", "chassis": "b8:ce:f6:00:00:01"}, "b8:ce:f6:00:00:01:7"),
        ({"kind": "local", "port": "x", "system": "n1"}, "n1:x"),
        ({"kind": None, "port": "x"}, "somebody:x"),
    ],
)
def test_a_neighbour_is_known_by_mac_or_name_whatever_its_subtype(who, told, expected):
    assert who(**told) == expected


@pytest.mark.quirk(111)
@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("Gi1/0/1", ["GigabitEthernet1/0/1", "GigabitEthernet1/0/10"], "GigabitEthernet1/0/1"),
        ("GigabitEthernet1/0/1", ["Gi1/0/1"], "Gi1/0/1"),
        ("Eth1/7", ["Ethernet1/7", "mgmt0"], "Ethernet1/7"),
        ("et 7", ["Ethernet7"], "Ethernet7"),
        ("ge-0/0/1.0", ["ge-0/0/1", "ge-0/0/10"], "ge-0/0/1"),
        ("SWP1", ["swp1"], "swp1"),
        ("swp1", ["swp1", "SWP1"], "swp1"),
        ("T1/1", ["TenGigabitEthernet1/1", "TwentyFiveGigE1/1"], None),
        ("Te1/1", ["TenGigabitEthernet1/1", "TwentyFiveGigE1/1"], "TenGigabitEthernet1/1"),
        ("Ethernet1", ["Ethernet11", "Ethernet1/1"], None),
        ("swp1s0", ["swp1", "swp1s1"], None),
        ("uplink to the core", ["Ethernet1"], None),
        ("1", ["Ethernet1"], None),
    ],
)
def test_a_port_is_known_by_its_name_cut_short_if_it_can_be_just_one(name, known, expected):
    assert same_port(name, known) == expected


def test_a_switchs_port_keeps_the_inventorys_spelling(site_directory):
    path = site_directory / "site.yaml"
    ports = "ports: [Ethernet1/1, swp2, swp3, swp4]"
    path.write_text(path.read_text().replace(PORTS, ports).replace("sw1:swp1", "sw1:Ethernet1/1"))
    directory = Directory(load(site_directory).site)
    assert str(directory.who(Told(system="sw1.lab.example.test", kind="name", port="Eth1/1"))) == "sw1:Ethernet1/1"
