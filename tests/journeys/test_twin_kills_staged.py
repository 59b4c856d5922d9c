"""Two machines whose firmware, BIOS and RAID are brought to their profile by a command that is killed after its writes.

The kills follow the BMCs' own count of what was written to them: just then a write has been taken, and nobody has
written down what came of it. Nothing is done twice, nothing is lost that was not named, nothing is left behind.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL, Command
from tests.journeys.small_rack import Net, Server, write
from tests.journeys.test_twin_kills import count
from tests.journeys.test_twin_profiles import package

pytestmark = pytest.mark.slow

PASSWORD = "canary-staged-password"
SEED = 7
MOST_WRITES = 2  # between two kills
MOST_KILLS = 7  # before the gate, and behind it
FEWEST_KILLS = 8
WAIT = 60.0
FULL, PASSING = "r1-n01", "r1-n02"  # with a volume that holds data; in HBA mode, with a drive of another controller
OS = {"name": "os", "type": "RAID1", "drives": {"count": 2}}
EACH = {"bios": {"ProcCoreDisable": 2}}
RAIDS = {FULL: [OS], PASSING: {"controllers": [{"mode": "RAID", "foreign": "clear"}], "volumes": [OS]}}


@dataclass
class Rehearsal:
    """`kills`: how many living processes were killed."""

    anneal: Command
    twin: Twin
    kills: int = 0
    last: "subprocess.CompletedProcess[str] | None" = None
    gated: list[dict] = field(default_factory=list)

    def writes(self) -> int:
        return sum(len(machine.writes) for machine in self.twin.machines.values())

    def count(self, table: str) -> int:
        return count(self.anneal.directory / "state" / "anneal.db", table)


def fill(directory: Path, net: int) -> None:
    write(directory, net, [Server(1), Server(2)], PASSWORD)
    twin = yaml.safe_load((directory / "twin.yaml").read_text())
    full, passing = twin["machines"]
    for machine in (full, passing):
        machine["bmc"]["personality"] = "idrac"
    full["disks"] = [{"serial": f"A{one}", "gib": 40} for one in range(2)]
    full["volumes"] = [{"name": "payroll", "raid": "RAID0", "drives": ["A0", "A1"], "content": "data"}]
    passing["quirks"] = [75]
    passing["disks"] = [{"serial": f"B{one}", "gib": 40} for one in range(2)]
    passing["disks"].append({"serial": "B2", "gib": 80, "content": "data", "foreign": True})
    (directory / "twin.yaml").write_text(yaml.safe_dump(twin))
    site = yaml.safe_load((directory / "site" / "site.yaml").read_text())
    firmware = [package(directory / "site", "BIOS", "1.9.0")]
    site["profiles"] = {
        f"of-{name}": {"match": [{"node": name, "must": True}], **EACH, "firmware": firmware, "raid": raid}
        for name, raid in RAIDS.items()
    }
    site["groups"]["compute"]["roles"] = ["hardware-ready"]
    for name, serial in ((FULL, "VD1-A0"), (PASSING, "VD1-B0")):
        site["nodes"][name]["root_disk"] = {"serial": serial}
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))


@contextmanager
def running(anneal: Command, words: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    child = subprocess.Popen(
        [ANNEAL, *words],
        env=os.environ | dict(anneal.environment),
        cwd=anneal.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def killed_at(rehearsal: Rehearsal, words: Sequence[str], writes: int) -> bool:
    """Run, and kill it as soon as the BMCs have taken so many writes; False where it ended before."""
    end = time.monotonic() + WAIT
    with running(rehearsal.anneal, words) as child:
        while rehearsal.writes() < writes:
            assert time.monotonic() < end, f"{rehearsal.writes()} of {writes} writes"
            try:
                child.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            return False
        child.send_signal(signal.SIGKILL)
        return child.wait() == -signal.SIGKILL


def kill_until_it_ends(rehearsal: Rehearsal, moments: random.Random, consent: Sequence[str] = ()) -> None:
    """The consent is given once; whoever goes on after a kill asks for none."""
    ready = ["ready", "r1", "--wait"]
    most = rehearsal.kills + MOST_KILLS
    while rehearsal.kills < most:
        words = consent if consent and not rehearsal.count("consent") else ready
        if not killed_at(rehearsal, words, rehearsal.writes() + moments.randint(1, MOST_WRITES)):
            break
        rehearsal.kills += 1
    rehearsal.last = rehearsal.anneal(*ready, within=WAIT)


@pytest.fixture(scope="module")
def rehearsal(anneal_on):
    anneal = anneal_on()
    fill(anneal.directory, Net.STAGED_KILLS)
    moments = random.Random(SEED)  # noqa: S311  repeatable, not secret
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        told = Rehearsal(anneal, twin)
        kill_until_it_ends(told, moments)
        told.gated = [row for row in anneal.told("status", "--roles") if row["state"] == "gated"]
        saved = str(anneal.directory / "raid.plan")
        anneal("plan", "r1", "--out", saved)
        consent = ["apply", saved, "--confirm-erase", FULL, "--confirm-erase", PASSING, "--wait"]
        kill_until_it_ends(told, moments, consent)
        yield told


def test_both_stopped_before_anything_that_holds_data_and_named_it(rehearsal):
    says = {row["node"]: row["says"] for row in rehearsal.gated if row["role"] == "raid-configured"}
    assert "'payroll', RAID0 on drives A0, A1" in says[FULL]
    assert "foreign configuration" in says[PASSING]
    assert "on drives B2" in says[PASSING]


def test_it_converges_whenever_it_is_killed(rehearsal):
    assert rehearsal.kills >= FEWEST_KILLS
    assert rehearsal.last.returncode == 0, rehearsal.last.stdout + rehearsal.last.stderr
    rows = rehearsal.anneal.told("status")
    assert {row["node"]: row["milestone"] for row in rows} == dict.fromkeys((FULL, PASSING), "hardware-ready")


def test_every_volume_is_made_once_and_stands(rehearsal):
    for name, drives in ((FULL, ("A0", "A1")), (PASSING, ("B0", "B1"))):
        machine = rehearsal.twin.machine(name)
        assert [(one.name, one.raid_type, one.drives) for one in machine.array.volumes.values()] == [
            ("os", "RAID1", drives)
        ]
        assert [one.says for one in machine.writes if one.says.startswith("create ")] == [
            f"create RAID1 of {', '.join(drives)}"
        ]
    assert rehearsal.twin.machine(PASSING).array.mode == "RAID"


def test_only_what_was_consented_to_is_destroyed_and_once(rehearsal):
    erased = {name: [work.says for work in machine.erases] for name, machine in rehearsal.twin.machines.items()}
    assert erased == {FULL: ["delete a volume"], PASSING: ["clear a foreign configuration"]}
    assert rehearsal.count("consent") == len(erased)


def test_firmware_is_sent_once_and_the_settings_are_in_force(rehearsal):
    for machine in rehearsal.twin.machines.values():
        assert [work.says for work in machine.flashes] == ["BIOS 1.9.0"]
        assert machine.settings.bios.current["ProcCoreDisable"] == 2


def test_no_session_is_left_on_a_bmc(rehearsal):
    assert {name: machine.sessions_live for name, machine in rehearsal.twin.machines.items()} == {
        FULL: set(),
        PASSING: set(),
    }
