"""Three machines with real firmware, from off and blank to network-ready, by the real agent and a real Debian; then one
of them to a tenant and back, where what the tenant wrote is looked for on the raw disk, from outside the machine.

r1-n01 is a BIOS by IPMI, r1-n02 a UEFI by Redfish, r1-n03 a BIOS by Redfish.
"""

import mmap
from pathlib import Path

import pytest

from tests.journeys.conftest import Command, qemu_site
from tests.journeys.qemu_lending import QemuLending, Tenant, until

pytestmark = pytest.mark.qemu

NODES = ("r1-n01", "r1-n02", "r1-n03")
WAIT = 35 * 60.0
LENT, ADDRESS = "r1-n02", "10.77.0.12"
SECRET, COPIES = "tenants-secret-", 4096


@pytest.fixture(scope="module")
def rack(qemu_images, anneal_in):
    with qemu_site(anneal_in()) as up:
        yield up("journey", "rack.yaml")


def test_three_blank_machines_become_network_ready_and_follow_a_change(rack):
    host, anneal = rack
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


@pytest.fixture
def lending(rack, clients):
    _, anneal = rack
    lending = QemuLending(anneal, clients, LENT)
    yield lending
    lending.stop()


@pytest.mark.long
def test_what_a_tenant_wrote_is_gone_from_the_raw_disk_when_its_node_is_anybodys_again(lending, tmp_path):
    anneal, tenant = lending.anneal, Tenant.with_a_key(tmp_path, str(lending.anneal.inside), ADDRESS)
    ready = anneal("ready", LENT, "--wait", "--within", "20m", within=WAIT)
    assert ready.returncode == 0, ready.stdout + ready.stderr
    (disk,) = (path for path in anneal.directory.rglob("disk0.raw") if LENT in path.parts)

    lending.start()
    lending.does("allocation", "create", "--resource-class", "baremetal", "--candidate-node", LENT, "--name", "web")
    lending.does("node", "set", LENT, "--instance-info", "image_source=debian-12")
    lending.does("node", "deploy", LENT, "--config-drive", tenant.drive("web", "canary-of-the-drive"))
    until(lambda: lending.state() == "wait call-back", "the deploy to be under way", WAIT, 0.5)
    lending.kill()
    lending.start()
    lending.comes_to("active")

    until(lambda: tenant("true").returncode == 0, "the tenant to be let in", 10 * 60.0, 5.0)
    wrote = tenant(f"sudo sh -c 'yes {SECRET}$(hostname) | head -n {COPIES} > /srv/secret && sync'; cat /etc/hostname")
    assert (wrote.returncode, wrote.stdout.strip()) == (0, "web"), wrote.stderr
    written = f"{SECRET}web\n".encode()
    assert _count(disk, written) >= COPIES
    assert _count(disk, b"canary-of-the-drive") > 0

    lending.does("node", "undeploy", LENT)
    lending.comes_to("available")
    assert (_count(disk, written), _count(disk, b"canary-of-the-drive")) == (0, 0)
    certificate = anneal("certificate", "issue", LENT)
    assert (certificate.returncode, "tenant-wiped" in certificate.stdout) == (0, True), certificate.stderr
    assert tenant("true").returncode != 0
    assert anneal("plan", "--exit-code", LENT).returncode == 0


def _count(disk: Path, what: bytes) -> int:
    """How often it stands on the disk: all of it is read, whatever the file system says is free."""
    found = 0
    with disk.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        at = whole.find(what)
        while at >= 0:
            found += 1
            at = whole.find(what, at + len(what))
    return found


def _boot_id(anneal: Command, node: str) -> object:
    seen = [e for e in anneal.told("events", node) if e["kind"] == "role.active" and e["role"] == "os-access"]
    return str(seen[-1]["says"]).rpartition("boot ")[2]


def _edit(directory: Path, old: str, new: str) -> None:
    (file,) = (path for path in directory.glob("*.yaml") if old in path.read_text())
    file.write_text(file.read_text().replace(old, new))
