"""An iDRAC, an iLO and a generic BMC, each with a profile, from the factory's settings to what is asked of them."""

import stat
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import file
from drivers.virtual.twin.admin import counters
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.twin import Twin
from tests.journeys.small_rack import Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-first-password"
WAIT = 300.0
KINDS = ("idrac", "ilo", "generic")
NODES = [f"r1-n0{number}" for number in range(1, len(KINDS) + 1)]
SET = {"bmc-configured", "boot-mode", "bios-configured"}
PROFILES = {
    "dell": {
        "match": [{"vendor": "Dell*", "must": True}, {"group": "compute"}],
        "bios": {"SriovGlobalEnable": "Enabled", "ProcCoreDisable": 2},
    },
    "hpe": {"match": [{"vendor": "HPE", "score": 5}], "bios": {"SriovGlobalEnable": "Enabled"}},
    "other": {"match": [{"vendor": "Twin", "score": 5}], "bios": {"NumaGroupSizeOpt": "Flat"}},
}
EVERYWHERE = {"bmc": {"password": "rotate", "dead_defaults": True}, "boot": {"secure_boot": True}}


def fill(directory: Path, net: int, kinds=KINDS) -> None:
    """The small rack with a kind of BMC for each machine, and profiles that tell them apart."""
    write(directory, net, [Server(number) for number in range(1, len(kinds) + 1)], PASSWORD)
    twin = yaml.safe_load((directory / "twin.yaml").read_text())
    for machine, kind in zip(twin["machines"], kinds, strict=True):
        machine["bmc"]["personality"] = kind
    (directory / "twin.yaml").write_text(yaml.safe_dump(twin))
    site = yaml.safe_load((directory / "site" / "site.yaml").read_text())
    site["profiles"] = {name: {**EVERYWHERE, **body} for name, body in PROFILES.items()}
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))


@pytest.fixture(scope="module")
def rack(anneal_on):
    """The command, the rack, and how `anneal ready` ended."""
    anneal = anneal_on()
    fill(anneal.directory, 35)
    with Twin(file.load(anneal.directory / "twin.yaml")) as twin:
        done = anneal("ready", "r1", "--wait", within=WAIT)
        yield anneal, twin, done


def heard(twin):
    told = {name: counters(machine) for name, machine in twin.machines.items()}
    return {name: {key: told[name][key] for key in told[name] if key not in ("sessions", "stage")} for name in told}


def test_every_machine_ends_as_its_profile_asks(rack):
    anneal, twin, done = rack
    assert done.returncode == 0, done.stdout + done.stderr
    rows = anneal.told("status", "--roles")
    assert {(row["node"], row["role"]) for row in rows} >= {(node, role) for node in NODES for role in SET}
    assert [row for row in rows if row["state"] != "active" or not row["evidence"]] == []
