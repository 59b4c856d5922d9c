"""What lldpd tells of neighbours: in its two ways of writing JSON, whole and in pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ability.switch import PortIdKind
from drivers.errors import Garbled
from drivers.switch.lldpcli import neighbours


def json0(port, chassis, via="LLDP"):
    """As lldpd 1.0.16 writes it."""
    one = {"name": "swp1", "via": via, "rid": "1", "age": "0 day, 00:00:09", "chassis": [chassis], "port": [port]}
    return json.dumps({"lldp": [{"interface": [one]}]})


def port_id(kind, value, **more):
    return {"id": [{"type": kind, "value": value}], "ttl": [{"value": "120"}], **more}


CHASSIS = {"id": [{"type": "mac", "value": "52:54:00:01:01:00"}], "name": [{"value": "r1-n01"}]}


@pytest.mark.quirk(110)
@pytest.mark.parametrize(
    ("word", "value", "kind"),
    [
        ("ifname", "eth0", PortIdKind.NAME),
        ("ifalias", "uplink to tor", PortIdKind.ALIAS),
        ("local", "7", PortIdKind.LOCAL),
        ("mac", "52:54:00:01:01:00", PortIdKind.MAC),
        ("ip", "10.0.0.1", PortIdKind.ADDRESS),
        ("unhandled", "65537", None),
        ("of another day", "x", None),
    ],
)
def test_every_subtype_that_lldpd_has_a_word_for_is_known(word, value, kind):
    (one,) = neighbours("sw", json0(port_id(word, value, descr=[{"value": "left"}]), CHASSIS))
    assert (one.kind, one.port_id, one.port_description) == (kind, value, "left")
    assert (one.port, one.system, one.chassis_id) == ("swp1", "r1-n01", "52:54:00:01:01:00")
    assert (one.mac is not None) == (word == "mac")


KEYED = """{"lldp": {"interface": {"swp3": {"via": "LLDP", "rid": "2", "chassis": {"r1-n03": {"id":
{"type": "mac", "value": "52:54:00:01:03:00"}, "descr": "Debian"}}, "port": {"id": {"type": "ifname", "value": "eth0"},
"descr": "eth0", "ttl": "120"}}}}}"""
KEYED_TWICE = """{"lldp": {"interface": [
{"swp3": {"via": "LLDP", "chassis": {"a": {"id": {"type": "local", "value": "a"}}}, "port": {"id": {"type": "ifname",
"value": "eth0"}}}},
{"swp4": {"via": "LLDP", "chassis": {"id": {"type": "local", "value": "b"}}, "port": {"id": {"type": "mac",
"value": "52:54:00:01:04:00"}}}}]}}"""


def test_the_keyed_way_of_writing_is_read_as_well():
    (one,) = neighbours("sw", KEYED)
    assert (one.port, one.system, one.chassis_id) == ("swp3", "r1-n03", "52:54:00:01:03:00")
    assert (one.kind, one.port_id, one.port_description) == (PortIdKind.NAME, "eth0", "eth0")


def test_several_keyed_neighbours_are_told_apart_and_one_without_a_name_has_none():
    assert [(one.port, one.system, one.chassis_id) for one in neighbours("sw", KEYED_TWICE)] == [
        ("swp3", "a", "a"),
        ("swp4", None, "b"),
    ]


def test_two_neighbours_at_one_port_are_both_told():
    both = {"lldp": {"interface": [{"swp1": {"port": {"id": {"type": "local", "value": v}}}} for v in "ab"]}}
    assert [(one.port, one.port_id) for one in neighbours("sw", json.dumps(both))] == [("swp1", "a"), ("swp1", "b")]


def test_what_is_heard_by_another_protocol_is_left_out():
    assert neighbours("sw", json0(port_id("ifname", "Gi0/1"), CHASSIS, via="CDPv2")) == ()


@pytest.mark.parametrize("text", ["", "{}", '{"lldp": {}}', '{"lldp": [{}]}', '{"lldp": [{"interface": []}]}'])
def test_nobody_heard_is_no_neighbour(text):
    assert neighbours("sw", text) == ()


def test_a_neighbour_without_port_id_is_none():
    assert neighbours("sw", json0({"ttl": [{"value": "120"}]}, CHASSIS)) == ()


def test_no_json_is_garbled():
    with pytest.raises(Garbled, match="lldpcli gave no JSON"):
        neighbours("sw", "lldpcli: cannot connect")


WORDS = st.sampled_from(["lldp", "interface", "chassis", "port", "id", "type", "value", "name", "ifname", "via"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=30,
)


@given(TREES)
def test_no_json_makes_it_fall_over(tree):
    found = neighbours("sw", json.dumps({"lldp": tree}))
    assert all(one.port and one.port_id for one in found)
