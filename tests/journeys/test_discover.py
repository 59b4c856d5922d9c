"""A range of addresses with two BMCs behind it: what is there is proposed, what the site has is named."""

from dataclasses import replace

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.small_rack import Net, Server, write

PASSWORD = "canary-discover-1"
SWEEP = ("discover", "127.39.1.1-127.39.1.3", "--port", "8443", "--protocol", "redfish", "--password", "env:SWEEP_BMC")


@pytest.fixture(scope="module")
def found(anneal_in):
    """The command in a directory with a site of two nodes; three machines answer."""
    anneal = anneal_in(SWEEP_BMC=PASSWORD)
    write(anneal.directory, Net.DISCOVER, [Server(1), Server(2)], PASSWORD)
    spec = anneal.directory / "twin.yaml"
    machines = yaml.safe_load(spec.read_text())
    write(anneal.directory / "more", Net.DISCOVER, [Server(1), Server(2), Server(3)], PASSWORD)
    machines["machines"] = yaml.safe_load((anneal.directory / "more" / "twin.yaml").read_text())["machines"]
    spec.write_text(yaml.safe_dump(machines))
    with Twin(file.load(spec)) as twin:
        yield anneal, twin


def test_a_sweep_proposes_nodes_with_their_serials_and_macs(found):
    anneal, _ = found
    done = anneal(*SWEEP)
    nodes = yaml.safe_load(done.stdout)["nodes"]
    assert [node["serial"] for node in nodes.values()] == ["SN-01", "SN-02", "SN-03"]
    assert nodes["r1-n03"]["nics"][0]["mac"] == "52:54:00:01:03:00"
    assert nodes["r1-n03"]["bmc"]["password"] == "env:SWEEP_BMC"
    assert PASSWORD not in done.stdout + done.stderr


def test_what_the_site_has_is_left_out(found):
    anneal, _ = found
    done = anneal(*SWEEP, "--site", "site")
    nodes = yaml.safe_load(done.stdout)["nodes"]
    assert [node["serial"] for node in nodes.values()] == ["SN-03"]
    assert "127.39.1.1:8443: known, r1-n01" in done.stderr


def test_a_wrong_password_is_told_and_writes_nothing(found):
    anneal, twin = found
    done = replace(anneal, environment={"SWEEP_BMC": "wrong"})(*SWEEP)
    assert done.stdout == ""
    assert "127.39.1.1:8443" in done.stderr
    assert [twin.machine(name).writes for name in twin.machines] == [[], [], []]


def test_a_range_without_a_login_is_a_usage_error(found):
    anneal, _ = found
    assert anneal("discover", "127.39.1.1").returncode == 64
