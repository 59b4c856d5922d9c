"""Three machines with real firmware, from off and blank to network-ready, by the real agent and a real Debian.

r1-n01 is a BIOS by IPMI, r1-n02 a UEFI by Redfish, r1-n03 a BIOS by Redfish.
"""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.journeys.conftest import EXAMPLES, Command

pytestmark = pytest.mark.qemu

NODES = ("r1-n01", "r1-n02", "r1-n03")
WAIT = 35 * 60.0
NEEDED = ("qemu-system-x86_64", "ovs-vswitchd", "ipmi_sim", "dnsmasq", "lldpd", "chronyd", "mmdebstrap", "mcopy")


@pytest.fixture(scope="module")
def images(anneal_in):
    """The real ramdisk and the real Debian, built once for each recipe."""
    if os.geteuid() != 0:
        pytest.skip("the QEMU rack needs root")
    missing = [name for name in NEEDED if not any((Path(d) / name).exists() for d in ("/usr/bin", "/usr/sbin", "/bin"))]
    if missing:
        pytest.skip(f"not installed (debian-packages.txt): {', '.join(missing)}")
    anneal = anneal_in()
    for what in ("ramdisk", "os"):
        built = anneal("image", "build", what, "--kernel", "cloud", within=WAIT)
        assert built.returncode == 0, built.stderr


@pytest.fixture
def rack(images, anneal_in):
    """A site of its own with its rack brought up from one of the rack files, taken down whatever happens."""
    host = anneal_in()
    site = host.directory / "site"
    shutil.copytree(EXAMPLES / "journey" / "site", site)
    secrets = site / "secrets"
    secrets.mkdir(mode=0o700)
    for name in NODES:
        (secrets / name).write_text(f"{name}-secret\n")
    host = replace(host, environment={"ANNEAL_SITE": str(site), "ANNEAL_STATE": str(host.directory / "state")})

    def up(file: str) -> tuple[Command, Command]:
        brought = host("rack", "up", str(EXAMPLES / "journey" / file))
        assert brought.returncode == 0, brought.stderr
        (status,) = host.told("rack", "status")
        return host, replace(host, inside=status["namespaces"]["provisioner"])

    before = _namespaces()
    yield up
    assert host("rack", "down").returncode == 0
    assert _namespaces() == before


def _namespaces() -> str:
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


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


def test_a_miscabled_rack_stops_before_the_install_and_names_both_cables(rack):
    _, anneal = rack("rack-miscabled.yaml")
    done = anneal("ready", "r1-n01", "r1-n02", "--wait", "--within", "20m", within=WAIT)
    assert done.returncode == 1, done.stdout + done.stderr
    why = anneal("why", "r1-n01").stdout
    assert "r1-n01:eth1" in why
    assert "r1-n02:eth1" in why
    states = {(row["node"], row["role"]): row["state"] for row in anneal.told("status", "--roles")}
    assert states["r1-n01", "cabling"] == "error"
    assert states["r1-n01", "os-install"] == "blocked"


def _boot_id(anneal: Command, node: str) -> object:
    seen = [e for e in anneal.told("events", node) if e["kind"] == "role.active" and e["role"] == "os-access"]
    return str(seen[-1]["says"]).rpartition("boot ")[2]


def _edit(directory: Path, old: str, new: str) -> None:
    (file,) = (path for path in directory.glob("*.yaml") if old in path.read_text())
    file.write_text(file.read_text().replace(old, new))
