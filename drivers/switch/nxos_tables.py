"""What NX-OS tells by `| json` and NX-API: tables of rows, a single one without its list. Seen of 7.0(3) to 10.4."""

import re
from collections.abc import Iterator, Mapping

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, SwitchFacts, SwitchPort
from drivers.switch.names import canonical
from drivers.switch.reading import (
    Document,
    Notes,
    Parsed,
    garbled,
    kind,
    mac,
    number,
    rows,
    spelled,
    table,
    words,
)
from inventory.address import Mac

FAMILY = "nxos"


def _table(told: Document, notes: Notes, *names: str) -> Iterator[Document]:
    """The rows of TABLE_name/ROW_name, whichever name this version has; `Garbled` where none is there."""
    for name in names:
        if f"TABLE_{name}" in told:
            for one in rows(told[f"TABLE_{name}"]):
                yield from rows(one.get(f"ROW_{name}"))
            return
    if told:
        raise garbled(notes.path, f"it has no TABLE_{names[0]}")


def neighbours(told: Document) -> Parsed[Neighbour]:
    """Of `show lldp neighbors detail`; some versions give the subtype by its number."""
    notes = Notes("show lldp neighbors detail")
    found: list[Neighbour] = []
    for one in _table(told, notes, "nbor_detail", "nbor"):
        port, port_id = words(one.get("l_port_id")), spelled(one.get("port_id"))
        if port is None:
            notes.note("no-port", f"the neighbour {words(one.get('sys_name')) or ''} is heard at no port that is named")
            continue
        if port_id is None:
            notes.note("not-told", f"{port}: its neighbour tells no port id")
        found.append(
            Neighbour(
                port=canonical(FAMILY, port),
                chassis_id=spelled(one.get("chassis_id")),
                system=words(one.get("sys_name")),
                kind=kind(one.get("port_type")),
                port_id=port_id or "",
                port_description=words(one.get("port_desc")),
            )
        )
    return notes.parsed(found)


def facts(version: Document) -> SwitchFacts:
    notes = Notes("show version")
    told = next(
        (words(version[key]) for key in ("nxos_ver_str", "sys_ver_str", "kickstart_ver_str") if key in version), None
    )
    if told is None:
        raise garbled(notes.path, "it names no version")
    units = (("kern_uptm_days", 86_400), ("kern_uptm_hrs", 3_600), ("kern_uptm_mins", 60), ("kern_uptm_secs", 1))
    spans = [(number(version.get(key)), unit) for key, unit in units]
    serial = words(version.get("proc_board_id"))
    if serial is None:
        notes.note("not-told", "no serial")
    return SwitchFacts(
        vendor="Cisco",
        model=words(version.get("chassis_id")),
        serial=serial,
        version=told,
        hostname=words(version.get("host_name")),
        uptime_s=float(sum((count or 0) * unit for count, unit in spans)) if spans[0][0] is not None else None,
        findings=tuple(notes.found),
    )


def ports(told: Document) -> Parsed[SwitchPort]:
    """Of `show interface`."""
    notes = Notes("show interface")
    found = [_port(one) for one in _table(told, notes, "interface")]
    return notes.parsed([port for port in found if re.match(r"(?:Ethernet|mgmt)\d[\d/]*$", port.name)])


def _port(told: Document) -> SwitchPort:
    speed = re.match(r"(\d{1,6}) ?([MG])b/s", words(told.get("eth_speed")) or "")
    state, bundle = words(told.get("state")), re.search(r"(\d+)$", words(told.get("eth_bundle")) or "")
    admin = words(told.get("admin_state")) or ("down" if "dmin" in (words(told.get("state_rsn_desc")) or "") else None)
    return SwitchPort(
        name=canonical(FAMILY, words(told.get("interface")) or ""),
        enabled=admin == "up" if admin is not None else None,
        up=state == "up" if state is not None else None,
        speed_mbps=int(speed[1]) * (1000 if speed[2] == "G" else 1) if speed else None,
        mtu=number(told.get("eth_mtu")),
        mac=mac(told.get("eth_hw_addr")),
        lag=f"port-channel{bundle[1]}" if bundle else None,
        description=words(told.get("desc")),
    )


def vlans(told: Document) -> Mapping[int, str]:
    notes = Notes("show vlan")
    found: dict[int, str] = {}
    for one in _table(told, notes, "vlanbriefxbrief", "vlanbrief", "vlanbriefid"):
        vlan = number(one.get("vlanshowbr-vlanid-utf") or one.get("vlanshowbr-vlanid"))
        if vlan is not None and 0 < vlan < 4095:
            found[vlan] = words(one.get("vlanshowbr-vlanname")) or ""
    return found


def learned(told: Document) -> Parsed[Learned]:
    notes = Notes("show mac address-table")
    found: list[Learned] = []
    for one in _table(told, notes, "mac_address"):
        address, port = mac(one.get("disp_mac_addr")), canonical(FAMILY, words(one.get("disp_port")) or "")
        vlan = number(one.get("disp_vlan"))
        if address is not None and re.fullmatch(r"(?:Ethernet|port-channel)\d[\d/]*", port):
            found.append(Learned(address, vlan or None, port, words(one.get("disp_is_static")) == "enabled"))
    return notes.parsed(found)


def lags(summary: Document, heard: Document) -> Parsed[Lag]:
    """Of `show port-channel summary`, and of `show lacp neighbor`."""
    notes = Notes("show port-channel summary")
    partners = _partners(heard)
    found: list[Lag] = []
    for one in _table(summary, notes, "channel"):
        name = canonical(FAMILY, words(one.get("port-channel")) or f"port-channel{words(one.get('group')) or ''}")
        members = {
            canonical(FAMILY, words(each.get("port")) or ""): _state(words(each.get("port-status")) or "")
            for member in rows(one.get("TABLE_member"))
            for each in rows(member.get("ROW_member"))
        }
        found.append(Lag(name, members, partners.get(name)))
    return notes.parsed(found)


def _state(flag: str) -> MemberState:
    return {"P": MemberState.BUNDLED, "I": MemberState.INDIVIDUAL}.get(flag, MemberState.DOWN)


def _partners(told: Document) -> Mapping[str, Mac]:
    """A partner's system id is written `32768,0-23-4-ee-be-1`: its octets may lack a zero."""
    found: dict[str, Mac] = {}
    for one in rows(table(told.get("TABLE_interface")).get("ROW_interface")):
        name = canonical(FAMILY, words(one.get("interface")) or "")
        for each in (row for member in rows(one.get("TABLE_member")) for row in rows(member.get("ROW_member"))):
            octets = (words(each.get("partner-sys-id")) or "").rpartition(",")[2].split("-")
            system = mac(":".join(octet.zfill(2) for octet in octets))
            if system is not None:
                found.setdefault(name, system)
    return found
