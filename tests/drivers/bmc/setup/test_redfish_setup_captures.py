"""Boot and BIOS of real machines' trees: read without a write, and staged where their own links lead."""

import json
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drivers.ability.bios import in_force, not_in_force
from drivers.ability.boot import SecureBootState
from drivers.errors import Busy, Refused, Unsupported
from drivers.facts import Boot, BootTarget

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[5] / "shared/data")) / "redfish"
NOWHERE = Boot(BootTarget.NONE, once=None, mode="uefi")


@dataclass(frozen=True)
class Known:
    """What a capture is known to hold, by reading it. `change`: an attribute, and a value that it has not."""

    attributes: int
    registry: int
    pending: set[str]
    order: int
    secure_boot: SecureBootState | None
    cd: str | None = None
    change: dict = field(default_factory=dict)
    settings: str = ""
    override: Boot = NOWHERE


KNOWN = {
    "dell-r750-idrac9-6.00": Known(
        455, 682, set(), 5, SecureBootState(enabled=False, active=False, mode="DeployedMode"), "Cd",
        {"BootMode": "Bios"}, "/redfish/v1/Systems/System.Embedded.1/Bios/Settings",
    ),
    "hpe-dl360g10p-ilo5-3.11": Known(
        276, 552, set(), 12, SecureBootState(enabled=False, active=False, mode="UserMode"), "Cd",
        {"BootMode": "LegacyBios"}, "/redfish/v1/systems/1/bios/settings/",
    ),
    "supermicro-sys821ge-x13-bmc": Known(
        379, 495, set(), 12, SecureBootState(enabled=False, active=False, mode="SetupMode"), "UsbCd",
        {"QuietBoot_002D": False}, "/redfish/v1/Systems/1/Bios/SD",
    ),
    "openbmc-stock-2.15dev": Known(0, 0, set(), 0, None, "Cd"),
    "dmtf-public-rackmount1": Known(
        10, 0, {"AdminPhone", "EmbeddedSata", "NicBoot2", "ProcTurboMode"}, 0,
        SecureBootState(enabled=False, active=False, mode="UserMode"), "Cd",
        settings="/redfish/v1/Systems/437XR1138R2/Bios/Settings", override=Boot(BootTarget.PXE, once=True, mode="uefi"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=KNOWN)
def capture(request):
    path = CAPTURES / f"{request.param}.tar.xz"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
    resources = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            name = "/" + entry.name.partition("/")[2].removesuffix("/index.json")
            if entry.name.endswith("/index.json") and (file := archive.extractfile(entry)):
                resources[name.casefold()] = file.read()
    return KNOWN[request.param], resources


@pytest.fixture
def known(capture, lab, new_reply):
    """The tree behind the lab. What is staged is kept beside it, in the settings object."""
    known, resources = capture
    lab.read, lab.staged = set(), {}

    def lookup(path):
        lab.read.add(path)
        raw = resources.get(path.rstrip("/").casefold())
        body = None if raw is None else json.loads(raw)
        if body is not None and path == known.settings:
            body["Attributes"] = body.get("Attributes", {}) | lab.staged
        return body

    lab.lookup = lookup

    def patched(heard):
        lab.staged |= heard.json()["Attributes"]
        if "@Redfish.SettingsApplyTime" not in heard.json():
            return new_reply(200)
        lab.resources["/jobs/1"] = {"JobState": "Scheduled"}
        return new_reply(202, None, {"Location": "/jobs/1"})

    lab.acts["PATCH", known.settings] = patched
    return known


@pytest.fixture
def machine(known, lab):
    made = lab.connect()
    yield made
    made.close()


def test_its_bios_is_read_where_its_links_lead(known, machine):
    state = machine.bios()
    assert (len(state.current), len(machine.bios_registry())) == (known.attributes, known.registry)
    assert (set(state.pending), state.jobs) == (known.pending, ())
    assert (state.pending_uri or "") == known.settings


def test_its_boot_settings_are_read(known, machine):
    told = machine.boot_settings()
    assert (told.override, told.mode, len(told.order)) == (known.override, "uefi", known.order)
    assert all(option.name for option in told.order)
    assert {"Pxe", "Hdd", known.cd} <= set(told.targets)


def test_its_secure_boot_is_read(known, machine):
    assert machine.secure_boot() == known.secure_boot


def test_reading_all_of_it_writes_nothing_but_the_login(lab, known, machine):
    machine.bios(), machine.bios_registry(), machine.boot_settings(), machine.secure_boot()
    assert [heard.method for heard in lab.heard if heard.method != "GET"] == ["POST"]


def test_one_reading_of_its_bios_asks_little(lab, known, machine):
    machine.bios()
    assert len(lab.sent("GET")) <= 25


def test_what_is_in_force_needs_nothing(known, machine):
    current = dict(list(machine.bios().current.items())[:5])
    if known.pending:
        with pytest.raises(Busy, match="AdminPhone"):
            machine.stage_bios(current)
    elif not known.attributes:
        with pytest.raises(Unsupported):
            machine.stage_bios({"Any": 1})
    else:
        wanted = {name: current[name] for name in current if not machine.bios_registry()[name].read_only}
        assert machine.stage_bios(wanted) is None


def test_a_change_is_staged_at_the_place_that_it_links_and_not_in_force_before_a_reset(lab, known, machine):
    if not known.change:
        pytest.skip("it has no registry, or something pending")
    with pytest.raises(Refused, match="Anneal: the registry knows no such attribute"):
        machine.stage_bios(known.change | {"Anneal": 1})
    left = machine.stage_bios(known.change)
    assert (left.needs_reset, bool(left.path)) == (True, bool(lab.sent("GET", "/jobs/1")))
    assert [heard.json()["Attributes"] for heard in lab.sent("PATCH", known.settings)] == [known.change]
    assert not in_force(machine.bios(), known.change)
    assert "wanted" in not_in_force(machine.bios(), known.change)
