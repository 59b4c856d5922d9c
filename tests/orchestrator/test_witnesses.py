"""Ramdisks and switches together: what is recorded, what is asked now, and how far to look."""

from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import insert

from drivers.ability.switch import Neighbour, PortIdKind, SwitchPort
from drivers.errors import Unreachable
from inventory.address import Endpoint
from inventory.load import load
from orchestrator.agent.tables import INSPECTION
from orchestrator.record import Record
from orchestrator.store import now
from orchestrator.switchviews import SwitchViews

CHASSIS = "0402000000aa01"


def frame(switch, port, ttl=120):
    """What a switch says of itself, as pairs of TLV type and hexadecimal value."""
    named = [(1, bytes.fromhex(CHASSIS)), (2, b"\x05" + port.encode()), (3, ttl.to_bytes(2)), (5, switch.encode())]
    return [*([kind, value.hex()] for kind, value in named), [0, ""]]


class Told:
    """A switch with these neighbours, by port: the MAC of whoever is there."""

    def __init__(self, macs, down=()):
        self._macs, self._down = macs, down

    def ports(self):
        names = [f"swp{number}" for number in range(1, 5)]
        return tuple(SwitchPort(name, enabled=True, up=name not in self._down, speed_mbps=25_000) for name in names)

    def neighbours(self):
        return tuple(Neighbour(port, mac, None, PortIdKind.MAC, mac) for port, mac in self._macs.items())

    def learned(self):
        return ()

    def lags(self):
        return ()

    def close(self):
        """Nothing is open."""


@pytest.fixture
def record(site_directory):
    return Record(load(site_directory), site_directory / ".anneal")


@pytest.fixture
def inspected(record):
    """Record what a node's ramdisk heard: the port at each NIC, None where the wire was silent."""
    boots = iter(range(1, 100))

    def add(node, *ports, ago=timedelta()):
        macs = [str(nic.mac) for nic in record.site.nodes[node].nics]
        names = [f"ens{number}" for number in range(len(ports))]
        body = {
            "inventory": {
                "interfaces": [
                    {"name": name, "mac_address": mac, "has_carrier": port is not None, "speed_mbps": 25000}
                    for name, mac, port in zip(names, macs, ports, strict=True)
                ]
            },
            "lldp_raw": {name: frame("sw1", port) if port else [] for name, port in zip(names, ports, strict=True)},
        }
        with record.store.begin() as connection:
            row = {"boot": next(boots), "node": node, "at": now() - ago, "body": body}
            connection.execute(insert(INSPECTION), row)

    return add


@pytest.fixture
def driven(record):
    """Give the site's switch a driver."""

    def give(opener):
        record.witnesses = type(record.witnesses)(
            record.site, record.agents, SwitchViews(record.store, opener), record.states_of
        )
        return record.witnesses

    return give


def told(seen):
    return {str(one.cable): one.verdict.value for one in seen.judgement.verdicts}


def test_a_host_alone_is_witness_enough(record, inspected):
    inspected("n1", "swp1", "swp2")
    seen = record.witnesses.judge(["n1"], ask=True)
    assert told(seen) == {"n1:eth0 - sw1:swp1": "OK", "n1:eth1 - sw1:swp2": "OK"}
    assert (seen.asked, seen.errors) == (frozenset(), {})


def test_a_swap_is_found_from_either_node_as_the_others_evidence_is_taken_in(record, inspected):
    inspected("n1", "swp1", "swp4")
    inspected("n2", "swp3", "swp2")
    for name in ("n1", "n2"):
        seen = record.witnesses.judge([name], ask=False)
        assert told(seen)[f"{name}:eth1 - sw1:swp{2 if name == 'n1' else 4}"] == "SWAPPED"
        assert "they are swapped" in " ".join(one.says for one in seen.judgement.verdicts)
        assert {cable.a.device for repair in seen.judgement.repairs for cable in repair.cables} == {"n1", "n2"}


def test_a_wire_that_nobody_listened_to_is_unknown_and_a_silent_one_missing(record, inspected):
    inspected("n1", "swp1", None)
    with record.store.begin() as connection:
        nic = {"name": "a", "mac_address": str(record.site.nodes["n2"].nics[0].mac)}
        row = {"boot": 77, "node": "n2", "at": now(), "body": {"inventory": {"interfaces": [nic]}}}
        connection.execute(insert(INSPECTION), row)
    seen = told(record.witnesses.judge(["n1", "n2"], ask=False))
    assert seen["n1:eth1 - sw1:swp2"] == "MISSING"
    assert seen["n2:eth0 - sw1:swp3"] == "UNKNOWN"


def test_a_switch_sees_a_cable_that_was_moved_after_the_ramdisk_looked(record, inspected, driven):
    inspected("n1", "swp1", "swp2", ago=timedelta(days=3))
    macs = [str(nic.mac) for nic in record.site.nodes["n1"].nics]
    witnesses = driven(lambda _: closing(Told({"swp1": macs[0], "swp4": macs[1]})))
    seen = witnesses.judge(["n1"], ask=True)
    assert told(seen) == {"n1:eth0 - sw1:swp1": "OK", "n1:eth1 - sw1:swp2": "SWAPPED"}
    assert seen.asked == {"sw1"}
    moved = seen.judgement.verdicts[1]
    assert moved.found == Endpoint("sw1", "swp4")
    assert "n1:eth1 heard sw1:swp2 3d ago, but sw1:swp4 heard n1:eth1 now, which counts" in moved.findings


def test_what_a_switch_told_before_counts_where_it_is_not_asked(record, driven):
    macs = [str(nic.mac) for nic in record.site.nodes["n1"].nics]
    driven(lambda _: closing(Told({"swp1": macs[0], "swp2": macs[1]}))).judge(["n1"], ask=True)
    asleep = Record(load(record.state.parent), record.state).witnesses.judge(["n1"], ask=False)
    assert set(told(asleep).values()) == {"OK"}
    assert asleep.judgement.verdicts[0].witness == "LLDP heard by sw1"


def test_a_switch_that_is_silent_is_told_of_beside_what_others_saw(record, inspected, driven):
    def silent(name):
        raise Unreachable(name, "no answer", "look at it")

    inspected("n1", "swp1", "swp2")
    seen = driven(silent).judge(["n1"], ask=True)
    assert set(told(seen).values()) == {"OK"}
    assert list(seen.errors) == ["sw1"]
    assert seen.judgement.verdicts[0].findings == ("sw1: no answer. look at it",)


def test_a_whole_site_is_judged_at_once_and_in_its_order(record, inspected):
    inspected("n1", "swp1", "swp2")
    inspected("n2", "swp3", "swp4")
    seen = record.witnesses.judge(record.site.nodes.keys() | {"sw1"}, ask=False)
    assert list(told(seen)) == [f"{link.a} - {link.b}" for link in record.site.links]
    assert seen.judgement.steps == []
