"""The demo's rack on addresses of its own: brought to network-ready, left alone, looked at again."""

import resource
import shutil
from pathlib import Path

import pytest

from drivers.virtual.twin import file
from drivers.virtual.twin.admin import counters
from drivers.virtual.twin.disk import Content
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import EXAMPLES
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-bmc-password"
WAIT = 300.0
NODES = [f"r1-n0{number}" for number in range(1, 9)]
ROLES = {
    "bmc-access", "hardware-facts", "managed", "agent-inspect", "cabling", "hardware-ready", "disks-clean",
    "os-install", "os-access", "os-ready", "host-network", "time-sync", "network-ready",
}  # fmt: skip


@pytest.fixture(scope="module")
def demo(anneal_on):
    """The command, the rack, and how `anneal ready` ended."""
    anneal = anneal_on()
    site = anneal.directory / "site"
    shutil.copytree(EXAMPLES / "demo", site)
    for path in site.glob("*.yaml"):
        path.write_text(path.read_text().replace("127.10.", "127.31.").replace("127.20.", "127.32."))
    (site / "secrets").mkdir(mode=0o700)
    (site / "secrets" / "bmc").write_text(PASSWORD)
    with Twin(file.load(site / "twin.yaml")) as twin:
        done = anneal("ready", "rack=r1", "--wait", "--confirm-erase", "r1-n05", within=WAIT)
        yield anneal, twin, done


def heard(twin: Twin) -> dict[str, dict[str, object]]:
    """What was done to the machines, without the sessions, which reading opens too."""
    told = {name: counters(machine) for name, machine in twin.machines.items()}
    return {name: {key: told[name][key] for key in told[name] if key not in ("sessions", "stage")} for name in told}


def test_every_role_of_every_node_becomes_active_on_evidence(demo):
    anneal, twin, done = demo
    assert done.returncode == 0, done.stdout + done.stderr
    rows = anneal.told("status", "--roles")
    assert {(row["node"], row["role"]) for row in rows} == {(node, role) for node in NODES for role in ROLES}
    assert [row for row in rows if row["state"] != "active" or not row["evidence"] or not row["evidence_at"]] == []
    assert {(len(machine.installs), len(machine.sessions_live)) for machine in twin.machines.values()} == {(1, 0)}
    assert [name for name, machine in twin.machines.items() if machine.erases] == ["r1-n05"]


def test_a_second_apply_touches_nothing(demo):
    anneal, twin, _ = demo
    before, spent = heard(twin), resource.getrusage(resource.RUSAGE_CHILDREN)
    saved = str(anneal.directory / "empty.plan")
    assert anneal("plan", "r1", "--exit-code", "--out", saved).returncode == 0
    again = anneal("apply", saved)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (again.returncode, heard(twin)) == (0, before), again.stderr
    assert now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime < 10  # processor seconds


def test_the_keys_of_status_stay(demo):
    anneal, _, _ = demo
    (node,) = anneal.told("status", "r1-n01")
    assert set(node) == {"node", "state", "milestone", "roles", "says"}
    assert (node["state"], node["milestone"], node["roles"]) == ("ready", "network-ready", {"active": len(ROLES)})
    (row, *_) = anneal.told("status", "r1-n01", "--roles")
    assert set(row) == {
        "node", "role", "state", "since", "says", "attempt", "deadline", "evidence", "evidence_at"
    }  # fmt: skip


def test_a_plan_is_refused_once_the_inventory_has_moved(demo):
    anneal, twin, _ = demo
    saved = str(anneal.directory / "old.plan")
    assert anneal("plan", "r1-n01", "--out", saved).returncode == 0
    inventory = anneal.directory / "site" / "site.yaml"
    written = inventory.read_text()
    inventory.write_text(written.replace("ntp: [127.32.0.1]", "ntp: [127.32.0.99]"))
    before = heard(twin)
    refused = anneal("apply", saved)
    inventory.write_text(written)
    assert (refused.returncode, heard(twin)) == (1, before)
    assert "the inventory changed since this plan was made" in refused.stderr


def test_verify_writes_nothing_finds_what_drifted_and_what_holds_again(demo):
    anneal, twin, _ = demo
    before = heard(twin)
    twin.set_fault("r1-n02", Fault.CLOCK_OFF)
    certificate = anneal.directory / "r1-n02.certificate"
    certificate.write_text(anneal("certificate", "issue", "r1-n02").stdout)
    drifted = anneal("verify", "r1", within=WAIT)
    refused = anneal("certificate", "issue", "r1-n02")
    states = {(row["node"], row["role"]): row["state"] for row in anneal.told("status", "--roles")}
    twin.clear_fault("r1-n02", Fault.CLOCK_OFF)
    assert drifted.returncode == 3, drifted.stdout
    assert [key for key, state in states.items() if state != "active"] == [("r1-n02", "time-sync")]
    assert anneal("certificate", "verify", str(certificate)).returncode == 0, "it was true when it was issued"
    assert (refused.returncode, "time-sync of r1-n02 is drifted" in refused.stderr) == (5, True), refused.stderr
    held = anneal("verify", "r1-n02", within=WAIT)
    assert (held.returncode, heard(twin)) == (0, before), held.stdout


def test_a_matrix_is_measured_anew_where_that_is_asked_for(demo):
    anneal, twin, _ = demo
    before, commands = anneal.told("network", "matrix"), heard(twin)
    assert anneal.told("network", "matrix") == before
    anew = anneal.told("network", "matrix", "--now", within=WAIT)
    assert {(row["from"], row["to"]) for row in anew} == {(row["from"], row["to"]) for row in before} != set()
    assert min(row["at"] for row in anew) > max(row["at"] for row in before)
    assert heard(twin) == commands, "no BMC was told anything"


@pytest.fixture(scope="module")
def filled(anneal_on):
    """One machine whose disk holds data, gated for want of a consent."""
    anneal = anneal_on()
    write(anneal.directory, Net.FILLED, [Server(1, content="data")], PASSWORD)
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        done = anneal("ready", "r1", "--wait", within=WAIT)
        yield anneal, twin.machine("r1-n01"), done


def test_a_disk_with_data_stops_at_the_gate_and_why_shows_what_it_holds(filled):
    anneal, machine, done = filled
    assert (done.returncode, machine.erases) == (5, []), done.stdout + done.stderr
    why = anneal("why", "r1-n01").stdout
    assert "r1-n01 disks-clean is gated: disk DISK-01: gpt table, 1: ext4 'payroll'" in why
    assert "--confirm-erase r1-n01" in why


def test_a_consent_to_other_content_gates_again_and_one_to_this_erases_once(filled):
    anneal, machine, _ = filled
    shown, spoilt = str(anneal.directory / "shown.plan"), str(anneal.directory / "spoilt.plan")
    assert "ext4 'payroll'" in anneal("plan", "r1-n01", "--out", shown).stdout
    machine.disks[0].spoil()
    other = anneal("apply", shown, "--confirm-erase", "r1-n01", within=WAIT)
    assert (other.returncode, machine.erases) == (5, []), other.stdout + other.stderr
    assert "was for other content" in anneal("why", "r1-n01").stdout
    assert "ext4" not in anneal("plan", "r1-n01", "--out", spoilt).stdout
    done = anneal("apply", spoilt, "--confirm-erase", "r1-n01", within=WAIT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (len(machine.erases), len(machine.installs), machine.disks[0].content) == (1, 1, Content.IMAGE)


def test_the_password_stands_in_no_record(filled):
    anneal, _, done = filled
    said = anneal("events", "-o", "json").stdout + done.stdout + done.stderr
    assert "disks-clean" in said
    kept = [path for path in Path(anneal.directory / "state").rglob("*") if path.is_file()]
    assert [path.name for path in kept if PASSWORD.encode() in path.read_bytes()] == []
    assert PASSWORD not in said
