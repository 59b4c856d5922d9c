"""Whatever the inventory lets a node be made of, what its system is told holds together."""

import tempfile
from pathlib import Path

import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from inventory.errors import BadInventory
from inventory.interfaces import interfaces
from inventory.load import load
from orchestrator.network.render import HostNetwork, first, rendered

NAMES = ("eth0", "eth1", "eno12399np0", "enp129s0f1np1", "enp129s0f0np0v1")
NETWORKS = {
    "boot": {"prefix": "10.0.0.0/24", "gateway": "10.0.0.1", "vlan": 100},
    "data": {"prefix": "10.0.8.0/24", "vlan": 2000, "mtu": 9000, "gateway": "10.0.8.1", "table": 20},
    "data6": {"prefix": "fd00:8::/64", "vlan": 2000, "mtu": 9000},
    "guests": {"prefix": "10.0.9.0/24", "vlan": 3000},
}
HOSTS = {"boot": "10.0.0.11", "data": "10.0.8.11", "data6": "fd00:8::11", "guests": "10.0.9.11"}


@st.composite
def nodes(draw):
    """NICs, some of them in bonds, each network on one interface at most, and bridges on what remains."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(1, len(NAMES)))]
    places = {name: draw(st.sampled_from(["", "bond0", "bond1"])) for name in names}
    bonds = {
        bond: [one for one in names if places[one] == bond] for bond in ("bond0", "bond1") if bond in places.values()
    }
    ports = [*bonds, *(one for one in names if not places[one])]
    boot = draw(st.sampled_from(names))
    homes = {"boot": places[boot] or boot, **{n: draw(st.sampled_from([*ports, ""])) for n in ("data", "data6")}}
    bridged = draw(st.lists(st.sampled_from(ports), unique=True, max_size=2))

    def addresses(port):
        return [
            {"network": network, "address": HOSTS[network], "tagged": network != "boot"}
            for network, home in homes.items()
            if home == port
        ]

    return {
        "nics": [
            {"name": one, "mac": f"52:54:00:00:00:{index:02x}", "boot": one == boot, "addresses": addresses(one)}
            for index, one in enumerate(names)
        ],
        "bonds": [
            {"name": bond, "members": members, "mode": draw(st.sampled_from(["lacp", "active-backup"])),
             "addresses": addresses(bond)}
            for bond, members in bonds.items()
        ],
        "bridges": [{"name": "br0", "members": bridged, "network": "guests", "tagged": draw(st.booleans()),
                     "addresses": [{"network": "guests", "address": HOSTS["guests"]}]}] if bridged else [],
    }  # fmt: skip


def told(node):
    """None where the inventory refuses it."""
    site = {
        "site": {"name": "lab", "provisioning": {"network": "boot", "address": "10.0.0.2", "ramdisk": "ipa"}},
        "networks": NETWORKS,
        "images": {"ipa": {"kind": "ramdisk", "artefact": "i"}, "debian": {"kind": "os", "artefact": "d"}},
        "groups": {"compute": {"roles": ["network-ready"]}},
        "racks": {"r1": {}},
        "nodes": {"n01": {"rack": "r1", "unit": 1, "groups": ["compute"], "image": "debian", **node,
                          "bmc": {"address": "10.9.0.1", "user": "a", "password": "env:X"}}},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "site.yaml").write_text(yaml.safe_dump(site))
        try:
            loaded = load(Path(directory)).site
        except BadInventory:
            event("refused")
            return None
    event("told")
    return interfaces(loaded, loaded.nodes["n01"])


@given(nodes())
@settings(max_examples=150, deadline=None)
def test_every_name_is_one_interfaces_and_short_enough(node):
    """IFNAMSIZ less its NUL, linux/if.h."""
    names = [one.name for one in told(node) or ()]
    assert len(names) == len(set(names))
    assert all(0 < len(name) <= 15 for name in names)


@given(nodes())
@settings(max_examples=150, deadline=None)
def test_all_that_an_interface_stands_on_comes_before_it(node):
    seen = set()
    for one in told(node) or ():
        assert {*one.members, *([one.parent] if one.parent else [])} <= seen, one.name
        seen.add(one.name)


@given(nodes())
@settings(max_examples=150, deadline=None)
def test_the_member_that_bears_the_traffic_is_left_alone_until_another_does(node):
    """What goes first names neither the boot NIC nor anything that the rest does not have."""
    spelled = told(node) or ()
    before = {one.name: one for one in first(HostNetwork(spelled)).interfaces}
    for bond in (one for one in spelled if one.kind == "bond"):
        booted = [one.name for one in spelled if one.bond == bond.name and one.last]
        others = set(bond.members) - set(booted)
        assert not set(booted) & set(before)
        if booted and others:
            assert others <= set(before)
            assert not before[bond.name].addresses


@given(nodes())
@settings(max_examples=150, deadline=None)
def test_every_address_and_interface_is_in_the_files_once(node):
    spelled = told(node) or ()
    files = rendered(HostNetwork(spelled), "networkd")
    assert len([name for name in files if name.endswith(".network")]) == len(spelled)
    for at in (at for one in spelled for at in one.addresses):
        assert [text.count(f"Address={at}\n") for text in files.values()].count(1) == 1
    (plan,) = rendered(HostNetwork(spelled), "netplan").values()
    listed = yaml.safe_load(plan)["network"]
    kinds = ("ethernets", "bonds", "vlans", "bridges")
    assert sorted(name for kind in kinds for name in listed.get(kind, {})) == sorted(one.name for one in spelled)
