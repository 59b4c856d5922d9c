"""What is written for systemd-networkd, read and done by systemd-networkd itself, in namespaces of its own.

The kernel of a test machine may lack bonds and VLANs, which are brought up in test_debian.py; every file is read here.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from inventory.interfaces import interfaces
from orchestrator.network.render import HostNetwork, rendered
from tests.orchestrator.network.conftest import ADDRESS, BONDED, MACS, site_of

NETWORKD = Path("/lib/systemd/systemd-networkd")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not NETWORKD.exists(), reason="needs root, for namespaces, and systemd-networkd"
)
UNITS = "/run/systemd/network"
# A veth has no permanent MAC, so there NICs are known by the one that they have.
SCRIPT = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/network
install -d -o systemd-network -g systemd-network /run/systemd/netif
mount -t tmpfs tmpfs /etc/systemd/network
mount -t sysfs -o ro sysfs /sys # then it waits for no udev
ip link set lo up
for number in 0 1; do
    ip link add eth$number address 52:54:00:7a:00:0$((number + 1)) type veth peer name far$number
    ip link set far$number up
done
cp {files}/* /run/systemd/network
SYSTEMD_LOG_TARGET=console {networkd} 2>{log} &
tries=0
until {met} || [ $tries -ge 100 ]; do sleep 0.2; tries=$((tries + 1)); done
ip -j -d addr show >{out}/addr
ip -j route show table all >{out}/route
ip -j -6 route show table all >{out}/route6
ip -j rule >{out}/rule
kill $!
"""

BRIDGED = {
    "nics": [
        {"name": "eth0", "mac": MACS[0], "addresses": [
            {"network": "storage", "address": "10.77.2.11"}, {"network": "storage6", "address": "fd00:77:2::11"},
        ]},
        {"name": "eth1", "mac": MACS[1], "boot": True},
    ],
    "bridges": [{"name": "br0", "members": ["eth1"], "network": "provisioning",
                 "addresses": [{"network": "provisioning", "address": ADDRESS}]}],
}  # fmt: skip


@pytest.fixture
def networkd(tmp_path):
    """Run over files until it has read them and a command says so, or 20 s: what it said, and what the kernel has."""

    def run(files, *more):
        directory, log = tmp_path / "files", tmp_path / "log"
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text.replace("PermanentMACAddress=", "MACAddress="))
        met = " && ".join((f"grep -q 'Enumeration completed' {log}", *more))
        script = SCRIPT.format(files=directory, networkd=NETWORKD, log=log, met=met, out=tmp_path)
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        told = {name: json.loads((tmp_path / name).read_text()) for name in ("addr", "route", "route6", "rule")}
        return log.read_text(), told

    return run


UP = (
    "ip route show table 200 | grep -q default",
    "ip -6 route show | grep -q default",
    "ip route show | grep -q default.*br0",
    "ip rule | grep -q 10.77.2.11",
)


def files_of(site):
    told = interfaces(site, site.nodes["n1"])
    return rendered(HostNetwork(told, ("10.77.0.1",), ("lab.test",)), "networkd")


def complaints(log):
    return [line for line in log.splitlines() if line.startswith(UNITS)]


def test_it_knows_every_key_and_value_of_a_bond_its_vlans_and_a_bridge(networkd):
    """It names the file and line of what it does not know, and goes on without it."""
    log, _ = networkd(files_of(site_of(**BONDED)))
    assert "Enumeration completed" in log
    assert complaints(log) == []


def test_it_knows_every_key_and_value_of_an_active_backup_bond(networkd):
    bond = {**BONDED["bonds"][0], "mode": "active-backup"}
    log, _ = networkd(files_of(site_of(**{**BONDED, "bonds": [bond]})))
    assert complaints(log) == []


def test_a_key_that_it_does_not_know_would_be_told(networkd):
    files = files_of(site_of(**BONDED))
    name = "10-anneal-bond0.network"
    log, _ = networkd({**files, name: files[name].replace("DHCP=no", "DCHP=no")})
    assert [line for line in complaints(log) if name in line and "DCHP" in line]


def test_addresses_routes_rules_and_a_bridge_come_up_as_declared(networkd):
    log, told = networkd(files_of(site_of(**BRIDGED)), *UP)
    assert complaints(log) == []
    links = {one["ifname"]: one for one in told["addr"]}
    held = {name: {one["local"] for one in links[name]["addr_info"] if one["scope"] == "global"} for name in links}
    assert (held["eth0"], held["br0"]) == ({"10.77.2.11", "fd00:77:2::11"}, {ADDRESS})
    assert (links["eth1"]["master"], links["br0"]["address"], links["eth0"]["mtu"]) == ("br0", MACS[1], 9000)
    ways = {(one["dst"], one.get("gateway"), one["dev"], one.get("table", "main")) for one in told["route"]}
    assert {
        ("default", "10.77.0.1", "br0", "main"),
        ("default", "10.77.2.1", "eth0", "200"),
        ("10.96.0.0/12", "10.77.2.1", "eth0", "main"),
        ("10.96.0.0/12", "10.77.2.1", "eth0", "200"),
    } <= ways
    assert ("default", "fd00:77:2::1") in {(one["dst"], one.get("gateway")) for one in told["route6"]}
    assert (1200, "10.77.2.11", "200") in {(one["priority"], one["src"], one["table"]) for one in told["rule"]}
