"""DHCP as generated, and as a real client gets it in a network of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.model import Site
from orchestrator.boot.dhcp import Dhcp, configuration, dhcp_snippet
from orchestrator.boot.errors import CannotServe, UnsafeText
from orchestrator.boot.services import Services

IP = shutil.which("ip", path="/usr/sbin:/usr/bin:/sbin:/bin") or "ip"
KNOWN, STRANGER = "52:54:00:77:00:01", "52:54:00:99:99:99"


def changed(site, **networks):
    told = site.model_dump(mode="json")
    told["networks"]["provisioning"] |= networks
    return Site.model_validate(told)


def test_known_nics_have_their_addresses_and_strangers_none(site):
    text = configuration(site, "eth0", Path("/var/lib/leases")).splitlines()
    assert "dhcp-host=52:54:00:77:00:01,127.77.0.11,r1-n01" in text
    assert "dhcp-range=127.77.0.0,static,255.255.255.0,12h" in text
    assert "dhcp-ignore=tag:!known" in text
    assert "dhcp-option=option:ntp-server,10.77.0.1" in text
    assert not [line for line in text if "52:54:00:77:01" in line or "mtu" in line]


def test_a_boot_nic_in_a_bond_has_the_bonds_address_and_the_other_member_none(site):
    told = site.model_dump(mode="json")
    nics = told["nodes"]["r1-n01"]["nics"]
    bond = {"name": "bond0", "members": ["eth0", "eth1"], "addresses": nics[0]["addresses"]}
    told["nodes"]["r1-n01"] |= {"nics": [{**nic, "addresses": []} for nic in nics], "bonds": [bond]}
    text = configuration(Site.model_validate(told), "eth0", Path("/var/lib/leases")).splitlines()
    assert "dhcp-host=52:54:00:77:00:01,127.77.0.11,r1-n01" in text
    assert not [line for line in text if "52:54:00:77:01:01" in line]


def test_a_range_for_dhcp_and_a_jumbo_frame_are_told(site):
    wide = changed(site, mtu=9000, ranges=[{"first": "127.77.0.100", "last": "127.77.0.150", "use": "dhcp"}])
    text = configuration(wide, "eth0", Path("/var/lib/leases")).splitlines()
    assert "dhcp-range=127.77.0.100,127.77.0.150,255.255.255.0,12h" in text
    assert "dhcp-option=option:mtu,9000" in text


def test_a_value_that_would_add_a_line_is_refused(site):
    with pytest.raises(UnsafeText):
        configuration(site, "eth0\nserver=evil", Path("/var/lib/leases"))


def test_the_snippet_names_each_node_and_what_it_boots(site):
    root = f"http://{site.provisioning.address}:{site.provisioning.http_port}"
    text = dhcp_snippet(site)
    assert "dhcp-host=52:54:00:77:00:02,127.77.0.12\n" in text
    assert f"dhcp-boot=tag:ipxe,{root}/boot.ipxe\n" in text


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("dnsmasq-dhcp: 37 DHCPACK(eth0) 10.77.0.11 52:54:00:77:00:01 r1-n01", "dhcp.lease"),
        ("dnsmasq-dhcp: 37 DHCPDISCOVER(eth0) 52:54:00:99:99:99 ignored", "dhcp.unknown"),
        ("dnsmasq-dhcp: 37 DHCPDISCOVER(eth0) 10.77.0.9 52:54:00:99:99:99 no address available", "dhcp.unknown"),
        ("dnsmasq-dhcp: 37 DHCPNAK(eth0) 10.9.9.9 52:54:00:77:00:01 wrong server-ID", "dhcp.foreign"),
        ("dnsmasq-dhcp: 37 DHCPDECLINE(eth0) 10.77.0.11 52:54:00:77:00:01 in use by another host", "dhcp.conflict"),
        ("dnsmasq-dhcp: 37 DHCPDISCOVER(eth0) 52:54:00:77:00:01", None),
        ("dnsmasq: started, version 2.90 DNS disabled", None),
        ("dnsmasq-dhcp: DHCPDISCOVER(eth0) ff:ff:ff:ff:ff:ff", "dhcp.unknown"),
    ],
)
def test_log_lines_become_events_once_an_hour(site, store, kinds, tmp_path, line, kind):
    dhcp = Dhcp(site, store, tmp_path)
    dhcp.heard(line)
    dhcp.heard(line)
    assert kinds() == ([kind] if kind else [])


def test_without_root_it_says_what_to_do(site, store, images, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("this test is for people who are not root")
    anneal = site.model_copy(update={"provisioning": site.provisioning.model_copy(update={"dhcp": "anneal"})})
    with pytest.raises(CannotServe, match="run as root"):
        Services(anneal, store, tmp_path / "state", images, tmp_path).__enter__()


NEW_SWITCH = "52:54:00:aa:00:0{}"


def new_switch(name, number):
    """One that boots for the first time, as the site declares it."""
    return {
        "name": name,
        "rack": "r1",
        "unit": 40 + number,
        "ports": ["swp1"],
        "management": {"family": "linux", "address": f"10.77.0.5{number}", "user": "cumulus", "key": "env:KEY"},
        "first_boot": {
            "mac": NEW_SWITCH.format(number),
            "address": f"10.77.0.5{number}",
            "installer": "nos",
            "sections": [{"name": "ports", "config": "interfaces"}],
        },
    }


def text_of(option):
    """udhcpc gives an option that it does not know in hexadecimal."""
    return bytes.fromhex(option).decode()


SERVER = """
import json, sys
from pathlib import Path
from inventory.model import Site
from orchestrator.boot.dhcp import Dhcp, interface_of
from orchestrator.boot.router_advert import RouterAdvert
from orchestrator.store import Store

site, room = Site.model_validate_json(sys.argv[1]), Path(sys.argv[2])
store = Store(f"sqlite:///{room}/events.db")
with RouterAdvert(interface_of(site.provisioning.address)), Dhcp(site, store, room / "dhcp"):
    print("up", flush=True)
    sys.stdin.read()
print(json.dumps([one.event.kind for one in store.events()]))
"""
SCRIPT = '#!/bin/sh\n[ "$1" = bound ] && env > "$OUT"\nexit 0\n'


@pytest.fixture
def wire():
    """Two namespaces with a cable between them: `left` has the provisioning address, `right` is a machine."""
    programs = [shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in ("ip", "dnsmasq", "busybox")]
    if os.geteuid() != 0 or None in programs:
        pytest.skip("needs root and the Debian packages iproute2, dnsmasq-base and busybox")
    left, right = (f"anl-test-{os.getpid()}-{end}" for end in ("l", "r"))
    made = []
    try:
        for name in (left, right):
            ip("netns", "add", name)
            made.append(name)
        ip("-n", left, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", right)
        ip("-n", left, "address", "add", "10.77.0.1/24", "dev", "eth0")
        for name in (left, right):
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", left, "link", "set", "eth0", "up")
        yield left, right
    finally:
        for name in made:
            ip("netns", "delete", name)


def ip(*words):
    subprocess.run([IP, *words], check=True)


def ask(namespace, mac, room, *words):
    """What a real DHCP client of that MAC gets: its environment, None where nobody answers."""
    out, script = room / mac, room / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    ip("-n", namespace, "link", "set", "eth0", "down")
    ip("-n", namespace, "link", "set", "eth0", "address", mac, "up")
    client = ["busybox", "udhcpc", "-n", "-q", "-f", "-i", "eth0", "-s", str(script), "-t", "6", "-T", "1"]
    client += ["-O", "bootfile", "-O", "ntpsrv", *words]
    subprocess.run(
        [IP, "netns", "exec", namespace, *client],
        check=False,
        capture_output=True,
        env={**os.environ, "OUT": str(out)},
    )
    return dict(line.partition("=")[::2] for line in out.read_text().splitlines()) if out.exists() else None


def test_a_real_client_is_given_its_address_and_its_script(site, wire, tmp_path):
    left, right = wire
    told = site.model_dump(mode="json")
    told["networks"]["provisioning"] |= {"prefix": "10.77.0.0/24", "gateway": "10.77.0.1"}
    told["provisioning"] |= {"address": "10.77.0.1", "http_port": 8080}
    for name, node in told["nodes"].items():
        node["nics"][0]["addresses"][0]["address"] = f"10.77.0.1{name[-1]}"
    told["switches"] = {name: new_switch(name, number) for number, name in enumerate(("r1-sw1", "r1-sw2"), 1)}
    told["switches"]["r1-sw2"]["management"]["family"] = "sonic"
    server = [IP, "netns", "exec", left, sys.executable, "-c", SERVER, json.dumps(told), str(tmp_path)]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "up\n"
        lease = ask(right, KNOWN, tmp_path, "-x", "0xaf:01")  # as an iPXE
        assert ask(right, STRANGER, tmp_path) is None
        linux = ask(right, NEW_SWITCH.format(1), tmp_path, "-O", "239", "-O", "114")
        sonic = ask(right, NEW_SWITCH.format(2), tmp_path)
        rest, _ = running.communicate()
    assert (lease["ip"], lease["router"], lease["ntpsrv"]) == ("10.77.0.11", "10.77.0.1", "10.77.0.1")
    assert lease["boot_file"] == "http://10.77.0.1:8080/boot.ipxe"
    root = "http://10.77.0.1:8080/ztp"
    assert (linux["ip"], text_of(linux["opt239"])) == ("10.77.0.51", f"{root}/r1-sw1/script")
    assert text_of(linux["opt114"]) == f"{root}/r1-sw1/installer"
    assert (sonic["ip"], sonic["bootfile"]) == ("10.77.0.52", f"{root}/r1-sw2/ztp.json")
    assert json.loads(rest) == ["dhcp.lease", "dhcp.unknown", "dhcp.lease", "dhcp.lease"]
