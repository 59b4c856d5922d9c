"""`anneal plan` as people read it: how often a node reboots and why, and what waits for the facts."""

import json

import pytest
from sqlalchemy import func, insert, select

from cli.main import run
from inventory.load import load
from orchestrator.agent.tables import INSPECTION
from orchestrator.annealer import Annealer
from orchestrator.record import Record
from orchestrator.store import now


@pytest.fixture
def plan(site_directory, tmp_path, capsys):
    def called(profiles, *words):
        path = site_directory / "site.yaml"
        path.write_text(path.read_text() + profiles)
        code = run(["plan", "n1", "--site", str(site_directory), "--state", str(tmp_path / "state"), *words])
        told = capsys.readouterr()
        return code, told.out or told.err

    return called


def test_a_node_without_a_profile_reboots_for_the_ramdisk_and_for_its_system(plan):
    code, said = plan("")
    assert code == 0
    assert said.startswith("n1: reboots: 2 (1: agent-inspect; 2: os-install)\n")
    assert "plan: 13 steps on 1 of 1 nodes; 2 reboots at most; 1 nodes are erased (n1)" in said


def test_roles_that_share_a_reboot_are_named_together(plan):
    _, said = plan("profiles:\n  a: {match: [{rack: r1}], bios: {X: 'On'}, boot: {secure_boot: true}}\n")
    assert "n1: reboots: 2 (1: boot-mode, bios-configured, agent-inspect together; 2: os-install)" in said


def test_a_node_whose_profile_is_not_known_yet_says_to_plan_again(plan):
    _, said = plan("profiles:\n  a: {match: [{model: R750}], bios: {X: 'On'}}\n")
    assert said.startswith("n1: reboots: 0\n")
    assert "its profile hangs on what this finds out: plan it again then" in said


def test_programs_read_the_reboots_and_the_undecided(plan):
    told = json.loads(plan("", "-o", "json")[1])
    assert told["reboots"] == [{"node": "n1", "roles": ["agent-inspect"]}, {"node": "n1", "roles": ["os-install"]}]
    assert told["undecided"] == []


def test_reboots_for_volumes_that_nobody_has_seen_are_said_to_come_on_top(plan):
    _, said = plan("profiles:\n  a: {match: [{rack: r1}], raid: [{name: os, type: RAID1, drives: {count: 2}}]}\n")
    assert "2 reboots at most, and one more for each volume that must make way on n1; 1 nodes are erased" in said


@pytest.fixture
def driven(site_directory):
    """The site's switch driven: its networks have VLANs."""
    path = site_directory / "site.yaml"
    management = "management: {family: eos, address: 10.78.0.9, user: a, password: 'env:P'}, ports: [swp1,"
    text = path.read_text().replace("ports: [swp1,", management)
    path.write_text(text.replace("prov: {prefix: 10.77.0.0/24,", "prov: {prefix: 10.77.0.0/24, vlan: 100,"))


def test_ports_of_a_switch_are_shown_line_by_line_and_that_nobody_has_looked_yet(plan, driven):
    _, said = plan("")
    told = said[said.index("sw1 (eos)") :].splitlines()
    assert told[:4] == [
        "sw1 (eos): commit-confirm unknown; not asked yet: it is before anything is changed",
        "  + VLAN 100 prov",
        "  + VLAN 200 storage",
        "  swp1 n1:eth0 ports-provision; not looked at yet",
    ]
    assert "    + untagged VLAN: 100" in told
    assert "  swp1 n1:eth0 ports-ready; not looked at yet; no change" in told
    assert told[told.index("  swp2 n1:eth1 ports-ready; not looked at yet") + 1 :][:2] == [
        "    - untagged VLAN: none",
        "    + untagged VLAN: 200",
    ]
    assert "swp3" not in "".join(told)


def test_programs_read_the_ports_of_switches(plan, driven):
    (switch,) = json.loads(plan("", "-o", "json")[1])["switches"]
    assert (switch["switch"], switch["family"], switch["confirm"]) == ("sw1", "eos", None)
    assert {(one["port"], one["role"], one["read"]) for one in switch["ports"]} == {
        ("swp1", "ports-provision", False),
        ("swp1", "ports-ready", False),
        ("swp2", "ports-provision", False),
        ("swp2", "ports-ready", False),
    }


CONDUIT = """
    conduits: [{name: data, ports: 2x25g bond lacp, addresses: [{network: storage, address: 10.77.2.11}]}]
"""


@pytest.fixture
def conduit(site_directory, plan, tmp_path):
    """The plan of n1 whose storage network is on a conduit, once its ramdisk told of these NICs."""
    path = site_directory / "site.yaml"
    nic = '      - {name: eth1, mac: "52:54:00:01:01:01", addresses: [{network: storage, address: 10.77.2.11}]}\n'
    text = path.read_text()
    assert text.count(nic) == 1
    path.write_text(text.replace(nic, CONDUIT.lstrip("\n")).replace('  - {a: "n1:eth1", b: "sw1:swp2"}\n', ""))

    def planned(*nics, words=()):
        if nics:
            told = [
                {"name": f"eth{at}", "mac_address": f"52:54:00:01:01:0{at}", "pci_address": pci, "speed_mbps": speed}
                for at, (pci, speed) in enumerate(nics)
            ]
            record = Record(load(site_directory), tmp_path / "state")
            body = {"inventory": {"interfaces": told}}
            with record.store.begin() as connection:
                boot = connection.execute(select(func.count()).select_from(INSPECTION)).scalar_one()
                connection.execute(insert(INSPECTION), {"boot": boot, "node": "n1", "at": now(), "body": body})
            record.store.engine.dispose()
        return plan("", *words)

    return planned


def test_ports_that_are_yet_to_be_found_are_said_and_what_hangs_on_them_is_planned_then(conduit):
    code, said = conduit()
    assert code == 0
    assert "conduit data = 25g0,25g1 bond lacp: found when its ramdisk has told of its ports" in said
    assert "the rest hangs on these ports: plan it again then" in said
    roles = {line.split()[0] for line in said.splitlines() if line.startswith("  ")}
    assert ("agent-inspect" in roles, "os-install" in roles, "host-network" in roles) == (True, False, False)


def test_the_plan_says_what_each_conduit_was_found_to_be(conduit):
    code, said = conduit(("0000:01:00.0", 1000), ("0000:02:00.1", 25_000), ("0000:02:00.0", 25_000))
    assert code == 0
    assert "conduit data = 25g0,25g1 bond lacp: eth2 (0000:02:00.0, 25g), eth1 (0000:02:00.1, 25g)" in said
    assert "os-install" in said


def test_programs_read_the_conduits_of_a_plan(conduit):
    (told,) = json.loads(conduit(words=["-o", "json"])[1])["conduits"]
    assert (told["node"], told["name"], told["open"]) == ("n1", "data", True)


PORTS = ("0000:01:00.0", 1000), ("0000:02:00.0", 25_000), ("0000:02:00.1", 25_000)


@pytest.fixture
def taken_up(conduit, site_directory, tmp_path):
    """The same, once a plan with these ports was taken up."""
    assert conduit(*PORTS)[0] == 0
    works = Annealer(load(site_directory), site_directory, tmp_path / "state")
    works.apply(works.plan(["n1"]), [], "admin")
    works.store.engine.dispose()
    return conduit


def test_ports_that_are_others_than_a_running_network_has_are_told_and_not_moved(taken_up):
    code, said = taken_up(PORTS[0], ("0000:03:00.0", 25_000), PORTS[2])
    assert code == 78
    assert "n1: conduit data (25g0,25g1 bond lacp): it is eth1 (0000:02:00.0, 25g), 52:54:00:01:01:01, since" in said
    assert "its ramdisk finds eth1 (0000:03:00.0, 25g), 52:54:00:01:01:01" in said


def test_ports_are_found_anew_where_a_person_says_so(taken_up, site_directory, tmp_path, capsys):
    """By the ramdisk that told of the change; the inspection itself is due again."""
    taken_up(PORTS[0], ("0000:03:00.0", 25_000), PORTS[2])
    where = ["--site", str(site_directory), "--state", str(tmp_path / "state")]
    assert run(["node", "rewire", "n1", *where]) == 0
    assert "anneal plan n1" in capsys.readouterr().out
    code, said = taken_up()
    assert code == 0
    assert "conduit data = 25g0,25g1 bond lacp: eth2 (0000:02:00.1, 25g), eth1 (0000:03:00.0, 25g)" in said
    due = {line.split()[0]: line for line in said.splitlines() if line.startswith("  ") and line.split()}
    assert "anew" in due["agent-inspect"]


def test_a_node_without_conduits_has_no_ports_to_find_anew(site_directory, tmp_path, capsys):
    where = ["--site", str(site_directory), "--state", str(tmp_path / "state")]
    assert run(["node", "rewire", "n1", *where]) == 64
    assert "n1 has no conduits" in capsys.readouterr().err


def test_a_conduit_that_no_port_fits_ends_the_plan_before_anything_is_touched(conduit):
    code, said = conduit(("0000:01:00.0", 1000), ("0000:02:00.0", 25_000))
    assert code == 78
    assert "n1: conduit data (25g0,25g1 bond lacp): there is no port 1 of 25g: it has eth0" in said
