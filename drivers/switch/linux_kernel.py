"""What a Linux kernel says of its ports: `ip -d -j link`, `bridge -j vlan`, `bridge -j fdb`, sysfs. Pure.

Fields: ip-link(8), bridge(8); LACP states: IEEE 802.1AX-2020 6.4.2.3. What iproute2 leaves out is not known.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.switch import Lag, Learned, MemberState
from drivers.errors import Garbled
from inventory.address import Mac

Object = Mapping[str, JsonValue]
_NONE: Object = MappingProxyType({})
_FORWARDS = 0x10 | 0x20  # collecting, distributing
# By custom the port that is managed by: Cumulus and SONiC, DENT and Open Network Linux, FreeBSD's way.
MANAGEMENT = frozenset({"eth0", "ma1", "mgmt0"})
_HARDWARE = frozenset({None, "dsa"})  # `dsa`: a port of a switch chip that the kernel itself drives, since Linux 6.0
STP_OFF, STP_IN_KERNEL, STP_OUTSIDE = 0, 1, 2  # linux/if_link.h, IFLA_BR_STP_STATE; outside: mstpd


@dataclass(frozen=True)
class Vlans:
    """Of one bridge port. `untagged`: those that leave it without a tag."""

    pvid: int | None = None
    untagged: frozenset[int] = frozenset()
    tagged: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Link:
    """`kind` None: hardware. `own`, `slave`: what `linkinfo` says of it, and of it as a member of its master."""

    name: str
    kind: str | None
    up: bool
    carrier: bool
    mtu: int | None
    mac: Mac | None
    alias: str | None
    master: str | None
    own: Object
    slave: Object

    @property
    def physical(self) -> bool:
        return self.kind in _HARDWARE and self.name not in MANAGEMENT and self.mac is not None


@dataclass(frozen=True)
class Kernel:
    """`vlans`, `edges`: by bridge port; `edges`: what mstpd says, where it runs. `speeds`: in Mbit/s. `bypasses`: by
    bond, whether it forwards without a partner, where the kernel tells."""

    links: Mapping[str, Link]
    vlans: Mapping[str, Vlans]
    speeds: Mapping[str, int]
    edges: Mapping[str, bool]
    bypasses: Mapping[str, bool]

    def port(self, name: str) -> Link | None:
        """None for what is not there, and for what no cable goes into."""
        link = self.links.get(name)
        return link if link is not None and link.physical else None

    def bridge_of(self, port: str) -> Link | None:
        """Its own bridge's, or its bond's."""
        at = self.links.get(port)
        while at is not None and at.master is not None:
            at = self.links.get(at.master)
            if at is not None and at.kind == "bridge":
                return at
        return None

    def bond_of(self, port: str) -> Link | None:
        link = self.links.get(port)
        master = self.links.get(link.master) if link is not None and link.master is not None else None
        return master if master is not None and master.kind == "bond" else None

    def members(self, bond: str) -> tuple[Link, ...]:
        return tuple(link for link in self.links.values() if link.master == bond)


def kernel(who: str, told: Mapping[str, str]) -> Kernel:
    """`links`, `vlans`: JSON. `speeds`: a line `NAME MBPS` each, without the number where the kernel knows none.
    `edges`: a line `NAME` with mstpctl's line on the admin edge port behind it. `bypasses`: `NAME WORD 0|1` each."""
    found = {link.name: link for link in (_link(one) for one in _objects(_json(who, told["links"])))}
    vlans = dict(_vlans(_json(who, told["vlans"].strip() or "[]")))
    speeds, edges, bypasses = _speeds(told["speeds"]), _edges(told["edges"]), _bypasses(told["bypasses"])
    return Kernel(found, vlans, dict(speeds), dict(edges), dict(bypasses))


def learned(who: str, text: str, bridges: Mapping[str, Link]) -> Iterator[Learned]:
    """Of `bridge -j fdb show`: what was heard or set at a port; not the switch's own addresses."""
    for row in _objects(_json(who, text.strip() or "[]")):
        master, state = row.get("master"), row.get("state")
        mac = _mac(row.get("mac"))
        if master not in bridges or state == "permanent" or mac is None or not isinstance(row.get("ifname"), str):
            continue
        yield Learned(mac, _number(row.get("vlan")), str(row["ifname"]), state == "static")


def lags(told: Kernel) -> Iterator[Lag]:
    for link in told.links.values():
        if link.kind == "bond":
            info = _object(link.own.get("ad_info"))
            partner = _mac(info.get("partner_mac"))
            states = {one.name: _state(link, one, partner) for one in told.members(link.name)}
            yield Lag(link.name, states, partner)


def _state(bond: Link, member: Link, partner: Mac | None) -> MemberState:
    slave = member.slave
    if not (member.up and member.carrier) or slave.get("mii_status") != "UP":
        return MemberState.DOWN
    if bond.own.get("mode") != "802.3ad":
        return MemberState.BUNDLED if slave.get("state") == "ACTIVE" else MemberState.DOWN
    active = slave.get("ad_aggregator_id") == _object(bond.own.get("ad_info")).get("aggregator")
    actor, theirs = (_number(slave.get(f"ad_{side}_oper_port_state")) or 0 for side in ("actor", "partner"))
    if not active:
        return MemberState.DOWN
    if partner is None:
        return MemberState.INDIVIDUAL
    return MemberState.BUNDLED if actor & theirs & _FORWARDS == _FORWARDS else MemberState.DOWN


def _link(row: Object) -> Link:
    info, flags = _object(row.get("linkinfo")), row.get("flags")
    flags = flags if isinstance(flags, list) else []
    return Link(
        name=str(row.get("ifname")),
        kind=_text(info.get("info_kind")) or (None if row.get("link_type") == "ether" else "other"),
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        mtu=_number(row.get("mtu")),
        mac=_mac(row.get("address")),
        alias=_text(row.get("ifalias")),
        master=_text(row.get("master")),
        own=_object(info.get("info_data")),
        slave=_object(info.get("info_slave_data")),
    )


def _vlans(told: JsonValue) -> Iterator[tuple[str, Vlans]]:
    """A list of ports; an object by port before iproute2 4.20."""
    named = (
        [(name, rows) for name, rows in told.items()]
        if isinstance(told, dict)
        else [(str(one.get("ifname")), one.get("vlans")) for one in _objects(told)]
    )
    for name, rows in named:
        found = [(vlan, _flags(row)) for row in _objects(rows) for vlan in _ids(row)]
        yield (
            name,
            Vlans(
                pvid=next((vlan for vlan, flags in found if "PVID" in flags), None),
                untagged=frozenset(vlan for vlan, flags in found if "Egress Untagged" in flags),
                tagged=frozenset(vlan for vlan, flags in found if "Egress Untagged" not in flags),
            ),
        )


def _ids(row: Object) -> range:
    first = _number(row.get("vlan")) or 0
    return range(first, (_number(row.get("vlanEnd")) or first) + 1)


def _flags(row: Object) -> frozenset[str]:
    told = row.get("flags")
    return frozenset(str(one) for one in told) if isinstance(told, list) else frozenset()


def _speeds(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, told = line.partition(" ")
        if told.strip().isdecimal() and 0 < int(told) < 2**31 - 1:  # -1, and its unsigned reading: not known
            yield name, int(told)


def _edges(text: str) -> Iterator[tuple[str, bool]]:
    for line in text.splitlines():
        if told := re.match(r"(\S+) .*\badmin edge port\s+(yes|no)\b", line):
            yield told[1], told[2] == "yes"


def _bypasses(text: str) -> Iterator[tuple[str, bool]]:
    for line in text.splitlines():
        name, *words = line.split()
        if words and words[-1] in ("0", "1"):
            yield name, words[-1] == "1"


def _json(who: str, text: str) -> JsonValue:
    try:
        told: JsonValue = json.loads(text)
    except ValueError as error:
        raise Garbled(who, f"iproute2 gave no JSON: {error}", "run ip -j link there; it takes iproute2 4.18") from error
    return told


def _objects(value: JsonValue) -> Iterator[Object]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _object(value: JsonValue) -> Object:
    return value if isinstance(value, dict) else _NONE


def _text(value: JsonValue) -> str | None:
    return value or None if isinstance(value, str) else None


def _number(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mac(value: JsonValue) -> Mac | None:
    try:
        return Mac(value) if isinstance(value, str) else None
    except ValueError:
        return None
