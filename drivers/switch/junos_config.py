"""Port settings in the words of Junos: out of `get-configuration`, and as `set` and `delete` lines for it.

Source: Junos documentation, Ethernet switching (ELS), LACP, and the XML of the configuration.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree import ElementTree as Tree

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.junos_tables import tree
from drivers.switch.reading import Notes, garbled, number, vlan_set, words

_HEADER = 14  # bytes of an Ethernet header, which Junos counts into an interface's MTU
_TRUNKS = ("interface-mode", "port-mode")  # ELS, and EX before it
_MEMBER_OPTIONS = ("ether-options", "gigether-options")


@dataclass(frozen=True)
class Config:
    """What of a configuration concerns ports: `own` by name, `vlans` id to name, ports that are edges."""

    own: Mapping[str, Tree.Element]
    vlans: Mapping[int, str]
    ids: Mapping[str, int] = field(default_factory=dict)
    edges: frozenset[str] = frozenset()


def read(text: str) -> Config:
    """Of the XML, whole or of `interfaces`, `vlans` and `protocols`. `Garbled` where it is none."""
    notes = Notes("show configuration")
    root = tree(text, notes)
    config = next(root.iter("configuration"), None)
    if config is None:
        raise garbled(notes.path, "it holds no configuration")
    own = {words(one.findtext("name")) or "": one for one in config.findall("interfaces/interface")}
    named = [
        (words(one.findtext("name")) or "", number(one.findtext("vlan-id"))) for one in config.findall("vlans/vlan")
    ]
    ids = {name: vlan for name, vlan in named if vlan is not None}
    edges = set()
    for protocol in ("rstp", "mstp", "vstp"):
        for one in config.findall(f"protocols/{protocol}/interface"):
            if one.find("edge") is not None:
                edges.add((words(one.findtext("name")) or "").removesuffix(".0"))
    return Config(
        MappingProxyType(own), MappingProxyType({vlan: name for name, vlan in ids.items()}), ids, frozenset(edges)
    )


def recorded(text: str) -> Mapping[str, PortSettings]:
    told = read(text)
    return settings(told, [name for name in told.own if re.match(r"(?:[a-z]{2,3}-|ae)\d", name)])


def settings(told: Config, ports: Collection[str]) -> Mapping[str, PortSettings]:
    """Of these ports, those that are configured. A member's VLANs and edge are those of its LAG."""
    return {port: _settings(told, port) for port in ports if port in told.own}


def _settings(told: Config, port: str) -> PortSettings:
    own = told.own[port]
    lag = _lag(told, own)
    switched = f"ae{lag.number}" if lag is not None else port
    untagged, tagged = _vlans(told, switched)
    mtu = number(own.findtext("mtu"))
    return PortSettings(
        enabled=own.find("disable") is None,
        untagged=untagged,
        tagged=tagged,
        mtu=mtu - _HEADER if mtu is not None else None,
        edge=switched in told.edges,
        lag=lag,
        description=words(own.findtext("description")),
    )


def _lag(told: Config, own: Tree.Element) -> LagWanted | None:
    for options in _MEMBER_OPTIONS:
        bundle = words(own.findtext(f"{options}/ieee-802.3ad/bundle"))
        if bundle is not None and re.fullmatch(r"ae\d{1,4}", bundle):
            at = told.own.get(bundle)
            up = at is not None and at.find("aggregated-ether-options/lacp/force-up") is not None
            own_up = own.find(f"{options}/ieee-802.3ad/lacp/force-up") is not None
            return LagWanted(int(bundle[2:]), up or own_up)
    return None


def _vlans(told: Config, port: str) -> tuple[int | None, frozenset[int]]:
    own = told.own.get(port)
    unit = (
        None if own is None else next((one for one in own.findall("unit") if words(one.findtext("name")) == "0"), None)
    )
    switching = None if unit is None else unit.find("family/ethernet-switching")
    if own is None or switching is None:
        return None, frozenset()
    members = _members(told, port, switching)
    if all(words(switching.findtext(mode)) != "trunk" for mode in _TRUNKS):
        return (min(members) if members else 1), frozenset()
    native = words(own.findtext("native-vlan-id") or switching.findtext("native-vlan-id"))
    untagged = _id(told, port, native) if native is not None else None
    return untagged, members - {untagged}


def _members(told: Config, port: str, switching: Tree.Element) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    for one in switching.findall("vlan/members"):
        name = words(one.text) or ""
        if name == "all":
            found |= frozenset(told.vlans)
        elif re.fullmatch(r"[\d,-]+", name):
            found |= _spans(port, name)
        elif name:
            found |= {_id(told, port, name)}
    return found


def _spans(port: str, text: str) -> frozenset[int]:
    try:
        return vlan_set(text)
    except ValueError as error:
        raise garbled("show configuration", f"{port}: {error}") from error


def _id(told: Config, port: str, name: str) -> int:
    vlan = int(name) if re.fullmatch(r"\d{1,4}", name) else told.ids.get(name)
    if vlan is None:
        raise garbled("show configuration", f"{port}: its VLAN {name} is not in this configuration")
    return vlan


def lines(wanted: Mapping[str, PortSettings], vlans: Mapping[int, str], told: Config) -> Iterator[str]:
    """What brings them about. Each port's unit is deleted and written anew, in one commit (quirk 118)."""
    for vlan, name in sorted(vlans.items()):
        if vlan not in told.vlans:
            yield f"set vlans {_word(name) if name else f'vlan{vlan}'} vlan-id {vlan}"
    for number_, one in sorted({one.lag.number: one for one in wanted.values() if one.lag is not None}.items()):
        yield from _bundle(f"ae{number_}", one, told)
    for port, one in sorted(wanted.items()):
        yield from _port(port, one, told)


def _bundle(name: str, one: PortSettings, told: Config) -> Iterator[str]:
    if name in told.own:
        yield f"delete interfaces {name} unit 0"
        yield f"delete interfaces {name} native-vlan-id"
        yield f"delete interfaces {name} aggregated-ether-options lacp"
    yield f"set interfaces {name} aggregated-ether-options lacp active"
    if one.lag is not None and one.lag.fallback:
        yield f"set interfaces {name} aggregated-ether-options lacp force-up"
    if one.mtu is not None:
        yield f"set interfaces {name} mtu {one.mtu + _HEADER}"
    yield from _switched(name, one)
    yield from _edge(name, one, told)


def _port(port: str, one: PortSettings, told: Config) -> Iterator[str]:
    if port in told.own:
        yield f"delete interfaces {port}"
    if one.description:
        yield f'set interfaces {port} description "{_words(one.description)}"'
    if not one.enabled:
        yield f"set interfaces {port} disable"
    if one.lag is not None:
        yield f"set interfaces {port} ether-options 802.3ad ae{one.lag.number}"
        return
    if one.mtu is not None:
        yield f"set interfaces {port} mtu {one.mtu + _HEADER}"
    yield from _switched(port, one)
    yield from _edge(port, one, told)


def _switched(name: str, one: PortSettings) -> Iterator[str]:
    at = f"set interfaces {name} unit 0 family ethernet-switching"
    if not one.tagged and one.untagged is not None:
        yield f"{at} interface-mode access"
        yield f"{at} vlan members {one.untagged}"
        return
    yield f"{at} interface-mode trunk"
    for vlan in sorted(one.tagged if one.untagged is None else one.tagged | {one.untagged}):
        yield f"{at} vlan members {vlan}"
    if one.untagged is not None:
        yield f"set interfaces {name} native-vlan-id {one.untagged}"


def _edge(name: str, one: PortSettings, told: Config) -> Iterator[str]:
    if one.edge is True and name not in told.edges:
        yield f"set protocols rstp interface {name} edge"
    if one.edge is False and name in told.edges:
        yield f"delete protocols rstp interface {name} edge"


def _words(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text or len(text) > 200:
        raise Refused(
            "the switch", f"the description {text[:60]!r}", "write 200 characters on one line, without quotes"
        )
    return text


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:32]


_SECRETS = re.compile(
    r"^(?!.* description )(?P<before>.*?\b(?:secret|community|password|key|ascii-text|[a-z]+-(?:key|password)))\s+\S+"
    r"|\"\$\d\$[^\"]*\"",
    re.MULTILINE,
)


def without_secrets(text: str) -> str:
    """The lines of `display set` in an answer, without what follows a word that announces a secret."""
    told = tree(text, Notes("show configuration")).findtext(".//configuration-set")
    if told is None:
        raise garbled("show configuration", "it holds no lines")
    return _SECRETS.sub(lambda match: f"{match['before'] or ''} <removed>".lstrip(), told)
