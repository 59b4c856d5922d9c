"""Machines of which the inventory knows one NIC each: the others are found by speed and place, and proven like any."""

import json

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-conduit-password"
WAIT = 300.0
NET = Net.CONDUITS
SERVERS = [Server(1), Server(2)]


@pytest.fixture
def rack(anneal_on):
    """The small rack, whose storage network is on a conduit that the site says once for all nodes."""
    anneal = anneal_on()
    write(anneal.directory, NET, SERVERS, PASSWORD)
    path = anneal.directory / "site" / "site.yaml"
    site = yaml.safe_load(path.read_text())
    span = {"first": f"10.{NET}.2.20", "last": f"10.{NET}.2.30"}
    site["networks"]["storage"] |= {"ranges": [span], "conduit": "25g1"}
    site["site"]["defaults"]["addresses"] = [{"network": "storage", "address": "auto"}]
    for node in site["nodes"].values():
        del node["nics"][1]
    text = yaml.safe_dump(site, sort_keys=False)
    assert text.count(":eth1") == len(SERVERS)
    path.write_text(text.replace(":eth1", ":25g1"))
    with Twin(file.load(anneal.directory / "twin.yaml")):
        yield anneal


def test_one_command_finds_ports_and_proves_the_networks_on_them(rack):
    before = json.loads(rack("plan", "-o", "json").stdout)
    assert [one["open"] for one in before["conduits"]] == [True, True]
    assert "os-install" not in {step["role"] for step in before["steps"]}

    done = rack("ready", "r1", "--wait", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    short, whole = done.stdout.split("plan: ")[:2]
    assert short.count("the rest hangs on these ports") == len(SERVERS)
    assert whole.count("conduit bond0 = 25g1: eth1 (0000:01:00.1, 25g)") == len(SERVERS)

    rows = {(row["node"], row["role"]): row["state"] for row in rack.told("status", "--roles")}
    assert set(rows.values()) == {"active"}
    assert {(server.name, "network-ready") for server in SERVERS} <= set(rows)
    ways = {(row["from"], row["to"], row["network"]) for row in rack.told("network", "matrix") if row["whole"]}
    assert ("r1-n01", "r1-n02", "storage") in ways
    cables = {row["a"]: row["verdict"] for row in rack.told("cables", "check")}
    assert cables == {f"{server.name}:eth{nic}": "OK" for server in SERVERS for nic in (0, 1)}
    loaded = sorted(row["node"] for row in rack.told("events") if row["kind"] == "boot.kernel")
    assert loaded == [server.name for server in SERVERS], "finding ports sent a machine into its ramdisk once more"
    again = rack("plan", "--exit-code")
    assert (again.returncode, again.stdout.count("nothing to do")) == (0, len(SERVERS)), again.stdout
