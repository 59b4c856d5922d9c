"""Open vSwitch's database as `ovs-vsctl --format=json` prints it, and the tables of `ovs-appctl`. Pure.

Columns: ovs-vswitchd.conf.db(5). JSON of values: RFC 7047 5.1. Tables: ovs-vswitchd(8).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue, TypeAdapter, ValidationError

from drivers.errors import Garbled

# One transaction reads them all: what they say fits together.
TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Open_vSwitch": ("ovs_version", "external_ids", "system_type", "system_version"),
        "Bridge": ("name", "ports", "external_ids", "stp_enable", "rstp_enable", "fail_mode", "controller"),
        "Port": (
            *("_uuid", "name", "interfaces", "vlan_mode", "tag", "trunks"),
            *("lacp", "bond_mode", "other_config", "qos", "cvlans"),
        ),
        "Interface": (
            *("_uuid", "name", "type", "admin_state", "link_state", "link_speed", "mtu", "mtu_request"),
            *("mac_in_use", "ofport", "external_ids", "error"),
        ),
        "Mirror": ("name", "select_src_port", "select_dst_port", "output_port"),
    }
)
# Made by software: none of these is a port that a cable goes into.
_VIRTUAL = frozenset(
    {
        *("internal", "patch", "gre", "ip6gre", "vxlan", "geneve", "erspan", "ip6erspan", "lisp", "stt"),
        *("gtpu", "bareudp", "srv6"),
    }
)
Value = str | int | bool | tuple[str | int | bool, ...] | Mapping[str, str]
Row = Mapping[str, Value]


@dataclass(frozen=True)
class Interface:
    """`mtu_request` None: nobody asked. `link_speed` in bit/s."""

    name: str
    type: str
    up: bool | None
    link: bool | None
    link_speed: int | None
    mtu: int | None
    mtu_request: int | None
    mac: str | None
    ofport: int | None
    description: str | None
    error: str | None


@dataclass(frozen=True)
class Port:
    """A row of table Port: what a VLAN setting is of. `fixed`: why it cannot be taken apart, or None."""

    name: str
    bridge: str
    interfaces: tuple[str, ...]
    vlan_mode: str | None = None
    tag: int | None = None
    trunks: frozenset[int] = frozenset()
    lacp: str | None = None
    bond_mode: str | None = None
    other_config: Mapping[str, str] = field(default_factory=dict)
    fixed: str | None = None

    @property
    def is_lag(self) -> bool:
        return len(self.interfaces) > 1 or self.lacp in ("active", "passive")


@dataclass(frozen=True)
class Bridge:
    name: str
    external_ids: Mapping[str, str]
    spanning: str | None  # "stp" or "rstp"
    guided: bool  # by a controller, or closed without one: its flows may pass over what its ports say


@dataclass(frozen=True)
class World:
    """All that is asked of one Open vSwitch, at one moment."""

    switch: Row
    bridges: Mapping[str, Bridge]
    ports: Mapping[str, Port]
    interfaces: Mapping[str, Interface]

    def port_of(self, interface: str) -> Port | None:
        """The row that a physical port is in."""
        return next((port for port in self.ports.values() if interface in port.interfaces), None)

    @property
    def physical(self) -> tuple[Interface, ...]:
        there = sorted(name for port in self.ports.values() for name in port.interfaces)
        found = (self.interfaces[name] for name in there)
        return tuple(one for one in found if one.type not in _VIRTUAL)


def read(who: str, text: str) -> World:
    """From the answer to one command that lists `TABLES` in order, a line each. `Garbled`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != len(TABLES):
        raise _garbled(who, f"{len(lines)} tables came of {len(TABLES)}")
    told = {name: list(_rows(who, line)) for name, line in zip(TABLES, lines, strict=True)}
    interfaces = {str(row["_uuid"]): _interface(row) for row in told["Interface"]}
    fixed = {uuid: f"mirror {row['name']}" for row in told["Mirror"] for uuid in _mirrored(row)}
    ports: dict[str, Port] = {}
    by_uuid = {str(row["_uuid"]): row for row in told["Port"]}
    for bridge in told["Bridge"]:
        for uuid in _many(bridge["ports"]):
            row = by_uuid.get(str(uuid))
            if row is not None:
                ports[str(row["name"])] = _port(row, str(bridge["name"]), interfaces, fixed.get(str(uuid)))
    return World(
        switch=told["Open_vSwitch"][0] if told["Open_vSwitch"] else {},
        bridges={str(row["name"]): _bridge(row) for row in told["Bridge"]},
        ports=ports,
        interfaces={one.name: one for one in interfaces.values()},
    )


def _rows(who: str, line: str) -> Iterator[Row]:
    try:
        table = _TABLE.validate_python(json.loads(line))
    except (ValueError, ValidationError) as error:
        raise _garbled(who, "ovs-vsctl gave no table") from error
    yield from ({head: _value(cell) for head, cell in zip(table.headings, row, strict=False)} for row in table.data)


@dataclass(frozen=True)
class _Table:
    headings: tuple[str, ...]
    data: tuple[tuple[JsonValue, ...], ...]


_TABLE = TypeAdapter(_Table)


def _value(cell: JsonValue) -> Value:
    match cell:
        case ["uuid" | "named-uuid", str(text)]:
            return text
        case ["set", list(many)]:
            return tuple(one for each in many if isinstance(one := _value(each), str | int | bool))
        case ["map", list(pairs)]:
            return {str(pair[0]): str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2}
        case str() | bool() | int():
            return cell
        case _:
            return ()


def _interface(row: Row) -> Interface:
    return Interface(
        name=str(row["name"]),
        type=_text(row.get("type")) or "system",
        up=_is(row.get("admin_state"), "up"),
        link=_is(row.get("link_state"), "up"),
        link_speed=_number(row.get("link_speed")),
        mtu=_number(row.get("mtu")),
        mtu_request=_number(row.get("mtu_request")),
        mac=_text(row.get("mac_in_use")),
        ofport=_number(row.get("ofport")),
        description=_map(row.get("external_ids")).get("description"),
        error=_text(row.get("error")),
    )


def _port(row: Row, bridge: str, interfaces: Mapping[str, Interface], mirrored: str | None) -> Port:
    told = (interfaces.get(str(uuid)) for uuid in _many(row["interfaces"]))
    kept = "QoS" if _text(row.get("qos")) else "customer VLANs" if _many(row.get("cvlans")) else None
    return Port(
        name=str(row["name"]),
        bridge=bridge,
        interfaces=tuple(sorted(one.name for one in told if one is not None)),
        vlan_mode=_text(row.get("vlan_mode")),
        tag=_number(row.get("tag")),
        trunks=frozenset(vlan for vlan in _many(row.get("trunks")) if isinstance(vlan, int)),
        lacp=_text(row.get("lacp")),
        bond_mode=_text(row.get("bond_mode")),
        other_config=_map(row.get("other_config")),
        fixed=mirrored or kept,
    )


def _bridge(row: Row) -> Bridge:
    spanning = "rstp" if row.get("rstp_enable") is True else "stp" if row.get("stp_enable") is True else None
    guided = bool(_many(row.get("controller"))) or _text(row.get("fail_mode")) == "secure"
    return Bridge(str(row["name"]), _map(row.get("external_ids")), spanning, guided)


def _mirrored(row: Row) -> set[str]:
    return {str(uuid) for column in TABLES["Mirror"][1:] for uuid in _many(row.get(column))}


def _many(value: Value | None) -> tuple[str | int | bool, ...]:
    """A set of one is written as its element (RFC 7047 5.1)."""
    match value:
        case tuple():
            return value
        case None | Mapping():
            return ()
        case one:
            return (one,)


def _text(value: Value | None) -> str | None:
    return value or None if isinstance(value, str) else None


def _number(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is(value: Value | None, word: str) -> bool | None:
    return value == word if isinstance(value, str) else None


def _map(value: Value | None) -> Mapping[str, str]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True)
class Entry:
    """A row of `fdb/show`: an OpenFlow port number, or LOCAL for the host's own."""

    port: str
    vlan: int
    mac: str
    static: bool


def entries(text: str) -> tuple[Entry, ...]:
    rows = (re.match(r"\s*(\w+)\s+(\d+)\s+([0-9a-f:]{17})\s+(\S+)", line) for line in text.splitlines())
    return tuple(Entry(row[1], int(row[2]), row[3], row[4] == "static") for row in rows if row)


@dataclass(frozen=True)
class Member:
    """`lacp`: current, expired or defaulted, with attached or detached behind it; None in a bond without LACP."""

    bond: str
    name: str
    forwards: bool | None
    lacp: str | None = None
    partner: str | None = None


_SECTION = re.compile(r"^---- (\S+) ----$")
# "slave" is what it was called before Open vSwitch 2.15.
_MEMBER = re.compile(r"^(?:member|slave):? (\S+): (.+)$")


def lacp_members(text: str) -> tuple[Member, ...]:
    """Of `lacp/show`."""
    return tuple(
        Member(
            bond,
            name,
            {"true": True, "false": False}.get(facts.get("may_enable", "")),
            state,
            facts.get("partner sys_id"),
        )
        for bond, name, state, facts in _members(text)
    )


def bond_members(text: str) -> tuple[Member, ...]:
    """Of `bond/show`."""
    return tuple(Member(bond, name, state.startswith("enabled")) for bond, name, state, _ in _members(text))


def _members(text: str) -> Iterator[tuple[str, str, str, Mapping[str, str]]]:
    bond = ""
    found: list[tuple[str, str, str, dict[str, str]]] = []
    for line in map(str.strip, text.splitlines()):
        if section := _SECTION.match(line):
            bond = section[1]
        elif member := _MEMBER.match(line):
            found.append((bond, member[1], member[2], {}))
        elif found and ": " in line:
            key, _, told = line.partition(": ")
            found[-1][3][key] = told
    yield from found


def _garbled(who: str, what: str) -> Garbled:
    return Garbled(who, what, "run ovs-vsctl --format=json list Port there")
