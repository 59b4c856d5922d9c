"""A Linux NOS as its kernel and its files tell of it."""

import json

import pytest

from drivers.switch.interfaces_file import Interfaces
from drivers.switch.linux_kernel import kernel

MAIN = """# Kept by hand.
source /etc/network/interfaces.d/*.intf

auto lo
iface lo inet loopback

auto swp1
iface swp1
    alias to a host
    bridge-access 100
    # this comment is the next attribute's
    mtu 1500

auto swp2
iface swp2
\tbridge_access 100

auto swp[5-6]
iface swp[5-6]
    bridge-access 300

auto bridge
iface bridge
    bridge-ports swp1 swp2 \\
        swp3 swp5 swp6
    bridge-vlan-aware yes
    bridge-vids 100 300-302
    bridge-stp off
"""
OTHER = "auto swp7\niface swp7\n    address 10.0.0.1/31\n"
PATH, BESIDE = "/etc/network/interfaces", "/etc/network/interfaces.d/routed.intf"


def link(name, *, up=True, carrier=True, master=None, kind=None, own=None, slave=None):
    flags = ["BROADCAST", *(["UP"] if up else []), *(["LOWER_UP"] if carrier else [])]
    told = {"ifname": name, "flags": flags, "mtu": 1500, "address": "02:00:00:00:00:01", "link_type": "ether"}
    info = {"info_kind": kind, "info_data": own or {}, "info_slave_data": slave or {}}
    return {**told, "linkinfo": {key: value for key, value in info.items() if value}} | (
        {"master": master} if master else {}
    )


def told_by(*links, vlans=(), stp=0, bypasses=""):
    bridge = link("bridge", kind="bridge", own={"vlan_filtering": 1, "stp_state": stp})
    sections = {
        "links": json.dumps([bridge, *links]),
        "vlans": json.dumps(list(vlans)),
        "speeds": "",
        "edges": "",
        "bypasses": bypasses,
    }
    return kernel("sw1", sections)


@pytest.fixture
def files():
    return Interfaces("sw1", {PATH: MAIN, BESIDE: OTHER})


@pytest.fixture
def switch():
    """Ports swp1 to swp7; all but swp4 and swp7 are in the bridge."""
    inside = [link(f"swp{number}", master="bridge") for number in (1, 2, 3, 5, 6)]
    vlans = [
        {"ifname": f"swp{number}", "vlans": [{"vlan": 100, "flags": ["PVID", "Egress Untagged"]}]}
        for number in (1, 2, 3, 5, 6)
    ]
    return told_by(*inside, link("swp4"), link("swp7"), link("eth0"), vlans=vlans)
