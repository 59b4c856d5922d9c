"""The trees of real BMCs, served as they were captured: one host, sane NICs, no write, bounded requests."""

import json
import os
import tarfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from drivers.ability.firmware import versions
from drivers.card import Card
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
    "supermicro-sys821ge-x13-bmc": Machine("S889914X3710910", PowerState.ON, 2, 2048, 11, 8, "11.01.01"),
    "openbmc-stock-2.15dev": Machine(None, PowerState.OFF, None, None, 0, 0, "2.15.0-dev-686-g100c36de90"),
    "dmtf-public-rackmount1": Machine("437XR1138R2", PowerState.ON, 2, 96, 2, 2, "1.45.455b66-rev4"),
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


# What a profile calls them, and the version that runs.
RUNNING = {
    "dell-r750-idrac9-6.00": {
        "BIOS": "1.8.2",
        "Integrated Dell Remote Access Controller": "6.00.30.00",
        "Backplane 1": "3.48",
        "Broadcom Gigabit Ethernet BCM5720 - 70:B5:E8:F0:52:DC": "21.80.9",
    },
    "hpe-dl360g10p-ilo5-3.11": {"System ROM": "U46 v2.34 (03/11/2025)", "Power Supply Firmware": "2.00"},
    "supermicro-sys821ge-x13-bmc": {"BMC": "11.01.01", "Software Inventory HGX_FW_FPGA_0": "2.11"},
}


def test_what_the_plan_and_the_step_hold_a_baseline_against_is_the_same(capture, lab):
    name, resources = capture
    lab.lookup = lambda path: resources.get(path.rstrip("/"))
    machine = lab.connect()
    planned = {item.component: item.version for item in machine.facts().firmware}
    assert planned == versions(machine.components())
    assert RUNNING.get(name, {}).items() <= planned.items()
    machine.close()


@dataclass(frozen=True)
class Told:
    """What a card of a capture must say, by reading the capture by hand."""

    family: str
    bios: tuple[str | None, int | None, str | None]
    resets: int
    targets: int
    volumes: tuple[tuple[str, str | None, int], ...]  # id, RAID type, number of drives
    slots: tuple[str, ...]  # the last two parts of their paths
    methods: tuple[str, ...]
    accounts: tuple[int, int | None, int | None]
    timeout_s: int
    secure_boot: bool | None


_R750 = "/redfish/v1/Systems/System.Embedded.1"
TOLD = {
    "dell-r750-idrac9-6.00": Told(
        "idrac",
        ("1.8.2", 455, f"{_R750}/Bios/Settings"),
        8,
        10,
        tuple((f"Disk.Bay.{bay}:Enclosure.Internal.0-1", None, 1) for bay in (2, 1, 0)),
        ("VirtualMedia/1", "VirtualMedia/2", "VirtualMedia/RemovableDisk", "VirtualMedia/CD"),
        ("multipart", "push", "simple"),
        (3, 0, 40),
        1800,
        secure_boot=False,
    ),
    "hpe-dl360g10p-ilo5-3.11": Told(
        "ilo",
        ("U46 v2.34 (03/11/2025)", 276, "/redfish/v1/systems/1/bios/settings/"),
        7,
        12,
        (("1", "RAID1", 2),),  # by SmartStorage: the standard collection counts one and lists none
        ("VirtualMedia/1", "VirtualMedia/2"),
        ("push", "simple"),
        (2, 8, None),
        30,
        secure_boot=False,
    ),
    "supermicro-sys821ge-x13-bmc": Told(
        "supermicro",
        ("1.4", 379, "/redfish/v1/Systems/1/Bios/SD"),
        8,
        10,
        (),
        ("VirtualMedia/VirtualMedia1", "VirtualMedia/VirtualMedia2", "VirtualMedia/VirtualMedia3"),
        ("multipart", "simple"),
        (2, 8, 20),
        300,
        secure_boot=False,
    ),
    "openbmc-stock-2.15dev": Told(
        "openbmc", (None, None, None), 8, 7, (), (), ("multipart", "push"), (1, 8, 20), 1800, secure_boot=None
    ),
    "dmtf-public-rackmount1": Told(
        "generic",
        ("P79 v1.45 (12/06/2017)", 10, "/redfish/v1/Systems/437XR1138R2/Bios/Settings"),
        8,
        10,
        (),
        (),  # two slots without an action, and nothing that says they take PATCH
        ("push", "simple"),
        (1, 8, None),
        30,
        secure_boot=False,
    ),
}


@dataclass(frozen=True)
class Probing:
    """A card, and what the BMC heard for it."""

    card: Card
    told: Told
    known: Machine
    resources: dict[str, dict]
    heard: list[tuple[str, str]]
    still_open: int


@pytest.fixture(params=[True, False], ids=["written out", "by reference"])
def probing(request, capture, lab, card_of) -> Probing:
    name, resources = capture
    lab.lookup = partial(written_out, resources) if request.param else lambda path: resources.get(path.rstrip("/"))
    card = card_of(lab)
    heard = [(one.method, one.path) for one in lab.heard]
    return Probing(card, TOLD[name], KNOWN[name], resources, heard, len(lab.live))


def written_out(resources: dict[str, dict], path: str) -> dict | None:
    """As a BMC serves it that knows $expand."""
    path, expand, _ = path.partition("?$expand=.")
    told = resources.get(path.rstrip("/"))
    if not expand or told is None:
        return told
    links = [member["@odata.id"] for member in told["Members"]]
    return {**told, "Members": [resources.get(link, {"@odata.id": link}) for link in links]}


def test_the_card_says_what_the_capture_holds(probing):
    card, told = probing.card, probing.told
    assert card.bmc.family == told.family
    assert (card.bios.version, card.bios.attributes, card.bios.pending_uri) == told.bios
    assert (len(card.power.actions), len(card.boot.targets)) == (told.resets, told.targets)
    assert tuple((one.id, one.raid_type, len(one.drives)) for one in card.volumes) == told.volumes
    assert card.update.methods == told.methods
    assert (card.accounts.count, card.accounts.min_password, card.accounts.max_password) == told.accounts
    assert (card.sessions.timeout_s, card.secure_boot) == (told.timeout_s, told.secure_boot)


def test_the_card_tells_of_the_same_machine_as_the_facts(probing):
    card, known = probing.card, probing.known
    assert (card.serial, card.processors, card.bmc.version) == (known.serial, known.processors, known.bmc_version)
    assert card.power.state == known.power
    assert card.memory_mib == (known.memory_gib * 1024 if known.memory_gib else None)
    macs = [nic.mac for nic in card.nics]
    assert len(set(macs)) == len(macs) == known.nics
    assert len(card.drives) == known.drives


def test_only_slots_that_can_be_filled_are_on_the_card(probing):
    assert tuple("/".join(slot.slot.split("/")[-2:]) for slot in probing.card.virtual_media) == probing.told.slots
    for slot in probing.card.virtual_media:
        assert probing.resources[slot.slot]["Actions"]["#VirtualMedia.InsertMedia"]["target"]
        assert slot.how == "action"


def test_what_a_volume_is_made_of_is_on_the_card_too(probing):
    drives = {drive.id for drive in probing.card.drives}
    assert {drive for volume in probing.card.volumes for drive in volume.drives} - drives == set()


def test_a_card_costs_few_requests_none_of_them_a_write(probing):
    heard = probing.heard
    assert [method for method, _ in heard if method != "GET"] == ["POST", "DELETE"]
    assert probing.still_open == 0
    assert probing.card.requests == len(heard) < 120
    missing = Counter(path for method, path in heard if path.rstrip("/") not in probing.resources and method == "GET")
    assert {path: count for path, count in missing.items() if count > 1} == {}
    asked = {path.partition("?")[0].rstrip("/") for _, path in heard}
    members = sum(len(probing.resources.get(path, {}).get("Members") or []) for path in asked)
    assert len(heard) < 4 * max(members, 10)


def test_members_that_came_written_out_are_not_asked_for_again(capture, lab, card_of):
    _, resources = capture
    lab.lookup = lambda path: resources.get(path.rstrip("/"))
    by_reference = card_of(lab)
    lab.lookup = partial(written_out, resources)
    expanded = card_of(lab)
    assert replace(expanded, requests=0, findings=()) == replace(by_reference, requests=0, findings=())
    offered = resources["/redfish/v1"]["ProtocolFeaturesSupported"]["ExpandQuery"]["NoLinks"]
    assert expanded.requests < by_reference.requests if offered else expanded.requests == by_reference.requests
