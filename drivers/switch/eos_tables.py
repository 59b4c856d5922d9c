"""What EOS tells, read: the JSON of eAPI and of `| json` (models of revision 1), and LLDP as text.

Source: the answers of EOS 4.15 to 4.32, and Arista's user manual, chapters LLDP, Port Channels and LACP.
"""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, SwitchFacts, SwitchPort
from drivers.switch.names import canonical
from drivers.switch.reading import (
    Document,
    Notes,
    Parsed,
    cleaned,
    document,
    garbled,
    kind,
    looks_like_json,
    mac,
    number,
    rows,
    spelled,
    table,
    words,
)
from inventory.address import Mac

FAMILY = "eos"
_PHYSICAL = ("Ethernet", "Management")


def facts(version: Document, hostname: Document) -> SwitchFacts:
    notes = Notes("show version")
    if "modelName" not in version and "version" not in version:
        raise garbled(notes.path, "it names neither a model nor a version")
    serial = words(version.get("serialNumber"))
    if serial is None:
        notes.note("not-told", "it has no serial number, as a virtual switch has none")
    up = version.get("uptime")
    return SwitchFacts(
        vendor=words(version.get("mfgName")) or "Arista",
        model=words(version.get("modelName")),
        serial=serial,
        version=words(version.get("version")),
        hostname=words(hostname.get("hostname")),
        uptime_s=float(up) if isinstance(up, int | float) else None,
        findings=tuple(notes.found),
    )


def ports(interfaces: Document) -> Parsed[SwitchPort]:
    """Of `show interfaces`, or of `show interfaces status`, which tells less."""
    notes = Notes("show interfaces")
    told = _required(interfaces, "interfaceStatuses" if "interfaceStatuses" in interfaces else "interfaces", notes)
    return notes.parsed([_port(canonical(FAMILY, name), table(one)) for name, one in told.items() if _physical(name)])


def _physical(name: str) -> bool:
    return canonical(FAMILY, name).startswith(_PHYSICAL) and "." not in name


def _port(name: str, told: Document) -> SwitchPort:
    up, state = told.get("lineProtocolStatus") == "up", told.get("interfaceStatus") or told.get("linkStatus")
    bandwidth = number(told.get("bandwidth"))
    member = re.search(r"Port-Channel\d+", words(told.get("interfaceMembership")) or "")
    return SwitchPort(
        name=name,
        enabled=state not in ("disabled", "adminDown") if state is not None else None,
        up=up if "lineProtocolStatus" in told else None,
        speed_mbps=bandwidth // 1_000_000 if bandwidth else None,
        mtu=number(told.get("mtu")),
        mac=mac(told.get("physicalAddress") or told.get("burnedInAddress")),
        lag=member[0] if member else None,
        lanes=number(told.get("lanes")) or None,
        description=words(told.get("description")),
    )


def vlans(told: Document) -> Mapping[int, str]:
    notes = Notes("show vlan")
    there = _required(told, "vlans", notes)
    return {int(vlan): words(table(one).get("name")) or "" for vlan, one in there.items() if vlan.isdigit()}


def learned(told: Document) -> Parsed[Learned]:
    """Of `show mac address-table`; what is learned from a VXLAN peer has no port here."""
    notes = Notes("show mac address-table")
    found: list[Learned] = []
    for one in rows(_required(told, "unicastTable", notes).get("tableEntries")):
        address, port = mac(one.get("macAddress")), words(one.get("interface"))
        if address is None or port is None:
            notes.note("wrong-type", f"a row without an address or a port: {words(one.get('macAddress'))}")
        elif port not in ("Router", "Cpu", "Vxlan1"):
            static = one.get("entryType") != "dynamic"
            found.append(Learned(address, number(one.get("vlanId")), canonical(FAMILY, port), static))
    return notes.parsed(found)


def lags(channels: Document, lacp: Document) -> Parsed[Lag]:
    """Of `show port-channel detailed` (or its summary) and `show lacp neighbor`; either alone does."""
    notes = Notes("show port-channel")
    heard = table(lacp.get("portChannels"))
    there = _required(channels, "portChannels", notes)
    return notes.parsed(
        [_lag(canonical(FAMILY, name), table(one), table(heard.get(name))) for name, one in there.items()]
    )


def _lag(name: str, told: Document, heard: Document) -> Lag:
    at = {canonical(FAMILY, port): table(one) for port, one in table(heard.get("interfaces")).items()}
    active = {canonical(FAMILY, port) for port in table(told.get("activePorts"))}
    summary = {canonical(FAMILY, port): table(one) for port, one in table(told.get("ports")).items()}
    active |= {port for port, one in summary.items() if table(one.get("lacpState")).get("bundled") is True}
    there = {*active, *(canonical(FAMILY, port) for port in table(told.get("inactivePorts"))), *summary, *at}
    falls_back = (words(told.get("fallbackState")) or "").casefold().endswith("enabled")
    members = {
        port: _state(words(at.get(port, {}).get("actorPortStatus")), active=port in active, falls_back=falls_back)
        for port in sorted(there)
        if port.startswith("Ethernet")  # of MLAG, peers' ports stand here too
    }
    systems = (_system(one.get("partnerSystemId")) for one in at.values())
    return Lag(name, members, next((system for system in systems if system is not None), None))


def _state(status: str | None, *, active: bool, falls_back: bool) -> MemberState:
    """LACP's own word first: a member that falls back is active too, and hears no partner."""
    if status == "bundled" or (active and status is None):
        return MemberState.BUNDLED
    return MemberState.INDIVIDUAL if active or (falls_back and status == "noAgg") else MemberState.DOWN


def _system(value: JsonValue) -> Mac | None:
    """`8000,76-83-ef-ed-66-5d`, priority and address; all zero where no partner is heard."""
    return mac((words(value) or "").rpartition(",")[2])


def neighbours(text: str) -> Parsed[Neighbour]:
    """A recorded `show lldp neighbors detail`, as JSON or as text."""
    notes = Notes("show lldp neighbors detail")
    whole = cleaned(text, notes)
    if looks_like_json(whole):
        return _neighbours(document(whole, notes), notes)
    return _from_text(whole, notes)


def neighbours_of(told: Document) -> Parsed[Neighbour]:
    return _neighbours(told, Notes("show lldp neighbors detail"))


def _neighbours(told: Document, notes: Notes) -> Parsed[Neighbour]:
    heard = told.get("lldpNeighbors")
    if isinstance(heard, list):
        notes.note("no-detail", "this is the short form: it does not tell which subtype a port id has")
        return notes.parsed([_brief(one) for one in rows(heard)])
    found: list[Neighbour] = []
    for port, one in _required(told, "lldpNeighbors", notes).items():
        found += [_neighbour(canonical(FAMILY, port), each, notes) for each in rows(table(one).get("lldpNeighborInfo"))]
    return notes.parsed(found)


def _neighbour(port: str, told: Document, notes: Notes) -> Neighbour:
    at = table(told.get("neighborInterfaceInfo"))
    port_id = spelled(at.get("interfaceId_v2")) or spelled(at.get("interfaceId"))
    if port_id is None:
        notes.note("not-told", f"{port}: its neighbour tells no port id")
    return Neighbour(
        port=port,
        chassis_id=spelled(told.get("chassisId")),
        system=words(told.get("systemName")),
        kind=kind(at.get("interfaceIdType")),
        port_id=port_id or "",
        port_description=words(at.get("interfaceDescription")),
    )


def _brief(told: Document) -> Neighbour:
    port = canonical(FAMILY, words(told.get("port")) or "")
    return Neighbour(port, None, words(told.get("neighborDevice")), None, spelled(told.get("neighborPort")) or "")


_AT = re.compile(r"^Interface (\S+) detected (\d+) LLDP neighbors?:", re.MULTILINE)
_LINES = (
    ("chassis", re.compile(r"^[ \t]*Chassis ID {0,9}: (.*)$", re.MULTILINE)),
    ("kind", re.compile(r"^[ \t]*- Port ID type: (.*)$", re.MULTILINE)),
    ("port", re.compile(r"^[ \t]*Port ID {0,9}: (.*)$", re.MULTILINE)),
    ("described", re.compile(r"^[ \t]*- Port Description: (.*)$", re.MULTILINE)),
    ("system", re.compile(r"^[ \t]*- System Name: (.*)$", re.MULTILINE)),
)


def _from_text(text: str, notes: Notes) -> Parsed[Neighbour]:
    heads = list(_AT.finditer(text))
    if not heads and "LLDP" not in text:
        raise garbled(notes.path, "it names no port")
    found: list[Neighbour] = []
    for head, end in zip(heads, [*(each.start() for each in heads[1:]), len(text)], strict=True):
        blocks = re.split(r"^[ \t]*Neighbor (?=\S)", text[head.end() : end], flags=re.MULTILINE)[1:]
        if len(blocks) != int(head[2][:6]):
            notes.note("truncated", f"{head[1]}: {head[2]} neighbours are announced, {len(blocks)} are there")
        found += [_block(canonical(FAMILY, head[1]), block, notes) for block in blocks]
    return notes.parsed(found)


def _block(port: str, block: str, notes: Notes) -> Neighbour:
    told = {key: match[1] for key, line in _LINES if (match := line.search(block)) is not None}
    port_id = spelled(told.get("port"))
    if port_id is None:
        notes.note("not-told", f"{port}: its neighbour tells no port id")
    return Neighbour(
        port=port,
        chassis_id=spelled(told.get("chassis")),
        system=words(told.get("system")),
        kind=kind(told.get("kind")),
        port_id=port_id or "",
        port_description=words(told.get("described")),
    )


def _required(told: Document, key: str, notes: Notes) -> Document:
    value = told.get(key)
    if not isinstance(value, dict):
        raise garbled(notes.path, f"it has no {key}")
    return value
