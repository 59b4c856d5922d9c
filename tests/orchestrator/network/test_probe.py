"""The script that a machine looks at its networks with: run as it is, on real interfaces in namespaces."""

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from ipaddress import ip_address

import pytest

from drivers.host_probe import FlowsTold, NameTold, Told
from inventory.interfaces import interfaces
from orchestrator.network.proof import COUNT, Expected, Proof

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ip", "dnsmasq", "nft"))),
    reason="needs root, iproute2, dnsmasq and nftables",
)
SCRIPT = (files("templates") / "network" / "probe.py").read_text()
ZONE = [
    "--host-record=n1.lab.test,10.9.0.1",
    "--host-record=n3.lab.test,10.9.0.33",
    "--host-record=n1.lab.test,fd00:9::1",
    "--address=/half.lab.test/10.9.0.4",
]


def sh(*argv, check=True):
    return subprocess.run(argv, capture_output=True, text=True, check=check).stdout


@pytest.fixture(scope="module")
def wire():
    """Namespaces A and B on one cable; B has a resolver, and refuses TCP as every host does."""
    names = [f"anl-p{os.getpid()}{end}" for end in "ab"]
    try:
        for name in names:
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "up", "dev", "lo")
        sh("ip", "link", "add", "va", "netns", names[0], "type", "veth", "peer", "name", "vb", "netns", names[1])
        for name, link, address in ((names[0], "va", "10.9.0.1/24"), (names[1], "vb", "10.9.0.2/24")):
            sh("ip", "-n", name, "address", "add", address, "dev", link)
            sh("ip", "-n", name, "address", "add", f"fd00:9::{address[7]}/64", "dev", link, "nodad")
            sh("ip", "-n", name, "link", "set", "up", "dev", link)
        argv = [
            "dnsmasq",
            "-k",
            "-R",
            "-h",
            "-u",
            "root",
            "-a",
            "10.9.0.2,fd00:9::2",
            "--bind-interfaces",
            "--local=/#/",
            "-x",
            "",
            *ZONE,
        ]
        resolver = subprocess.Popen(["ip", "netns", "exec", names[1], *argv])
        try:
            yield names
        finally:
            resolver.kill()
            resolver.wait()
    finally:
        for name in names:
            sh("ip", "netns", "delete", name, check=False)


@pytest.fixture
def probe(wire):
    def probe(**ask):
        wanted = {"duplicates": [], "names": [], "flows": [], **ask}
        argv = ["ip", "netns", "exec", wire[0], sys.executable, "-I", "-", json.dumps(wanted)]
        done = subprocess.run(argv, input=SCRIPT, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return probe


def question(name, kind, server="10.9.0.2"):
    return {"server": server, "name": name, "kind": kind}


@pytest.mark.parametrize("subnet", ["10.9.0.", "fd00:9::"])
def test_an_address_that_another_has_is_found_with_its_mac_and_ones_own_is_not(probe, wire, subnet):
    (mac,) = {line.split()[1] for line in sh("ip", "-n", wire[1], "link", "show", "vb").splitlines() if "ether" in line}
    asked = [["va", f"{subnet}{last}"] for last in (1, 2, 99)]
    assert probe(duplicates=asked)["duplicates"] == [[], [mac], []]


@pytest.mark.parametrize(("address", "flags"), [("10.9.0.1/24", ()), ("fd00:9::1/64", ("nodad",))])
def test_ones_own_address_that_a_second_machine_took_later_is_found(probe, wire, address, flags):
    sh("ip", "-n", wire[1], "address", "add", address, "dev", "vb", *flags)
    try:
        ((mac,),) = probe(duplicates=[["va", address.split("/")[0]]])["duplicates"]
    finally:
        sh("ip", "-n", wire[1], "address", "delete", address, "dev", "vb")
    assert mac in sh("ip", "-n", wire[1], "link", "show", "vb")


def test_names_are_told_forwards_backwards_absent_and_unanswered(probe):
    asked = [
        question("n1.lab.test", "A"), question("1.0.9.10.in-addr.arpa", "PTR"), question("n2.lab.test", "A"),
        question("n1.lab.test", "A", server="10.9.0.77"),
    ]  # fmt: skip
    assert probe(names=asked)["names"] == [
        {"rcode": 0, "answers": ["10.9.0.1"]},
        {"rcode": 0, "answers": ["n1.lab.test"]},
        {"rcode": 3, "answers": []},
        {"rcode": None, "answers": []},
    ]


def test_ipv6_names_are_asked_of_an_ipv6_resolver_and_told_both_ways(probe):
    back = ip_address("fd00:9::1").reverse_pointer
    asked = [question(*one, server="fd00:9::2") for one in (("n1.lab.test", "AAAA"), (back, "PTR"))]
    assert probe(names=asked)["names"] == [
        {"rcode": 0, "answers": ["fd00:9::1"]},
        {"rcode": 0, "answers": ["n1.lab.test"]},
    ]


def test_ipv6_flows_are_counted(probe):
    flow = {"source": "fd00:9::1", "target": "fd00:9::2", "first": 47000, "count": 32, "members": ["va"]}
    (told,) = probe(flows=[flow])["flows"]
    assert (told["answered"], told["sent"]["va"] >= 32) == (32, True)


def test_flows_that_are_refused_are_answered_and_those_that_are_dropped_are_not(probe, wire):
    flow = {"source": "10.9.0.1", "target": "10.9.0.2", "first": 47000, "count": 32, "members": ["va"]}
    (all_of_them,) = probe(flows=[flow])["flows"]
    assert all_of_them["answered"] == 32
    assert all_of_them["sent"]["va"] >= 32
    chain = "add table ip t; add chain ip t c { type filter hook input priority 0; }"
    rules = f"{chain}; add rule ip t c tcp dport 47000-47015 drop"
    sh("ip", "netns", "exec", wire[1], "nft", rules)
    try:
        (half,) = probe(flows=[flow])["flows"]
    finally:
        sh("ip", "netns", "exec", wire[1], "nft", "delete table ip t")
    assert half["answered"] == 16


@pytest.fixture
def proof(bonded):
    site, node = bonded
    expected = Expected("n1.lab.test", "10.77.0.11")
    return Proof(interfaces(site, node), ["10.77.0.1"], expected, {"bond0": ("10.77.2.11", "10.77.2.12")})


def told(
    proof, *, duplicate=(), forward=(0, ("10.77.0.11",)), back=(0, ("n1.lab.test",)), answered=COUNT, sent=(40, 30)
):
    return Told(
        duplicates=tuple(duplicate if address == "10.77.2.11" else () for _, address in proof.addresses),
        names=(NameTold(*forward), NameTold(*back)),
        flows=(FlowsTold(answered, dict(zip(("eth0", "eth1"), sent, strict=True))),),
    )


def test_what_is_asked_is_every_address_each_resolver_and_each_bond(proof):
    ask = proof.ask()
    assert ask.duplicates == (
        ("bond0", "10.77.0.11"),
        ("bond0.200", "10.77.2.11"),
        ("bond0.200", "fd00:77:2::11"),
        ("br0", "10.77.3.11"),
    )
    assert [(one.name, one.kind) for one in ask.names] == [("n1.lab.test", "A"), ("11.0.77.10.in-addr.arpa", "PTR")]
    assert [(one.source, one.target, one.members) for one in ask.flows] == [
        ("10.77.2.11", "10.77.2.12", ("eth0", "eth1"))
    ]


def test_a_sound_answer_has_no_fault_and_is_told_with_units(proof):
    assert list(proof.faults(told(proof))) == []
    value = proof.value(told(proof))
    assert value["bonds"]["bond0"] == {"flows": COUNT, "answered": COUNT, "packets_sent": {"eth0": 40, "eth1": 30}}
    assert value["resolvers"]["10.77.0.1"]["reverse"] == ["n1.lab.test"]


def test_a_resolver_that_knows_nobody_is_sound(proof):
    assert list(proof.faults(told(proof, forward=(3, ()), back=(3, ())))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"duplicate": ("52:54:00:00:00:09",)}, "another machine has 10.77.2.11 of bond0.200: 52:54:00:00:00:09"),
        ({"forward": (None, ())}, "resolver 10.77.0.1 says nothing"),
        ({"back": (5, ())}, "resolver 10.77.0.1 says REFUSED"),
        ({"forward": (0, ("10.77.0.99",))}, "10.77.0.1 says n1.lab.test is 10.77.0.99, not 10.77.0.11"),
        ({"back": (0, ("n9.lab.test",))}, "10.77.0.1 says 10.77.0.11 is n9.lab.test, not n1.lab.test"),
        ({"back": (3, ())}, "10.77.0.1 knows of n1.lab.test a name and no way back from its address"),
        ({"forward": (3, ())}, "10.77.0.1 knows of n1.lab.test an address and no name"),
        ({"answered": COUNT - 20}, "bond0 lost 20 of 64 flows to 10.77.2.12: a member of it carries nothing"),
        ({"sent": (64, 2)}, "eth1 of bond0 sent 2 packets of 64 flows"),
    ],
)
def test_what_is_wrong_is_named(proof, change, says):
    assert list(proof.faults(told(proof, **change))) == [says]


def test_where_nobody_answers_tcp_no_member_is_blamed(proof):
    assert list(proof.faults(told(proof, answered=0, sent=(1, 1)))) == []
