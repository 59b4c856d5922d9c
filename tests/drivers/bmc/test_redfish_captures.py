"""The trees of real BMCs, served as they were captured: one host, sane NICs, no write, bounded requests."""

import json
import os
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.facts import HardwareFacts, PowerState

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[4] / "shared/data")) / "redfish"
SESSIONS = "/redfish/v1/SessionService/Sessions"


@dataclass(frozen=True)
class Machine:
    """What a capture is known to hold, by reading it."""

    serial: str | None
    power: PowerState
    processors: int | None
    memory_gib: int | None
    nics: int
    drives: int
    bmc_version: str


KNOWN = {
    "dell-r750-idrac9-6.00": Machine("CNIVC0014M0388", PowerState.ON, 2, 512, 5, 3, "6.00.30.00"),
    "hpe-dl360g10p-ilo5-3.11": Machine("MXQ2390RHW", PowerState.ON, 2, 192, 6, 2, "iLO 5 v3.11"),
    "supermicro-sys821ge-x13-bmc": Machine("S889914X3710910", PowerState.ON, 2, None, 12, 8, "11.01.01"),
    "openbmc-stock-2.15dev": Machine(None, PowerState.OFF, None, None, 0, 0, "2.15.0-dev-686-g100c36de90"),
    "dmtf-public-rackmount1": Machine("437XR1138R2", PowerState.ON, 2, 96, 3, 2, "1.45.455b66-rev4"),
}


@pytest.fixture(scope="module", params=KNOWN)
def capture(request) -> tuple[str, dict[str, dict]]:
    path = CAPTURES / f"{request.param}.tar.xz"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
    resources = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            name = entry.name.partition("/")[2]
            if name.endswith("/index.json") and name.startswith("redfish/v1") and (file := archive.extractfile(entry)):
                resources["/" + name.removesuffix("/index.json")] = json.loads(file.read())
    return request.param, resources


@dataclass(frozen=True)
class Reading:
    known: Machine
    facts: HardwareFacts
    requests: list[tuple[str, str]]
    missing: Counter[str]
    members: int


@pytest.fixture
def reading(capture, lab) -> Reading:
    name, resources = capture
    lab.lookup = lambda path: resources.get(path.rstrip("/"))
    machine = lab.connect()
    facts = machine.facts()
    assert machine.power() is facts.power
    machine.close()
    gets = [heard.path for heard in lab.sent("GET")]
    told = [resources.get(path.rstrip("/"), {}) for path in set(gets)]
    return Reading(
        KNOWN[name],
        facts,
        [(heard.method, heard.path) for heard in lab.heard],
        Counter(path for path in gets if path.rstrip("/") not in resources),
        sum(len(body.get("Members") or []) for body in told),
    )


def test_the_host_is_the_one_that_was_captured(reading):
    facts, known = reading.facts, reading.known
    assert (facts.identity.serial, facts.power, facts.processors) == (known.serial, known.power, known.processors)
    assert facts.identity.bmc_version == known.bmc_version
    assert facts.health in ("OK", "Warning", "Critical")
    if known.memory_gib is not None:
        assert facts.memory_mib == known.memory_gib * 1024


def test_its_nics_are_each_counted_once(reading):
    macs = [nic.mac for nic in reading.facts.nics]
    assert len(set(macs)) == len(macs) == reading.known.nics


def test_its_drives_are_each_counted_once(reading):
    drives = reading.facts.drives
    assert len(drives) == reading.known.drives
    assert all(drive.bytes is None or drive.bytes > 10**9 for drive in drives)


def test_reading_it_writes_nothing_but_the_login(reading):
    writes = [method for method, _ in reading.requests if method != "GET"]
    assert writes == ["POST", "DELETE"]


def test_reading_it_asks_little_and_never_twice_for_what_is_not_there(reading):
    assert {path: count for path, count in reading.missing.items() if count > 1} == {}
    assert len(reading.requests) < 4 * max(reading.members, 10)
