"""Texts of Open vSwitch: tables recorded from 3.1.0, and how older ones and broken ones are read."""

import json

import pytest

from drivers.errors import Garbled
from drivers.switch.ovs_rows import TABLES, bond_members, entries, lacp_members, read

LACP = """---- bond7 ----
  status: active negotiated
  sys_id: 16:29:79:d2:1e:42
  sys_priority: 65535
  aggregation key: 1
  lacp_time: slow

member: swp1: current attached
  port_id: 1
  port_priority: 65535
  may_enable: true

  actor sys_id: 16:29:79:d2:1e:42
  partner sys_id: 52:54:00:01:01:00
  partner state: activity synchronized

slave: swp2: defaulted detached
  port_id: 2
  may_enable: false

  partner sys_id: 00:00:00:00:00:00
---- bond8 ----
  status: active

member: swp3: defaulted detached
  may_enable: true
"""
BOND = """---- bond7 ----
bond_mode: balance-tcp
bond may use recirculation: yes, Recirc-ID : 1
lacp_status: negotiated
active member mac: 36:9f:5f:33:d5:f2(swp1)

member swp1: enabled
  active member
  may_enable: true

slave swp2: disabled
  may_enable: false
"""
FDB = """ port  VLAN  MAC                Age
    1   100  52:54:00:01:01:00    2
LOCAL     0  36:9f:5f:33:d5:f2  299
   12   200  52:54:00:01:02:00  static
"""


def test_lacp_tells_who_forwards_and_with_whom():
    told = [(one.bond, one.name, one.forwards, one.partner) for one in lacp_members(LACP)]
    assert told == [
        ("bond7", "swp1", True, "52:54:00:01:01:00"),
        ("bond7", "swp2", False, "00:00:00:00:00:00"),
        ("bond8", "swp3", True, None),
    ]
    assert [one.lacp for one in lacp_members(LACP)] == ["current attached", *["defaulted detached"] * 2]


def test_a_bond_tells_who_forwards_in_the_words_of_old_and_new():
    assert [(one.name, one.forwards) for one in bond_members(BOND)] == [("swp1", True), ("swp2", False)]


def test_the_forwarding_table_is_read_with_its_own_and_its_static_rows():
    assert [(one.port, one.vlan, one.static) for one in entries(FDB)] == [
        ("1", 100, False),
        ("LOCAL", 0, False),
        ("12", 200, True),
    ]


def table(name, *rows):
    return json.dumps(
        {"headings": TABLES[name], "data": [[row.get(head, ["set", []]) for head in TABLES[name]] for row in rows]}
    )


def database(*, port=None, mirrors=()):
    interface = {"_uuid": ["uuid", "i1"], "name": "swp1", "type": "", "admin_state": "up", "link_speed": 10**10}
    row = {"_uuid": ["uuid", "p1"], "name": "swp1", "interfaces": ["uuid", "i1"], **(port or {})}
    bridge = {"name": "br0", "ports": ["uuid", "p1"], "external_ids": ["map", [["vlan-100", "prov"]]]}
    tables = (table("Open_vSwitch", {}), table("Bridge", bridge), table("Port", row), table("Interface", interface))
    return "\n".join((*tables, table("Mirror", *mirrors)))


def test_a_set_of_one_and_a_set_of_many_are_both_read():
    assert read("sw", database(port={"trunks": 100})).ports["swp1"].trunks == {100}
    assert read("sw", database(port={"trunks": ["set", [100, 200]]})).ports["swp1"].trunks == {100, 200}
    assert read("sw", database()).ports["swp1"].trunks == frozenset()


def test_what_it_does_not_tell_of_an_interface_is_not_known():
    (one,) = read("sw", database()).physical
    assert (one.up, one.link, one.mtu, one.link_speed) == (True, None, None, 10**10)


def test_a_mirrored_port_is_held_by_its_mirror():
    assert read("sw", database()).ports["swp1"].fixed is None
    mirrored = database(mirrors=[{"name": "tap", "select_dst_port": ["set", [["uuid", "p1"]]]}])
    assert read("sw", mirrored).ports["swp1"].fixed == "mirror tap"


@pytest.mark.parametrize("text", ["", "{}", "\n".join(["nothing"] * 5), "\n".join(['{"data": 7, "headings": []}'] * 5)])
def test_what_is_no_database_is_garbled(text):
    with pytest.raises(Garbled):
        read("sw", text)
