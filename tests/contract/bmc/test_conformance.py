"""What every family of BMCs can do, by one set of tests: over TLS, and judged by what became of the machine."""

import pytest

from drivers.errors import Unsupported
from drivers.facts import BootTarget, PowerState
from drivers.virtual.twin.states import Power
from tests.contract.bmc.conftest import FAMILIES
from tests.contract.bmc.ward import OPERATIONS, brought_about

OTHERS = tuple(family for family in FAMILIES if family != "idrac")
DELLS_OWN = ("mode", "foreign")
WITHOUT = {("openbmc", "bios"): "stock OpenBMC serves no BIOS attributes"} | {
    (family, ability): "the standard has no way, and no vendor but Dell offers one"
    for family in OTHERS
    for ability in DELLS_OWN
}


@pytest.fixture(params=FAMILIES)
def ward(request, ward_of):
    return ward_of(request.param)


@pytest.mark.parametrize("ability", OPERATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_does_what_it_is_asked_once(ward_of, family, ability):
    if (family, ability) in WITHOUT:
        pytest.skip(WITHOUT[family, ability])
    ward, operation = ward_of(family), OPERATIONS[ability]
    operation.prepare(ward)
    assert brought_about(ward, operation) is None
    assert operation.came(ward)
    assert operation.times(ward) <= 1
    writes = len(ward.machine.writes)
    assert brought_about(ward, operation) is None
    assert len(ward.machine.writes) == writes, "it was so already, and something was written"


@pytest.mark.parametrize("ability", DELLS_OWN)
@pytest.mark.parametrize("family", OTHERS)
def test_what_dell_alone_offers_is_not_tried_elsewhere(ward_of, family, ability):
    ward, operation = ward_of(family), OPERATIONS[ability]
    operation.prepare(ward)
    writes = len(ward.machine.writes)
    error = brought_about(ward, operation)
    assert error is None or isinstance(error, Unsupported)
    assert not operation.came(ward)
    assert len(ward.machine.writes) == writes


def test_its_family_is_recognised(ward):
    with ward.driver() as driver:
        assert driver._host.family.name == ward.machine.personality.name


def test_power_goes_off_and_on(ward):
    with ward.driver() as driver:
        driver.turn(PowerState.ON)
        driver.cycle()
        assert ward.machine.power is Power.ON
        driver.turn(PowerState.OFF)
    assert ward.machine.power is Power.OFF


def test_a_boot_override_is_taken_back(ward):
    with ward.driver() as driver:
        driver.boot_once(BootTarget.PXE)
        assert driver.boot_once(BootTarget.NONE).target is BootTarget.NONE
        assert driver.boot().target is BootTarget.NONE
