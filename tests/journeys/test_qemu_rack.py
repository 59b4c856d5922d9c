"""Three machines with real firmware, from off and blank to network-ready, by the real agent and a real Debian.

r1-n01 is a BIOS by IPMI, r1-n02 a UEFI by Redfish, r1-n03 a BIOS by Redfish.
"""

from pathlib import Path

import pytest

from tests.journeys.conftest import Command

pytestmark = pytest.mark.qemu

NODES = ("r1-n01", "r1-n02", "r1-n03")
WAIT = 35 * 60.0


@pytest.fixture
def rack(qemu_rack):
    return lambda file: qemu_rack("journey", file)


def test_three_blank_machines_become_network_ready_and_follow_a_change(rack):
    host, anneal = rack("rack.yaml")
    assert {machine["power"] for machine in host.told("rack", "status")[0]["machines"]} == {"off"}

    done = anneal("ready", "r1", "--wait", "--within", "30m", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    roles = {(row["node"], row["role"]): row for row in anneal.told("status", "--roles")}
    assert {row["state"] for row in roles.values()} == {"active"}
    assert {(name, "network-ready") for name in NODES} <= set(roles)
    assert "ways carry full-size packets" in str(roles["r1-n02", "host-network"]["says"])

    again = anneal("plan", "--exit-code")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)

    boots = {name: _boot_id(anneal, name) for name in NODES}
    _edit(host.directory / "site", "    prefix: 10.77.2.0/24\n", "    prefix: 10.77.2.0/24\n    mtu: 1400\n")
    changed = anneal("ready", "r1", "--wait", "--within", "10m", within=WAIT)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    evidence = [e for e in anneal.told("events", "--since", "15m") if e["kind"] == "role.acting"]
    assert {(e["node"], e["role"]) for e in evidence[-3:]} == {(name, "host-network") for name in NODES}
    assert {name: _boot_id(anneal, name) for name in NODES} == boots


def _boot_id(anneal: Command, node: str) -> object:
    seen = [e for e in anneal.told("events", node) if e["kind"] == "role.active" and e["role"] == "os-access"]
    return str(seen[-1]["says"]).rpartition("boot ")[2]


def _edit(directory: Path, old: str, new: str) -> None:
    (file,) = (path for path in directory.glob("*.yaml") if old in path.read_text())
    file.write_text(file.read_text().replace(old, new))
