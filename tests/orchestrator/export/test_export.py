"""What other installers are handed: the proven nodes, at the addresses that were proven, as each installer reads it."""

import configparser
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from cli.main import run
from inventory.load import load
from orchestrator.engine.tables import EVIDENCE, NODE_ROLE
from orchestrator.export.formats import FORMATS
from orchestrator.record import Record
from tests.orchestrator.export.proving import prove

GOLDEN = Path(__file__).parent / "golden"
# The first sections of share/kolla-ansible/ansible/inventory/multinode of kolla-ansible 22.2.0, and who stands on them.
MULTINODE = ["control", "network", "compute", "monitoring", "storage", "deployment"]
REST = "[baremetal:children]\ncontrol\nnetwork\ncompute\nstorage\nmonitoring\n\n[loadbalancer:children]\nnetwork\n"


@pytest.fixture
def record(site_directory):
    return Record(load(site_directory), site_directory / ".anneal")


@pytest.fixture
def export(site_directory, capsys):
    def called(*words):
        code = run(["export", *words, "--site", str(site_directory)])
        return code, *capsys.readouterr()

    return called


@pytest.fixture
def both(record, export):
    prove(record, "n1", "n2")
    return export


MAPS = ("--map", "control=compute", "--map", "network=compute")


def _parsed(path):
    program = Path(sys.executable).with_name("ansible-inventory")  # the project's own, on whatever PATH
    told = subprocess.run([program, "-i", str(path), "--list"], check=True, capture_output=True, text=True)
    assert "WARNING" not in told.stderr
    return json.loads(told.stdout)


def test_ansible_reads_the_proven_addresses_and_groups(both, tmp_path):
    code, _, _ = both("ansible", "--out", str(tmp_path / "hosts.yaml"))
    told = _parsed(tmp_path / "hosts.yaml")
    assert code == 0
    assert told["compute"]["hosts"] == told["rack_r1"]["hosts"] == ["n1", "n2"]
    own = told["_meta"]["hostvars"]["n1"]
    assert (own["ansible_host"], own["ansible_user"]) == ("10.77.0.11", "anneal")
    assert own["anneal_networks"]["prov"]["address"] == "10.77.0.11"


def test_kolla_ansible_finds_its_own_groups_filled(both, tmp_path):
    code, _, _ = both("kolla-ansible", *MAPS, "--out", str(tmp_path / "hosts"))
    sections = [line.strip("[]") for line in (tmp_path / "hosts").read_text().splitlines() if line.startswith("[")]
    assert code == 0
    assert sorted(sections) == sorted(MULTINODE)
    (tmp_path / "multinode").write_text((tmp_path / "hosts").read_text() + "\n" + REST)
    told = _parsed(tmp_path / "multinode")
    assert told["control"]["hosts"] == told["compute"]["hosts"] == told["network"]["hosts"] == ["n1", "n2"]
    assert told["loadbalancer"]["children"] == ["network"]
    assert told["_meta"]["hostvars"]["n2"]["network_interface"] == "eth0"
    assert told["_meta"]["hostvars"]["n2"]["ansible_become"] is True


def test_packstack_is_told_its_hosts_in_the_section_general(record, export):
    prove(record, "n1", "n2")
    code, text, _ = export("packstack", "n1", *MAPS)
    answers = configparser.RawConfigParser()
    answers.optionxform = str
    answers.read_string(text)
    assert code == 0
    assert answers["general"]["CONFIG_CONTROLLER_HOST"] == answers["general"]["CONFIG_COMPUTE_HOSTS"] == "10.77.0.11"


def test_packstack_has_one_controller(both):
    code, text, says = both("packstack", *MAPS)
    assert (code, text) == (78, "")
    assert "packstack has one control host, and n1, n2 are in that group" in says


@pytest.mark.parametrize("installer", ["kolla-ansible", "packstack"])
def test_an_installer_that_lacks_a_group_is_told_how_to_name_it(both, installer):
    code, _, says = both(installer)
    assert code == 78
    assert "none is proven. Say which group of the site it is: --map control=GROUP" in says


def test_a_group_that_the_site_does_not_have_is_named(both):
    code, _, says = both("ansible", "--map", "control=ghosts")
    assert code == 78
    assert "the site has no group ghosts" in says


def test_a_map_without_both_ends_is_no_usage(both):
    assert both("ansible", "--map", "control")[0] == 64


def test_chef_gets_a_node_object_for_each(both):
    nodes = json.loads(both("chef")[1])
    assert [(one["name"], one["json_class"], one["normal"]["tags"]) for one in nodes] == [
        ("n1", "Chef::Node", ["compute"]),
        ("n2", "Chef::Node", ["compute"]),
    ]


def test_salt_gets_a_roster_with_what_was_proven_in_its_grains(both):
    roster = yaml.safe_load(both("salt")[1])
    assert (roster["n2"]["host"], roster["n2"]["sudo"]) == ("10.77.0.12", True)
    assert roster["n2"]["minion_opts"]["grains"]["roles"] == ["compute"]


@pytest.mark.parametrize("installer", list(FORMATS))
def test_each_format_is_as_it_was_looked_at(both, installer):
    golden = GOLDEN / f"{installer}.txt"
    assert both(installer, "n1", *MAPS)[1] == golden.read_text()


def test_a_node_that_is_not_proven_is_left_out_and_named(record, export):
    prove(record, "n1")
    code, text, says = export("salt")
    assert code == 5
    assert list(yaml.safe_load(text)) == ["n1"]
    assert says.startswith("n2 is left out: ")


@pytest.mark.parametrize("state", ["stale", "drifted", "error", "todo"])
def test_a_node_whose_network_holds_no_more_is_left_out(record, export, state):
    prove(record, "n1", "n2")
    here = (NODE_ROLE.c.node == "n2", NODE_ROLE.c.role == "host-network")
    with record.store.begin() as connection:
        connection.execute(update(NODE_ROLE).where(*here).values(state=state))
    code, text, says = export("salt")
    assert (code, list(yaml.safe_load(text))) == (5, ["n1"])
    assert f"n2 is left out: host-network of n2 is {state}" in says


def test_an_address_without_evidence_is_not_handed_on(record, export):
    prove(record, "n1", "n2", unseen=("10.77.0.12",))
    code, text, says = export("salt")
    assert (code, list(yaml.safe_load(text))) == (5, ["n1"])
    assert "n2 is left out: no evidence of host-network names its address" in says


def test_evidence_that_was_changed_hands_nothing_on(record, export):
    prove(record, "n1", "n2")
    here = (EVIDENCE.c.node == "n2", EVIDENCE.c.role == "host-network")
    with record.store.begin() as connection:
        connection.execute(update(EVIDENCE).where(*here).values(value={"duplicate_addresses": {"10.9.9.9": []}}))
    assert list(yaml.safe_load(export("salt")[1])) == ["n1"]
