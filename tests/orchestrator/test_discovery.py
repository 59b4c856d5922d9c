from contextlib import contextmanager

import pytest
import yaml

from drivers.dhcp_listener import Asker
from drivers.errors import Denied, Unreachable
from drivers.facts import HardwareFacts, Identity, NicFact, PowerState
from inventory.address import HostPort, Mac, spread
from orchestrator.discovery import Found, propose, propose_heard, sweep

LOGIN = ("admin", "env:BMC")


def _facts(serial, *macs):
    nics = tuple(NicFact(Mac(mac), None, None, "test") for mac in macs)
    return HardwareFacts(Identity("Acme", "X1", serial, None, None, None), PowerState.OFF, 2, 4096, "OK", nics)


def test_a_new_machine_becomes_a_node_on_the_next_free_unit(lab):
    found = [Found(HostPort("10.78.0.40"), "redfish", _facts("SN-9", "52:54:00:01:09:00"), "")]
    proposal = yaml.safe_load(propose(found, lab, "r1", LOGIN).as_yaml())
    (node,) = proposal["nodes"].values()
    assert (node["unit"], node["serial"]) == (3, "SN-9")
    assert node["bmc"] == {"address": "10.78.0.40", "protocol": "redfish", "user": "admin", "password": "env:BMC"}
    assert node["nics"] == [{"name": "eth0", "mac": "52:54:00:01:09:00"}]


def test_a_machine_of_the_site_is_named_not_proposed_again(lab):
    by_address = Found(HostPort("10.78.0.11"), "redfish", _facts(None), "")
    by_mac = Found(HostPort("10.78.0.99"), "redfish", _facts(None, "52:54:00:01:02:01"), "")
    proposal = propose([by_address, by_mac], lab, "r1", LOGIN)
    assert proposal.nodes == {}
    assert proposal.known == {"10.78.0.11": "n1", "10.78.0.99": "n2"}


def test_a_bmc_that_refused_the_login_is_reported_and_not_proposed(lab):
    refused = Found(HostPort("10.78.0.50"), "redfish", None, "login refused")
    assert propose([refused], lab, "r1", LOGIN).nodes == {}


def test_a_sweep_leaves_silent_addresses_out_and_goes_on_after_a_refusal():
    @contextmanager
    def opens(address, protocol):
        if address.host.endswith(".1"):
            raise Unreachable(str(address), "connect", "look at it")
        if address.host.endswith(".2"):
            raise Denied(str(address), "log in", "look at the secret")
        yield _Machine(protocol)

    found = list(sweep([HostPort(one) for one in spread("10.0.0.1-10.0.0.3")], ["redfish", "ipmi"], opens))
    assert [(one.address.host, one.facts is not None) for one in found] == [("10.0.0.2", False), ("10.0.0.3", True)]


class _Machine:
    def __init__(self, protocol):
        self.protocol = protocol

    def facts(self):
        return _facts(self.protocol)


def test_a_machine_that_asked_for_an_address_is_proposed_with_its_firmware(lab):
    heard = [
        Asker(Mac("52:54:00:01:09:00"), "bios", None, None),
        Asker(Mac("52:54:00:01:01:00"), "uefi", None, None),
    ]
    proposal = propose_heard(heard, lab, "r1")
    (node,) = proposal.nodes.values()
    assert node["boot_mode"] == "bios"
    assert proposal.known == {"52:54:00:01:01:00": "n1"}


@pytest.mark.parametrize("text", ["x", "10.0.0.9-10.0.0.1", "10.0.0.0/8"])
def test_a_range_that_is_none_says_what_to_write(text):
    with pytest.raises(ValueError, match=r"write|narrow"):
        spread(text)


def test_ranges_leave_network_and_broadcast_out():
    assert spread("10.0.0.0/30") == ["10.0.0.1", "10.0.0.2"]
    assert spread("10.0.0.7") == ["10.0.0.7"]
    assert spread("10.0.0.7-10.0.0.8") == ["10.0.0.7", "10.0.0.8"]
