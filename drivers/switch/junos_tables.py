"""What Junos tells by NETCONF and by `| display xml` or `| display json`: elements, whose names differ by the series.

EX before ELS, ELS (EX and QFX) and MX each have their own words for one table. Source: Junos XML API, 12.3 to 23.4.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as Tree

from pydantic import JsonValue

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, SwitchFacts, SwitchPort
from drivers.switch.names import canonical
from drivers.switch.reading import (
    Notes,
    Parsed,
    cleaned,
    garbled,
    kind,
    looks_like_json,
    mac,
    number,
    spelled,
    words,
)
from drivers.switch.reading import document as json_document

FAMILY = "junos"
_DEEPEST = 40  # elements in one another; a reply has some ten
_PORT = re.compile(r"(?:[gx]e|et|mge|fe|xle|fte)-\d+/\d+/\d+(?::\d+)?|me0|em\d+|fxp\d+|vme")


def tree(text: str, notes: Notes) -> Tree.Element:
    """A recorded answer, whatever surrounds it, without its namespaces. `Garbled` where it is cut off."""
    whole = cleaned(text, notes)
    if looks_like_json(whole):
        root = Tree.Element("rpc-reply")
        _grow(root, dict(json_document(whole, notes)), 0)
        return root
    begin, end = whole.find("<"), whole.rfind(">")
    if begin < 0 or re.search(r"<!(?:DOCTYPE|ENTITY)", whole):
        raise garbled(notes.path, "it is no XML that a switch writes")
    body = re.sub(r"<\?xml[^>]*\?>", "", whole[begin : end + 1])
    body = re.sub(
        r"<(/?)[\w.-]+:(?=[\w.-]+)", r"<\1", re.sub(r"\s(?:xmlns(?::\w+)?|\w+:\w+)=(\"[^\"]*\"|'[^']*')", "", body)
    )
    try:
        return Tree.fromstring(f"<answer>{body}</answer>")  # noqa: S314  entities are refused above
    except Tree.ParseError as error:
        raise garbled(notes.path, f"it is cut off, or no XML ({error})") from error


def _grow(at: Tree.Element, value: JsonValue, depth: int) -> None:
    """Junos writes each element as a list of objects, and its text as `data`."""
    if not isinstance(value, dict):
        at.text = None if value is None else str(value)
        return
    for key, inner in value.items() if depth < _DEEPEST else ():
        if key == "data":
            at.text = str(inner)
        elif key != "attributes":
            for each in inner if isinstance(inner, list) else [inner]:
                _grow(Tree.SubElement(at, key), each, depth + 1)


def _text(at: Tree.Element, *names: str) -> str | None:
    for name in names:
        told = words(at.findtext(f".//{name}"))
        if told is not None:
            return told
    return None


def _all(root: Tree.Element, *names: str) -> Iterator[Tree.Element]:
    for name in names:
        yield from root.iter(name)


def _expect(root: Tree.Element, notes: Notes, *names: str) -> None:
    if next(_all(root, *names), None) is None:
        said = _text(root, "error-message", "message")
        raise garbled(notes.path, f"it has no {names[0]}{f' ({said})' if said else ''}")


def neighbours(text: str) -> Parsed[Neighbour]:
    """Of `get-lldp-neighbors-information`, best of each port's in detail; also the detail as text."""
    notes = Notes("show lldp neighbors")
    if "<" not in text and re.search(r"^LLDP Neighbor Information", text, re.MULTILINE):
        return _from_text(cleaned(text, notes), notes)
    root = tree(text, notes)
    _expect(root, notes, "lldp-neighbors-information")
    return notes.parsed([_neighbour(one, notes) for one in _all(root, "lldp-neighbor-information")])


def _neighbour(one: Tree.Element, notes: Notes) -> Neighbour:
    port = canonical(FAMILY, _text(one, "lldp-local-interface", "lldp-local-port-id") or "")
    port_id = spelled(one.findtext(".//lldp-remote-port-id"))
    if port_id is None:
        notes.note("not-told", f"{port}: its neighbour tells no port id, or this is the short form")
    return Neighbour(
        port=port,
        chassis_id=spelled(one.findtext(".//lldp-remote-chassis-id")),
        system=_text(one, "lldp-remote-system-name"),
        kind=kind(one.findtext(".//lldp-remote-port-id-subtype")),
        port_id=port_id or "",
        port_description=_text(one, "lldp-remote-port-description"),
    )


def _from_text(text: str, notes: Notes) -> Parsed[Neighbour]:
    found: list[Neighbour] = []
    for block in re.split(r"^LLDP Neighbor Information:?[ \t]*$", text, flags=re.MULTILINE)[1:]:
        told = {
            one[1].strip().casefold(): one[2]
            for one in re.finditer(r"^(\w[\w ]{0,40}?) {0,40}: (.*)$", block, re.MULTILINE)
        }
        found.append(
            Neighbour(
                port=canonical(FAMILY, words(told.get("local interface")) or ""),
                chassis_id=spelled(told.get("chassis id")),
                system=words(told.get("system name")),
                kind=kind(told.get("port type")),
                port_id=spelled(told.get("port id")) or "",
                port_description=words(told.get("port description")),
            )
        )
    return notes.parsed(found)


def facts(text: str) -> SwitchFacts:
    """Of `get-software-information`, with `get-chassis-inventory` and `get-system-uptime-information` behind it."""
    notes = Notes("show version")
    root = tree(text, notes)
    version = _text(root, "junos-version")
    if version is None:
        package = _text(root, "package-information/comment") or ""
        found = re.search(r"\[(\d[^\]]+)\]", package)
        version = found[1] if found else None
    if version is None:
        raise garbled(notes.path, "it names no version")
    chassis = root.find(".//chassis-inventory/chassis")
    serial = words(chassis.findtext("serial-number")) if chassis is not None else None
    if serial is None:
        notes.note("not-told", "no serial; it stands in the chassis inventory")
    booted = root.find(".//system-booted-time/time-length")
    up = booted.get("seconds") if booted is not None else None
    return SwitchFacts(
        vendor="Juniper",
        model=_text(root, "product-model"),
        serial=serial,
        version=version,
        hostname=_text(root, "host-name"),
        uptime_s=float(up) if up is not None and up.isdigit() else None,
        findings=tuple(notes.found),
    )


_LAYER_2 = 14  # bytes of an Ethernet header, which Junos counts into an interface's MTU


def ports(text: str) -> Parsed[SwitchPort]:
    """Of `get-interface-information`."""
    notes = Notes("show interfaces")
    root = tree(text, notes)
    _expect(root, notes, "interface-information")
    found = [_port(one) for one in _all(root, "physical-interface")]
    return notes.parsed([port for port in found if _PORT.fullmatch(port.name)])


def _port(one: Tree.Element) -> SwitchPort:
    speed = re.match(r"(\d{1,6}) ?([mMgG])bps", words(one.findtext("speed")) or "")
    bundle = next((name for name in (words(at.text) for at in one.iter("ae-bundle-name")) if name), None)
    admin, up, mtu = (
        words(one.findtext("admin-status")),
        words(one.findtext("oper-status")),
        number(one.findtext("mtu")),
    )
    return SwitchPort(
        name=canonical(FAMILY, words(one.findtext("name")) or ""),
        enabled=admin == "up" if admin else None,
        up=up == "up" if up else None,
        speed_mbps=int(speed[1]) * (1000 if speed[2] in "gG" else 1) if speed else None,
        mtu=mtu - _LAYER_2 if mtu is not None and mtu > _LAYER_2 else None,
        mac=mac(one.findtext("hardware-physical-address") or one.findtext("current-physical-address")),
        lag=canonical(FAMILY, bundle) if bundle else None,
        description=words(one.findtext("description")),
    )


def vlans(text: str) -> Mapping[int, str]:
    """Of `get-vlan-information` (both generations) or `get-bridge-instance-information`."""
    notes = Notes("show vlans")
    root = tree(text, notes)
    groups = ("vlan", "l2ng-l2ald-vlan-instance-group", "l2ald-bridge-instance-group")
    _expect(
        root, notes, "vlan-information", "l2ng-l2ald-vlan-instance-information", "l2ald-bridge-instance-information"
    )
    found: dict[int, str] = {}
    for one in _all(root, *groups):
        tag = number(_text(one, "vlan-tag", "l2ng-l2rtb-vlan-tag", "l2rtb-bridge-vlan"))
        if tag is not None and 0 < tag < 4095:
            found[tag] = _text(one, "vlan-name", "l2ng-l2rtb-vlan-name", "l2rtb-bridging-domain") or ""
    return found


_MAC_ROWS = ("mac-table-entry", "l2ng-l2ald-mac-entry-vlan", "l2ng-mac-entry", "l2ald-mac-entry", "l2-mac-entry")


def learned(text: str) -> Parsed[Learned]:
    """Of `get-ethernet-switching-table-information` (both generations) or `get-bridge-mac-table`."""
    notes = Notes("show ethernet-switching table")
    root = tree(text, notes)
    tops = ("ethernet-switching-table-information", "l2ng-l2ald-rtb-macdb", "l2ald-rtb-macdb")
    _expect(root, notes, *tops)
    names = _vlan_names(root)
    return notes.parsed([row for one in _all(root, *_MAC_ROWS) if (row := _learned(one, names)) is not None])


def _learned(one: Tree.Element, names: Mapping[str, int]) -> Learned | None:
    address = mac(_text(one, "mac-address", "l2ng-l2-mac-address", "l2-mac-address"))
    port = _text(one, "l2ng-l2-mac-logical-interface", "l2-mac-logical-interface", "mac-interface", "mac-interfaces")
    if address is None or port is None or not re.match(r"[a-z]+(?:-\d+/\d+/\d+|\d)", port):
        return None
    name = _text(one, "mac-vlan", "l2ng-l2-mac-vlan-name", "l2-mac-bridging-domain") or ""
    vlan = number(_text(one, "mac-vlan-tag", "l2ng-l2-vlan-id", "l2-bridge-vlan")) or names.get(name)
    kinds = " ".join(filter(None, [_text(one, "mac-type"), _text(one, "l2ng-l2-mac-flags", "l2-mac-flags")]))
    static = kinds.casefold().startswith("s")
    return Learned(address, vlan, _bundle(port), static)


def _bundle(port: str) -> str:
    """A row names the unit that learned; any unit of a port is the port here."""
    return canonical(FAMILY, port.partition(".")[0].rstrip("*"))


def _vlan_names(root: Tree.Element) -> Mapping[str, int]:
    """`vlan-100`, `VLAN0100`: only where the name ends by a number that may be one."""
    told = {words(one.text) or "" for one in _all(root, "mac-vlan")}
    ends = {name: re.search(r"(\d{1,4})$", name) for name in told}
    return {name: int(end[1]) for name, end in ends.items() if end and name.casefold().startswith("vlan")}


def lags(text: str) -> Parsed[Lag]:
    """Of `get-lacp-interface-information`, best extensive: then the partner's system id stands there."""
    notes = Notes("show lacp interfaces")
    root = tree(text, notes)
    _expect(root, notes, "lacp-interface-information-list", "lacp-interface-information")
    return notes.parsed([_lag(one) for one in _all(root, "lacp-interface-information")])


def _lag(one: Tree.Element) -> Lag:
    members: dict[str, MemberState] = {}
    partner = None
    for each in one.iter("lag-lacp-protocol"):
        mux = (words(each.findtext("lacp-mux-state")) or "").casefold()
        members[canonical(FAMILY, words(each.findtext("name")) or "")] = _mux(mux)
    for each in one.iter("lag-lacp-state"):
        name = canonical(FAMILY, words(each.findtext("name")) or "")
        if (words(each.findtext("lacp-role")) or "").casefold() == "partner":
            partner = partner or mac(each.findtext("lacp-partner-system") or each.findtext("lacp-system"))
        elif (words(each.findtext("lacp-defaulted")) or "").casefold() == "yes" and name in members:
            # Forced up, or expired: it distributes, and nobody was heard.
            there = members[name] is MemberState.BUNDLED
            members[name] = MemberState.INDIVIDUAL if there else MemberState.DOWN
    return Lag(canonical(FAMILY, _text(one, "aggregate-name") or ""), members, partner)


def _mux(state: str) -> MemberState:
    return MemberState.BUNDLED if "distributing" in state else MemberState.DOWN
