"""What controllers are to be before volumes are made, and what is said to be impossible before anything is lost."""

from dataclasses import replace

import pytest

from drivers.ability.storage import Controller, Volume
from drivers.facts import Drive
from inventory.profile import RaidController
from orchestrator.controllers import setup, shortcomings

DRIVES = tuple((f"/d/{n}", Drive(f"Disk {n}", 10, "SSD", "SAS", f"S{n}")) for n in range(2))
PERC = Controller("/c/RAID.1", "PERC", "RAID", DRIVES, (), sets_mode=True, clears_foreign=True)
PAYROLL = Volume("/v/1", "6000AA", "payroll", "RAID1", 10, ("/d/0", "/d/1"))
PORTS = Controller("/c/AHCI.1", "AHCI", None, (), ())


def asked(**more):
    return [RaidController.model_validate(more)]


def test_what_is_so_already_needs_nothing():
    assert setup(asked(mode="RAID", foreign="clear"), [PERC]).holds


def test_a_mode_that_the_bmc_cannot_set_costs_no_volume():
    """Else they would be deleted, and then nothing could be done."""
    found = setup(asked(mode="HBA"), [replace(PERC, volumes=(PAYROLL,), sets_mode=False)])
    assert (found.lost, found.modes) == ((), ())
    assert "offers no way to make that HBA" in shortcomings(found, [PERC])


def test_a_foreign_configuration_that_the_bmc_cannot_clear_costs_no_volume():
    found = setup(asked(foreign="clear"), [replace(PERC, foreign=("/d/0",), clears_foreign=False)])
    assert found.clearings == ()
    assert "offers no way to clear a foreign configuration" in shortcomings(found, [PERC])


def test_that_none_is_foreign_is_not_believed_of_drives_that_tell_nothing():
    mute = replace(PERC, unstated=("/d/0", "/d/1"))
    found = setup(asked(foreign="clear"), [mute])
    assert not found.holds
    assert "PERC does not tell of foreign configurations" in shortcomings(found, [mute])


def test_a_controller_beside_it_that_tells_nothing_is_in_nobodys_way():
    mute = replace(PORTS, drives=DRIVES[:1], unstated=("/d/0",))
    assert setup(asked(mode="RAID", foreign="clear"), [PERC, mute]).holds


@pytest.mark.parametrize(("mode", "holds"), [("RAID", True), ("HBA", False)])
def test_a_controller_that_makes_volumes_and_tells_no_mode_is_not_taken_to_pass_its_drives_through(mode, holds):
    mute = replace(PERC, path="/c/BOSS.1", name="BOSS", mode=None, makes_volumes=True)
    beside = replace(PERC, mode=mode)
    assert setup(asked(mode=mode), [beside, mute]).holds is holds
    assert setup(asked(controller="PERC", mode=mode), [beside, mute]).holds


@pytest.mark.parametrize(("mode", "lost"), [("HBA", True), ("Mixed", False)])
def test_a_foreign_configuration_that_is_kept_stands_against_a_mode_that_would_lose_it(mode, lost):
    found = setup(asked(mode=mode), [replace(PERC, foreign=("/d/0",))])
    assert any("import or clear that first" in says for says in found.lacking) is lost


def test_just_the_volumes_of_a_controller_whose_mode_changes_are_lost():
    other = replace(PERC, path="/c/RAID.2", name="BOSS", volumes=(replace(PAYROLL, path="/v/2", id="6000BB"),))
    here = replace(PERC, volumes=(PAYROLL, replace(PAYROLL, path="/v/3", raid_type="RawDevice")))
    assert setup(asked(controller="PERC", mode="HBA"), [here, other]).lost == (PAYROLL,)


def test_a_drive_without_a_serial_number_cannot_be_consented_to():
    bare = replace(PERC, drives=(("/d/0", replace(DRIVES[0][1], serial=None)),), foreign=("/d/0",))
    assert "tells no serial number" in shortcomings(setup(asked(foreign="clear"), [bare]), [bare])


def test_nothing_is_asked_of_a_controller_that_nobody_names():
    assert (
        "no controller is called BOSS*; there are: PERC"
        in setup(asked(controller="BOSS*", mode="RAID"), [PERC]).lacking[0]
    )
