"""Port settings in the words of EOS, NX-OS and IOS: out of a running configuration, and as lines for one.

A port's whole set is written every time (quirk 118), a member's and its LAG's alike: NX-OS and IOS bundle only what is
told the same, and a member that falls back forwards by its own. Source: the makers' command references.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.names import canonical
from drivers.switch.reading import garbled, vlan_set, vlan_words
from drivers.switch.stanzas import Stanzas, interfaces, value


@dataclass(frozen=True)
class Dialect:
    """A family's words. `edge` and `edge_trunk`: of a port that forwards at once; `edge_default`: of the switch's line
    that makes access ports so. `per_port_mtu`: whether a switched port has one."""

    family: str
    lag: str
    edge: str
    edge_trunk: str
    no_edge: str
    edge_default: str
    fallback: str
    no_fallback: str
    per_port_mtu: bool = True
    tags_native: str | None = None


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "eos": Dialect(
            family="eos",
            lag="Port-Channel",
            edge="spanning-tree portfast",
            edge_trunk="spanning-tree portfast",
            no_edge="no spanning-tree portfast",
            edge_default="spanning-tree edge-port default",
            fallback="port-channel lacp fallback static",
            no_fallback="no port-channel lacp fallback",
            per_port_mtu=False,  # frames of 9214 bytes pass at layer 2; `mtu` there is of routed packets
            tags_native="switchport trunk native vlan tag",
        ),
        "nxos": Dialect(
            family="nxos",
            lag="port-channel",
            edge="spanning-tree port type edge",
            edge_trunk="spanning-tree port type edge trunk",
            no_edge="no spanning-tree port type",
            edge_default="spanning-tree port type edge default",
            fallback="no lacp suspend-individual",
            no_fallback="lacp suspend-individual",
        ),
        "ios": Dialect(
            family="ios",
            lag="Port-channel",
            edge="spanning-tree portfast",
            edge_trunk="spanning-tree portfast trunk",
            no_edge="no spanning-tree portfast",
            edge_default="spanning-tree portfast default",
            fallback="no port-channel standalone-disable",  # a Catalyst 9000 suspends by default, and then shows this
            no_fallback="port-channel standalone-disable",
        ),
    }
)
_EVERY = frozenset(range(1, 4095))
_DESCRIPTION = 200  # characters; IOS takes 200 to 240, EOS and NX-OS 254


def settings(dialect: Dialect, told: Stanzas, ports: Collection[str]) -> Mapping[str, PortSettings]:
    """Of these ports, those that are there. A member's VLANs and edge are those of its LAG, where that is there."""
    own = interfaces(dialect.family, told)
    everywhere = any(
        head in told for head in (dialect.edge_default, dialect.edge_default.replace("portfast", "portfast edge"))
    )
    return {port: _settings(dialect, own, port, everywhere=everywhere) for port in ports if port in own}


def _settings(dialect: Dialect, own: Stanzas, port: str, *, everywhere: bool) -> PortSettings:
    lines = own[port]
    lag = _lag(dialect, own, lines)
    switched = own.get(f"{dialect.lag}{lag.number}", lines) if lag is not None else lines
    untagged, tagged = _vlans(port, switched)
    mtu = value(lines, "mtu")
    return PortSettings(
        enabled="shutdown" not in lines,
        untagged=untagged,
        tagged=tagged,
        mtu=int(mtu) if mtu is not None and mtu.isdigit() and dialect.per_port_mtu else None,
        edge=_edge(dialect, switched, everywhere=everywhere),
        lag=lag,
        description=value(lines, "description"),
    )


def _lag(dialect: Dialect, own: Stanzas, lines: Sequence[str]) -> LagWanted | None:
    group = re.match(r"(\d{1,6})\b", value(lines, "channel-group") or "")
    if group is None:
        return None
    channel = own.get(f"{dialect.lag}{group[1]}", ())
    words = dialect.fallback.removesuffix(" static")
    return LagWanted(int(group[1]), any(line == words or line.startswith(f"{words} ") for line in channel))


def _vlans(port: str, lines: Sequence[str]) -> tuple[int | None, frozenset[int]]:
    if "no switchport" in lines:
        return None, frozenset()
    try:
        if value(lines, "switchport mode") != "trunk":
            return int(value(lines, "switchport access vlan") or 1), frozenset()
        native = value(lines, "switchport trunk native vlan") or "1"
        allowed = _allowed(lines)
        untagged = int(native) if native != "tag" and int(native) in allowed else None
    except ValueError as error:
        raise garbled("show running-config", f"{port}: {error}") from error
    return untagged, allowed - {untagged}


def _allowed(lines: Sequence[str]) -> frozenset[int]:
    """Long lists are written over several lines."""
    begin = "switchport trunk allowed vlan "
    found = [line.removeprefix(begin) for line in lines if line.startswith(begin)]
    allowed = _EVERY if not found else frozenset[int]()
    for told in found:
        first, _, rest = told.partition(" ")
        if first == "add":
            allowed |= vlan_set(rest)
        elif first in ("except", "remove"):
            allowed = (_EVERY if first == "except" else allowed) - vlan_set(rest)
        else:
            allowed = vlan_set(told)
    return allowed


def _edge(dialect: Dialect, lines: Sequence[str], *, everywhere: bool) -> bool:
    """`portfast edge trunk`, `port type edge`; on a trunk, IOS and NX-OS ignore the one for access ports."""
    begin = "spanning-tree port type" if dialect.family == "nxos" else "spanning-tree portfast"
    trunk = value(lines, "switchport mode") == "trunk"
    told = value(lines, begin)
    if told is None:
        return everywhere and not trunk
    if {"network", "normal", "disable"} & set(told.split()):
        return False
    return dialect.family == "eos" or not trunk or "trunk" in told.split()


def lines(
    dialect: Dialect, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str], own: Stanzas, there: Collection[int]
) -> Iterator[str]:
    """What brings them about, in order: VLANs that are missing, LAGs, then ports. `own` are the interfaces now."""
    for vlan, name in sorted(vlans.items()):
        if vlan not in there:
            yield from (f"vlan {vlan}", f"name {_word(name)}") if name else (f"vlan {vlan}",)
    for number, one in sorted({one.lag.number: one for one in wanted.values() if one.lag is not None}.items()):
        yield f"interface {dialect.lag}{number}"
        yield from _switched(dialect, one)
        yield dialect.fallback if one.lag is not None and one.lag.fallback else dialect.no_fallback
        yield "no shutdown"
    for port, one in sorted(wanted.items()):
        yield f"interface {port}"
        yield from _port(dialect, one, own.get(port, ()))


def _port(dialect: Dialect, one: PortSettings, now: Sequence[str]) -> Iterator[str]:
    group = value(now, "channel-group")
    if group is not None and (one.lag is None or group.split()[0] != str(one.lag.number)):
        yield "no channel-group"  # first: a member takes no settings but its LAG's
    yield f"description {_words(one.description)}" if one.description else "no description"
    if group is None or one.lag is None or group.split()[0] != str(one.lag.number):
        yield from _switched(dialect, one)
    if one.mtu is not None and dialect.per_port_mtu:
        yield f"mtu {one.mtu}"
    if one.lag is not None:
        yield f"channel-group {one.lag.number} mode active"
    yield "no shutdown" if one.enabled else "shutdown"


def _switched(dialect: Dialect, one: PortSettings) -> Iterator[str]:
    trunk = bool(one.tagged) or one.untagged is None
    yield "switchport"
    if trunk:
        yield from _trunk(dialect, one)
    else:
        yield from ("switchport mode access", f"switchport access vlan {one.untagged}")
    if one.edge is not None:
        yield (dialect.edge_trunk if trunk else dialect.edge) if one.edge else dialect.no_edge


def _trunk(dialect: Dialect, one: PortSettings) -> Iterator[str]:
    allowed = one.tagged if one.untagged is None else one.tagged | {one.untagged}
    if one.untagged is not None:
        yield f"switchport trunk native vlan {one.untagged}"
    elif dialect.tags_native is not None:
        yield dialect.tags_native
    elif 1 in one.tagged:
        remedy = "give the port an untagged VLAN, or leave VLAN 1 out"
        raise Refused("the switch", "VLAN 1 tagged, and none untagged: its native VLAN would be 1", remedy)
    else:
        yield "no switchport trunk native vlan"
    yield f"switchport trunk allowed vlan {vlan_words(allowed)}"
    yield "switchport mode trunk"


def _words(text: str) -> str:
    """One line that a terminal takes as it is; `Refused` for any other, as what is mended never reads back."""
    if len(text) > _DESCRIPTION or not text.isprintable() or text != " ".join(text.split()) or {"?", '"'} & set(text):
        remedy = f"write at most {_DESCRIPTION} characters on one line, without ? and quotes"
        raise Refused("the switch", f"the description {text[:60]!r}", remedy)
    return text


def _word(text: str) -> str:
    """A VLAN's name: 32 characters without a space."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:32]


def unknown(dialect: Dialect, wanted: Collection[str], own: Stanzas) -> tuple[str, ...]:
    """Ports that are wanted and are not there, or are none: a port, by its canonical name."""
    bad = ("vlan", "loopback", dialect.lag.casefold(), "tunnel", "nve", "vxlan")
    return tuple(
        sorted(
            port
            for port in wanted
            if port not in own or port != canonical(dialect.family, port) or port.casefold().startswith(bad)
        )
    )


def unmet(text: Sequence[str], own: Stanzas) -> Iterator[str]:
    """Of the lines, those that are not in force, each under its head: for who has no candidate to compare."""
    head, now = "", frozenset[str]()
    for line in text:
        if line.startswith(("interface ", "vlan ")):
            head, now = line, frozenset(own.get(line.partition(" ")[2], ()))
            if line.startswith("vlan "):
                yield f"+{line}"
        elif head.startswith("vlan ") or not _holds(line, now):
            yield f"{head}\n+  {line}"


# What a port has without a line.
_DEFAULTS = frozenset(
    ("switchport", "switchport mode access", "switchport access vlan 1", "no shutdown", "no description",
     "no spanning-tree portfast", "no spanning-tree port type", "no switchport trunk native vlan", "no channel-group",
     "switchport trunk native vlan 1", "lacp suspend-individual", "mtu 1500")
)  # fmt: skip


def _holds(line: str, now: frozenset[str]) -> bool:
    if line in now:
        return True
    bare = line.removeprefix("no ")
    key = " ".join(bare.split()[:3]) if bare.startswith("switchport") else bare.split(" ", maxsplit=1)[0]
    return line in _DEFAULTS and not any(one.startswith(key) for one in now)
