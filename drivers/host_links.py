"""An installed machine's interfaces, routes and rules as its kernel has them: iproute2's `ip -json`.

Source: iproute2 6.1 (`ip -details -json address`, `route`, `rule`); IEEE 802.1AX-2020 6.4 for the state of a bond's
member; linux/rtnetlink.h for table numbers.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, Field, IPvAnyAddress, TypeAdapter, ValidationError

from drivers.errors import Garbled
from drivers.wire.ssh import Ssh
from inventory.address import Mac

Address = IPv4Address | IPv6Address

_ANSWER = timedelta(seconds=20)  # a busy machine under emulation takes seconds to start a process
_TABLES: Mapping[str, int] = MappingProxyType({"default": 253, "main": 254, "local": 255})
_CARRIES = frozenset({"in_sync", "collecting", "distributing"})


@dataclass(frozen=True)
class Member:
    """An interface in a bond. `bundled`: by LACP in step with its partner, and carrying both ways; None where the bond
    does not speak it. `aggregator`: those of one number are one link to the same partner."""

    up: bool
    bundled: bool | None
    aggregator: int | None


@dataclass(frozen=True)
class Link:
    """One interface. `addresses`: those that it may use; `contested`: those that another machine has as well, by IPv6's
    own look (RFC 4862 5.4). `mtu` in bytes of an IP packet; `up`: enabled, and its link has a carrier.

    `kind` None: a NIC; `master`: the bond or bridge that it is in; `parent` and `vlan`: of a VLAN interface; `mode`: of
    a bond, as 802.3ad.
    """

    name: str
    mac: Mac | None
    mtu: int
    up: bool
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    contested: tuple[IPv4Interface | IPv6Interface, ...] = ()
    kind: str | None = None
    master: str | None = None
    parent: str | None = None
    vlan: int | None = None
    mode: str | None = None
    member: Member | None = None


@dataclass(frozen=True)
class Route:
    """`to`: a prefix, or "default". `mtu` None: the interface's."""

    to: str
    via: Address | None
    interface: str
    table: int
    metric: int
    mtu: int | None
    version: int


@dataclass(frozen=True)
class Rule:
    """What is sent from `source` asks `table`."""

    source: str
    table: int
    priority: int


class _AddressTold(BaseModel):
    """`dadfailed`: another machine has it, by IPv6's own look at its wire (RFC 4862 5.4)."""

    local: IPvAnyAddress
    prefixlen: int
    tentative: bool = False
    dadfailed: bool = False


class _LinkInfo(BaseModel):
    info_kind: str | None = None
    info_data: dict[str, object] = Field(default={})
    info_slave_kind: str | None = None
    info_slave_data: dict[str, object] = Field(default={})


class _LinkTold(BaseModel):
    """`address` is no MAC on tunnels, and all zeros on the loopback."""

    ifname: str
    mtu: int
    flags: tuple[str, ...] = ()
    address: str = ""
    link: str | None = None
    master: str | None = None
    linkinfo: _LinkInfo = _LinkInfo()
    addr_info: tuple[_AddressTold, ...] = ()


class _Metrics(BaseModel):
    mtu: int | None = None


class _RouteTold(BaseModel):
    """A route of a kind that needs no interface (blackhole) is none of ours."""

    dst: str
    dev: str = ""
    gateway: IPvAnyAddress | None = None
    table: str = "main"
    metric: int = 0
    metrics: tuple[_Metrics, ...] = ()


class _RuleTold(BaseModel):
    src: str
    table: str = "main"
    priority: int


_Told = TypeVar("_Told", _LinkTold, _RouteTold, _RuleTold)
_LINKS = TypeAdapter(tuple[_LinkTold, ...])
_ROUTES = TypeAdapter(tuple[_RouteTold, ...])
_RULES = TypeAdapter(tuple[_RuleTold, ...])


def links(shell: Ssh) -> tuple[Link, ...]:
    """All of them, the loopback included."""
    return tuple(_link(told) for told in _parsed(shell, _LINKS, ("ip", "-d", "-j", "addr")))


def routes(shell: Ssh, version: int) -> tuple[Route, ...]:
    """Of IPv4 or IPv6, in every table; the kernel's own for its addresses included."""
    told = _parsed(shell, _ROUTES, ("ip", f"-{version}", "-j", "route", "show", "table", "all"))
    return tuple(
        Route(
            to=one.dst,
            via=one.gateway,
            interface=one.dev,
            table=_table(one.table),
            metric=one.metric,
            mtu=next((each.mtu for each in one.metrics if each.mtu is not None), None),
            version=version,
        )
        for one in told
    )


def rules(shell: Ssh, version: int) -> tuple[Rule, ...]:
    told = _parsed(shell, _RULES, ("ip", f"-{version}", "-j", "rule", "show"))
    return tuple(Rule(one.src, _table(one.table), one.priority) for one in told)


def _link(told: _LinkTold) -> Link:
    info = told.linkinfo
    return Link(
        name=told.ifname,
        mac=_mac(told.address),
        mtu=told.mtu,
        up={"UP", "LOWER_UP"} <= set(told.flags),
        addresses=tuple(_own(one) for one in told.addr_info if not one.tentative and not one.dadfailed),
        contested=tuple(_own(one) for one in told.addr_info if one.dadfailed),
        kind=info.info_kind,
        master=told.master,
        parent=told.link,
        vlan=_number(info.info_data.get("id")) if info.info_kind == "vlan" else None,
        mode=str(info.info_data.get("mode")) if info.info_kind == "bond" else None,
        member=_member(info.info_slave_data) if info.info_slave_kind == "bond" else None,
    )


def _own(told: _AddressTold) -> IPv4Interface | IPv6Interface:
    return ip_interface(f"{told.local}/{told.prefixlen}")


def _member(told: Mapping[str, object]) -> Member:
    aggregator = _number(told.get("ad_aggregator_id"))
    own, far = (told.get(f"ad_{end}_oper_port_state_str") for end in ("actor", "partner"))
    bundled = None
    if aggregator is not None:
        bundled = all(isinstance(state, list) and set(state) >= _CARRIES for state in (own, far))
    return Member(told.get("mii_status") == "UP", bundled, aggregator)


def _number(told: object) -> int | None:
    return told if isinstance(told, int) else None


def _table(told: str) -> int:
    """By number, or by one of the kernel's own names; -1 for a name that only this machine knows."""
    return int(told) if told.isdecimal() else _TABLES.get(told, -1)


def _mac(text: str) -> Mac | None:
    try:
        return Mac(text)
    except ValueError:
        return None


def _parsed(shell: Ssh, shape: TypeAdapter[tuple[_Told, ...]], argv: Sequence[str]) -> tuple[_Told, ...]:
    ran = shell.run(argv, _ANSWER)
    if ran.exit:
        said = next(iter(reversed((ran.err + ran.out).strip().splitlines())), "without a word")
        raise Garbled(shell.who, f"`{shlex.join(argv)}` ended with {ran.exit}: {said}", "run it there by hand")
    try:
        return shape.validate_json(ran.out)
    except ValidationError as error:
        raise Garbled(shell.who, f"`{shlex.join(argv)}` gave no such JSON", "look at its version") from error
