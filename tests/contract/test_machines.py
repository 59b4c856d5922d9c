"""What every BMC driver must do, asked of real BMC software over the real wire."""

import socket
from datetime import timedelta

import pytest

from drivers.catalog import DRIVERS, connect, offers
from drivers.errors import Denied, IdentityChanged, Unreachable
from drivers.facts import BootTarget, PowerState
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret


@pytest.fixture
def machine(bench):
    made = bench.connect()
    yield made
    made.close()


@pytest.mark.parametrize("protocol", DRIVERS)
def test_a_driver_offers_what_a_ready_rack_needs(protocol):
    assert offers(DRIVERS[protocol]) >= {"identify", "power", "graceful", "boot", "facts"}


@pytest.mark.parametrize("ability", ["boot_control", "secure_boot", "bios", "follow"])
def test_redfish_offers_what_sets_a_machine_up_and_ipmi_cannot(ability):
    assert [protocol for protocol in DRIVERS if ability in offers(DRIVERS[protocol])] == ["redfish"]


def test_what_is_off_reads_off_and_turns_on_and_off_again(machine):
    assert machine.power() is PowerState.OFF
    machine.turn(PowerState.ON)
    assert machine.power() is PowerState.ON
    machine.turn(PowerState.OFF)
    assert machine.power() is PowerState.OFF


def test_a_cycle_ends_on_from_off_and_from_on(machine):
    machine.cycle()
    assert machine.power() is PowerState.ON
    machine.cycle()
    assert machine.power() is PowerState.ON


def test_asking_for_the_present_state_changes_nothing(machine):
    machine.turn(PowerState.OFF)
    assert machine.power() is PowerState.OFF


def test_a_host_is_shut_down_by_its_os_or_by_force_and_from_off_not_at_all(machine):
    machine.shut_down(timedelta(seconds=1), force=False)
    assert machine.power() is PowerState.OFF
    machine.turn(PowerState.ON)
    machine.shut_down(timedelta(seconds=1), force=True)
    assert machine.power() is PowerState.OFF


@pytest.mark.parametrize("target", [BootTarget.PXE, BootTarget.DISK])
def test_the_boot_device_that_was_set_reads_back(machine, target):
    assert machine.boot_once(target).target is target
    assert machine.boot().target is target


def test_a_machine_says_who_it_is(machine):
    identity = machine.identify()
    assert identity.uuid == "3f8a1c52-9d4e-4b60-8a77-0123456789ab"
    assert identity.vendor


def test_the_facts_hold_the_identity_and_the_power(machine):
    facts = machine.facts()
    assert facts.identity == machine.identify()
    assert facts.power is PowerState.OFF
    assert facts.health == "OK"


def test_a_wrong_password_is_denied(bench):
    with pytest.raises(Denied, match="tried once"):
        bench.connect(password="wrong")


def test_a_closed_machine_closes_again(bench):
    machine = bench.connect()
    machine.close()
    machine.close()
    assert bench.connect().power() is PowerState.OFF


@pytest.mark.parametrize("protocol", DRIVERS)
def test_nobody_at_the_address_is_unreachable(protocol, pins):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        bmc = Bmc.model_validate({"address": address, "protocol": protocol, "user": "a", "password": "env:UNUSED"})
        with pytest.raises(Unreachable, match=address):
            connect(bmc, Login("a", Secret("b")), Trust(pins))


def test_a_machine_that_tells_another_serial_is_refused_and_one_that_tells_none_is_not(bench):
    machine = bench.connect()
    serial = machine.identify().serial
    machine.close()
    if serial is None:
        bench.connect(expect_serial="SN-OTHER").close()
        return
    bench.connect(expect_serial=serial.lower()).close()
    with pytest.raises(IdentityChanged, match="SN-OTHER"):
        bench.connect(expect_serial="SN-OTHER")
