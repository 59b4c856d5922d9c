"""A rack cabled by tired hands: found before anything is installed, mended by the printed order, then installed."""

import json

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

WAIT = 300.0
NET = Net.CABLES
SERVERS = [Server(number, protocol="ipmi") for number in range(1, 5)]  # no certificate: the rack may be built anew


@pytest.fixture
def cabled(anneal_on):
    """The command, and how to plug: `cables` is NIC end to switch end, None where nothing is plugged."""
    anneal = anneal_on()
    write(anneal.directory, NET, SERVERS, "canary-bmc-password")
    path = anneal.directory / "twin.yaml"

    def plug(cables):
        rack = yaml.safe_load(path.read_text())
        for machine in rack["machines"]:
            for index, nic in enumerate(machine["nics"]):
                nic["cable"] = cables.get(f"{machine['name']}:eth{index}", nic["cable"])
        path.write_text(yaml.safe_dump(rack, sort_keys=False))
        return Twin(file.load(path))

    return anneal, plug


def test_a_rotation_and_a_missing_cable_stop_the_install_and_the_printed_order_mends_them(cabled):
    anneal, plug = cabled
    rotated = {f"r1-n0{number}:eth1": f"r1-sw2:swp{number % 3 + 1}" for number in (1, 2, 3)}
    with plug({**rotated, "r1-n04:eth1": None}) as twin:
        done = anneal("ready", "r1", "--wait", within=WAIT)
        assert done.returncode == 1, done.stdout + done.stderr
        assert [machine.installs for machine in twin.machines.values()] == [[], [], [], []]
    verdicts = {row["a"]: row["verdict"] for row in anneal.told("cables", "check")}
    assert {end: verdict for end, verdict in verdicts.items() if verdict != "OK"} == {
        "r1-n01:eth1": "SWAPPED",
        "r1-n02:eth1": "SWAPPED",
        "r1-n03:eth1": "SWAPPED",
        "r1-n04:eth1": "MISSING",
    }
    states = {(row["node"], row["role"]): row["state"] for row in anneal.told("status", "--roles")}
    assert {states[server.name, "os-install"] for server in SERVERS} == {"blocked"}

    ordered = json.loads(anneal("cables", "print", "-o", "json").stdout)
    assert [step["do"] for step in ordered["steps"]] == ["hold", "move", "move", "plug", "fit"]
    with plug({step["stays"]: step["into"] for step in ordered["steps"] if step["into"]}) as twin:
        done = anneal("ready", "r1", "--wait", within=WAIT)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {len(machine.installs) for machine in twin.machines.values()} == {1}
    assert anneal("cables", "check").returncode == 0
