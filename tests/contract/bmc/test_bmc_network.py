"""The network of a simulated BMC of each family, set by the driver and told by the twin."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from drivers.ability.management import Static
from drivers.virtual.twin.shape import at
from tests.contract.bmc.conftest import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_takes_its_name_and_its_ipmi_switch_once(ward_of, family):
    ward = ward_of(family)
    with ward.driver() as driver:
        driver.set_hostname("renamed")
        driver.set_ipmi(enabled=False)
        writes = len(ward.machine.writes)
        driver.set_hostname("renamed")
        driver.set_ipmi(enabled=False)
        state = driver.bmc_state()
    assert (state.hostname, state.ipmi_enabled) == ("renamed", False)
    kept = ward.machine.settings.manager.values()
    assert {at(told, "HostName") for told in kept} - {None} == {"renamed"}
    assert False in [at(told, "IPMI", "ProtocolEnabled") for told in kept]
    assert len(ward.machine.writes) == writes


def test_an_address_that_is_only_stored_is_told_once(ward_of):
    ward = ward_of("ilo")
    wanted = Static(IPv4Interface("10.0.0.9/24"), IPv4Address("10.0.0.1"))
    with ward.driver() as driver:
        handles = [driver.set_address(wanted) for _ in range(2)]
    assert ["10.0.0.9/24" in handle.what for handle in handles if handle] == [True, True]
    [kept] = ward.machine.settings.manager.values()
    told = {"Address": "10.0.0.9", "SubnetMask": "255.255.255.0", "Gateway": "10.0.0.1"}
    assert at(kept, "IPv4StaticAddresses") == [told]
    assert len(ward.machine.writes) == 1
