"""The capability card of a machine behind IPMI, and when IPMI is tried at all."""

import pytest

from drivers.catalog import probe
from drivers.errors import Denied, Unreachable
from drivers.facts import PowerState
from drivers.trust import Trust
from inventory.model import Bmc
from inventory.secrets import Login, Secret

PORT = 6231


class Pins:
    def fingerprint(self, address):
        return None

    def pin(self, address, fingerprint):
        """Nothing is remembered: each test meets its BMC once."""


@pytest.fixture
def machine(rack_of, machine_of, subnet):
    twin = rack_of(machine_of(1, bmc={"protocol": "ipmi", "address": f"{subnet}.101:{PORT}"}))
    return twin.machine("n1")


@pytest.fixture
def card_of(subnet):
    def card(*protocols, **other):
        address = {"address": f"{subnet}.101:{PORT}", "user": "admin", "password": "env:X"}
        login = Login("admin", Secret(other.get("secret", "Canary-1")))
        return probe(Bmc.model_validate(address), login, Trust(Pins()), protocols or ("redfish", "ipmi"))

    return card


@pytest.mark.parametrize("protocols", [(), ("ipmi",)], ids=["what answers", "ipmi"])
def test_ipmi_tells_who_it_is_and_names_what_it_cannot_tell(machine, card_of, protocols, within):
    card = card_of(*protocols)
    assert (card.bmc.family, card.serial, card.uuid) == ("ipmi", "SN-1", str(machine.spec.system_uuid))
    assert (card.power.state, card.power.actions, card.nics, card.processors) == (PowerState.OFF, (), (), None)
    assert (card.accounts.count, card.accounts.max_password) == (1, None)
    assert [finding.code for finding in card.findings] == ["not-told"]
    assert "Secure Boot" in card.findings[0].says
    within(lambda: machine.sessions_closed == 1)  # a logout is a packet that nobody waits for
    assert (machine.sessions_opened, machine.writes) == (1, [])


def test_only_the_protocol_that_was_asked_for_is_tried(machine, card_of):
    with pytest.raises(Unreachable, match="no TLS handshake"):
        card_of("redfish")
    assert machine.sessions_opened == 0


def test_a_login_that_ipmi_refuses_is_said_so(machine, card_of):
    with pytest.raises(Denied):
        card_of(secret="Wrong")
    assert (machine.sessions_opened, machine.writes) == (0, [])
