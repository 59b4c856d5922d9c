"""Firmware that an iLO, which takes no file from us, fetches by itself from where it is served (SimpleUpdate)."""

import pytest

from drivers.errors import NotApplied
from tests.contract.bmc.ward import OPERATIONS, brought_about

pytestmark = pytest.mark.slow

FIRMWARE = OPERATIONS["firmware"]


def test_where_nothing_else_is_offered_it_is_fetched_once_and_read_back(ward_of):
    ward = ward_of("ilo")
    with ward.driver() as machine:
        assert machine.update_methods() == ("simple",)
    assert brought_about(ward, FIRMWARE) is None
    assert [work.says for work in ward.machine.flashes] == ["BIOS 9.9.9"]
    assert FIRMWARE.came(ward)


@pytest.mark.fault("F31", "firmware")
def test_an_image_that_cannot_be_had_is_no_success_and_nothing_is_flashed_until_it_can(ward_of):
    ward = ward_of("ilo")
    ward.twin.set_fault(ward.machine.name, "F31.firmware")
    error = brought_about(ward, FIRMWARE)
    assert isinstance(error, NotApplied)
    assert ward.machine.flashes == []
    ward.twin.clear_fault(ward.machine.name, "F31.firmware")
    assert brought_about(ward, FIRMWARE) is None
    assert [work.says for work in ward.machine.flashes] == ["BIOS 9.9.9"]
