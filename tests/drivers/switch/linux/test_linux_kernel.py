"""What a Linux kernel tells of ports, VLANs and LAGs."""

import json

import pytest

from drivers.ability.switch import MemberState
from drivers.errors import Garbled
from drivers.switch.linux_kernel import kernel, lags, learned
from tests.drivers.switch.linux.conftest import link, told_by

BOND = {"mode": "802.3ad", "ad_info": {"aggregator": 1, "partner_mac": "3c:ec:ef:00:00:01"}}
COLLECTS, ALONE = 0x3D, 0x0D


def member(name, **slave):
    told = {"state": "ACTIVE", "mii_status": "UP", "ad_aggregator_id": 1}
    return link(name, master="bond1", slave={**told, **slave})


@pytest.mark.parametrize(
    ("slave", "partner", "state"),
    [
        ({"ad_actor_oper_port_state": COLLECTS, "ad_partner_oper_port_state": COLLECTS}, True, MemberState.BUNDLED),
        ({"ad_actor_oper_port_state": COLLECTS, "ad_partner_oper_port_state": ALONE}, True, MemberState.DOWN),
        ({"ad_aggregator_id": 2, "ad_actor_oper_port_state": COLLECTS}, True, MemberState.DOWN),
        ({"mii_status": "DOWN"}, True, MemberState.DOWN),
        ({"ad_actor_oper_port_state": COLLECTS}, False, MemberState.INDIVIDUAL),
    ],
)
def test_a_member_is_bundled_only_where_both_ends_collect_and_distribute(slave, partner, state):
    info = {**BOND["ad_info"]} if partner else {"aggregator": 1, "partner_mac": "00:00:00:00:00:00"}
    told = told_by(link("bond1", kind="bond", own={**BOND, "ad_info": info}), member("swp1", **slave))
    (lag,) = lags(told)
    assert dict(lag.members) == {"swp1": state}


def test_an_old_iproute2_tells_vlans_by_port_and_ranges_are_written_out():
    sections = {
        "links": json.dumps([link("swp1")]),
        "vlans": json.dumps(
            {"swp1": [{"vlan": 10, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 20, "vlanEnd": 22}]}
        ),
        "speeds": "swp1 -1\neth0 1000\nswp2 4294967295\nswp3\n",
        "edges": "",
        "bypasses": "bond1 on 1\nbond2 off 0\nbond3\n",
    }
    told = kernel("sw1", sections)
    assert (told.vlans["swp1"].pvid, told.vlans["swp1"].tagged) == (10, {20, 21, 22})
    assert told.speeds == {"eth0": 1000}
    assert told.bypasses == {"bond1": True, "bond2": False}


def test_what_is_no_cables_end_is_no_port():
    told = told_by(link("swp1"), link("eth0"), link("vlan9", kind="vlan"), link("bond1", kind="bond"))
    assert [name for name in told.links if told.port(name)] == ["swp1"]


def test_its_own_addresses_are_not_learned_ones():
    rows = [
        {"mac": "52:54:00:00:00:01", "ifname": "swp1", "vlan": 100, "master": "bridge", "state": ""},
        {"mac": "52:54:00:00:00:02", "ifname": "swp2", "master": "bridge", "state": "permanent"},
        {"mac": "52:54:00:00:00:03", "ifname": "swp3", "master": "bridge", "state": "static"},
        {"mac": "nonsense", "ifname": "swp3", "master": "bridge"},
        {"mac": "33:33:00:00:00:01", "ifname": "eth0", "state": "permanent"},
    ]
    told = told_by(link("swp1", master="bridge"))
    found = list(learned("sw1", json.dumps(rows), {"bridge": told.links["bridge"]}))
    assert [(one.port, one.vlan, one.static) for one in found] == [("swp1", 100, False), ("swp3", None, True)]


def test_what_is_no_json_is_told_with_what_to_do():
    with pytest.raises(Garbled, match="iproute2"):
        kernel("sw1", {"links": "Usage: ip", "vlans": "", "speeds": "", "edges": "", "bypasses": ""})
