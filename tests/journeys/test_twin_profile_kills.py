"""Kills while passwords are exchanged, firmware is brought and settings wait for a reboot; then one run to the end."""

import json
import random
import subprocess
from dataclasses import dataclass

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import Command
from tests.journeys.small_rack import Server, write
from tests.journeys.test_twin_kills import count, killed_after
from tests.journeys.test_twin_profiles import package

pytestmark = pytest.mark.slow

PASSWORD = "canary-first-password"
KILLS, SEED, WAIT = 16, 7, 200.0
KINDS = ("idrac", "ilo", "generic")
NODES = [f"r1-n0{number}" for number in range(1, len(KINDS) + 1)]
SETTINGS = {
    "bmc": {"password": "rotate", "dead_defaults": True},
    "boot": {"secure_boot": True},
    "bios": {"SriovGlobalEnable": "Enabled"},
}


@dataclass(frozen=True)
class Killed:
    anneal: Command
    twin: Twin
    kills: int
    last: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def killed(anneal_on):
    anneal = anneal_on()
    write(anneal.directory, 46, [Server(number) for number in range(1, len(KINDS) + 1)], PASSWORD)
    twin_file, site_file = anneal.directory / "twin.yaml", anneal.directory / "site" / "site.yaml"
    rack, site = yaml.safe_load(twin_file.read_text()), yaml.safe_load(site_file.read_text())
    for machine, kind in zip(rack["machines"], KINDS, strict=True):
        machine["bmc"]["personality"] = kind
    site["profiles"] = {"all": {**SETTINGS, "firmware": [package(anneal.directory / "site", "NIC", "21.0.0")]}}
    site["profiles"]["all"]["firmware"][0]["component"] = "Ethernet*"
    site["site"]["defaults"]["profile"] = "all"
    twin_file.write_text(yaml.safe_dump(rack))
    site_file.write_text(yaml.safe_dump(site, sort_keys=False))
    moments = random.Random(SEED)  # noqa: S311  repeatable, not secret
    record = anneal.directory / "state" / "anneal.db"
    with Twin(file.load(twin_file)) as twin:
        kills = 0
        while kills < KILLS:
            events, seconds = moments.randint(1, 6), moments.uniform(0, 0.3)
            if not killed_after(anneal, [], count(record, "event") + events, seconds):
                break
            kills += 1
        yield Killed(anneal, twin, kills, anneal("ready", "r1", "--wait", within=WAIT))


def test_all_of_them_end_as_asked(killed):
    assert killed.kills == KILLS
    assert killed.last.returncode == 0, killed.last.stdout + killed.last.stderr
    rows = killed.anneal.told("status", "--roles")
    assert [row for row in rows if row["state"] != "active"] == []


def test_nobody_is_locked_out_and_each_has_the_password_of_its_file(killed):
    for name in NODES:
        kept = json.loads((killed.anneal.directory / "state" / "secrets" / f"{name}.json").read_text())
        assert killed.twin.machine(name).accounts.find("admin").password == kept["current"]["password"] != PASSWORD
        assert set(kept) == {"current"}


def test_settings_are_in_force_on_every_machine(killed):
    machines = [killed.twin.machine(name) for name in NODES]
    assert [machine.settings.bios.current["SriovGlobalEnable"] for machine in machines] == ["Enabled"] * 3
    assert [machine.settings.secure_active for machine in machines] == [True] * 3


def test_no_firmware_was_flashed_twice(killed):
    assert [len(killed.twin.machine(name).flashes) for name in NODES] == [1] * 3


def test_no_session_is_left_open(killed):
    assert [name for name in NODES if killed.twin.machine(name).sessions_live] == []
