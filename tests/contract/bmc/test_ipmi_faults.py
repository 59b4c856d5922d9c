"""IPMI from a BMC that is busy, and over a network that loses packets or brings them twice."""

import socket
from datetime import timedelta

import pytest

from drivers.catalog import session
from drivers.facts import PowerState
from drivers.ipmi.driver import Ipmi
from drivers.patience import Patience
from drivers.trust import Trust
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.states import Power
from drivers.virtual.twin.twin import Twin
from inventory.model import Bmc
from inventory.secrets import Login, Secret

NAME, USER, PASSWORD, SECOND = "r1-n01", "operator", "Canary-7f3a-Pas", "Canary-8c4b-Wor"
PATIENCE = Patience(
    answer=timedelta(seconds=8),
    power=timedelta(seconds=8),
    settle=timedelta(seconds=4),
    poll=timedelta(milliseconds=150),
)
WORDS = ("busy", "lost", "duplicate")


class Pins:
    def fingerprint(self, _address):
        return None

    def pin(self, _address, _fingerprint):
        raise AssertionError("IPMI has no certificate")


@pytest.fixture
def twin(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    bmc = {"protocol": "ipmi", "address": address, "user": USER, "password": PASSWORD}
    machine = {"name": NAME, "serial": "SN-7", "bmc": bmc, "nics": [{"mac": "52:54:00:01:01:00"}]}
    spec = {"name": "ward", "speed": 100, "boot": {"http": "http://127.0.0.1:9/{mac}"}, "machines": [machine]}
    with Twin(TwinSpec.model_validate(spec), tmp_path) as made:
        yield made


@pytest.fixture
def driver(twin):
    address = {"address": str(twin.machine(NAME).spec.bmc.address), "protocol": "ipmi", "user": USER}
    bmc = Bmc.model_validate({**address, "password": "env:UNUSED"})
    with session(bmc, Login(USER, Secret(PASSWORD)), Trust(Pins()), patience=PATIENCE) as machine:
        assert isinstance(machine, Ipmi)
        yield machine


@pytest.mark.fault("F38", "discover")
@pytest.mark.parametrize("word", WORDS)
def test_the_machine_is_read_all_the_same(twin, driver, word):
    twin.set_fault(NAME, f"F38.{word}x2")
    assert driver.facts().identity.serial == "SN-7"
    assert twin.machine(NAME).writes == []


@pytest.mark.fault("F38", "accounts")
@pytest.mark.parametrize("word", WORDS)
def test_a_user_is_set_up_once_all_the_same(twin, driver, word):
    twin.set_fault(NAME, f"F38.{word}x2")
    driver.add_account("anneal", Secret(SECOND))
    named = [one for one in twin.machine(NAME).accounts.named() if one.user == "anneal"]
    assert [(one.password, one.enabled) for one in named] == [(SECOND, True)]


@pytest.mark.fault("F38", "power")
@pytest.mark.parametrize("word", WORDS)
def test_the_machine_is_turned_on_once_all_the_same(twin, driver, word):
    twin.set_fault(NAME, f"F38.{word}x2")
    driver.turn(PowerState.ON)
    assert (twin.machine(NAME).power, twin.machine(NAME).power_actions) == (Power.ON, 1)
