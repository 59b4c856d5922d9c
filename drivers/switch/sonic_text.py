"""SONiC's tables as a terminal shows them: `show` and its scripts. Pure.

Its tables are as wide as what is in them and stand over a ruler of dashes, so that nothing is cut: a cell is what
stands under its dashes. In alias mode ports go by their alias (etp1, Eth1/1); which port that is, only the
configuration tells. Source: SONiC Command Reference.
"""

import re
from collections.abc import Iterator, Mapping

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, SwitchFacts, SwitchPort
from drivers.switch.reading import Notes, Parsed, cleaned, garbled, kind, mac, number, spelled, words

Line = Mapping[str, str]
_RULER = re.compile(r"[ \t]*-{2,}(?: {1,4}-{2,})+[ \t]*$")
_UNITS: Mapping[str, int] = {"M": 1, "G": 1000, "T": 1_000_000}
_NONE = ("", "N/A", "None")


def ruled(text: str, notes: Notes, *heads: str) -> Iterator[Line]:
    """The rows of each table that has these columns, by their heads. `Garbled` where there is no such table."""
    lines = text.splitlines()
    tables = [(at, _spans(line)) for at, line in enumerate(lines) if at and _RULER.match(line)]
    found = [(at, spans) for at, spans in tables if set(heads) <= set(_cells(lines[at - 1], spans))]
    if not found:
        raise garbled(notes.path, f"it holds no table of {', '.join(heads)}")
    for at, spans in found:
        names = _cells(lines[at - 1], spans)
        for line in lines[at + 1 :]:
            if not line.strip() or line.startswith(("Total number", "-----")):
                break
            yield dict(zip(names, _cells(line, spans), strict=True))


def _spans(ruler: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"-+", ruler)]


def _cells(line: str, spans: list[tuple[int, int]]) -> list[str]:
    """The last column reaches to the end of its line."""
    ends = [end for _, end in spans[:-1]] + [max(len(line), spans[-1][1])]
    return [line[begin:end].strip() for (begin, _), end in zip(spans, ends, strict=True)]


def ports(text: str) -> Parsed[SwitchPort]:
    """`show interfaces status`, without the LAGs at its end."""
    notes = Notes("show interfaces status")
    found = [_port(row, notes) for row in ruled(cleaned(text, notes), notes, "Interface", "Oper", "Admin")]
    return notes.parsed([one for one in found if one is not None])


def _port(row: Line, notes: Notes) -> SwitchPort | None:
    name = row["Interface"]
    if name.startswith("PortChannel") or not name:
        return None
    in_lag = row.get("Vlan", "")
    speed = speed_mbps(row.get("Speed", ""))
    if speed is None:
        notes.note("not-told", f"{name} has no speed")
    return SwitchPort(
        name=name,
        enabled=_up(row["Admin"]),
        up=_up(row["Oper"]),
        speed_mbps=speed,
        mtu=number(row.get("MTU", "")),
        lag=in_lag if in_lag.startswith("PortChannel") else None,
        lanes=lane_count(row.get("Lanes")),
        alias=_told(row.get("Alias", "")),
    )


def speed_mbps(text: str) -> int | None:
    """`25G`, `2.5G`, `100M`; in Mbit/s where there is no unit, as its databases have it."""
    told = re.fullmatch(r"(\d{1,7}(?:\.\d{1,3})?)([MGT]?)", text.strip())
    return round(float(told[1]) * _UNITS[told[2] or "M"]) or None if told else None


def lane_count(text: str | None) -> int | None:
    lanes = [lane for lane in (text or "").split(",") if lane.strip().isdecimal()]
    return len(lanes) or None


def _up(text: str) -> bool | None:
    return {"up": True, "down": False}.get(text.lower())


def _told(text: str) -> str | None:
    return None if text in _NONE else words(text)


def learned(text: str) -> Parsed[Learned]:
    """`show mac`. A port that is an object's number is one that it does not know any more: left out, and said."""
    notes = Notes("show mac")
    whole = cleaned(text, notes)
    found: list[Learned] = []
    count = 0
    for row in ruled(whole, notes, "Vlan", "MacAddress", "Port", "Type"):
        count += 1
        address, port = mac(row["MacAddress"]), row["Port"]
        if address is None or not port[:1].isalpha():
            notes.note("wrong-type", f"{row['MacAddress']} at {port} makes no sense")
            continue
        found.append(Learned(address, number(row["Vlan"]), port, row["Type"].lower() == "static"))
    announced = re.search(r"^Total number of entries (\d{1,9})", whole, re.MULTILINE)
    if announced is None or int(announced[1]) != count:
        notes.note(
            "truncated", f"{announced[1] if announced else 'no number of'} rows are announced, {count} are there"
        )
    return notes.parsed(found)


def vlans(text: str) -> Mapping[int, str]:
    """`show vlan config`, with a name each; `show vlan brief`, without."""
    notes = Notes("show vlan")
    whole = cleaned(text, notes)
    boxed = re.findall(r"^\|[ ]*(\d{1,4})[ ]*\|", whole, re.MULTILINE)
    if boxed or re.search(r"^\|\s*VLAN ID\s*\|", whole, re.MULTILINE):
        return {int(vlan): f"Vlan{vlan}" for vlan in boxed}
    rows = ruled(whole, notes, "Name", "VID")
    return {int(row["VID"]): row["Name"] for row in rows if row["VID"].isdecimal()}


_MEMBER = re.compile(r"([A-Za-z][\w/.-]*)\(([A-Z])(\*?)\)")


def lags(text: str) -> Parsed[Lag]:
    """`show interfaces portchannel`: selected, deselected, selected and not in force yet (`*`). It names no partner."""
    notes = Notes("show interfaces portchannel")
    found: list[Lag] = []
    for row in ruled(cleaned(text, notes), notes, "Team Dev", "Ports"):
        members = {
            name: MemberState.BUNDLED if state == "S" and not star else MemberState.DOWN
            for name, state, star in _MEMBER.findall(row["Ports"])
        }
        found.append(Lag(row["Team Dev"], members))
    return notes.parsed(found)


def neighbours(text: str) -> Parsed[Neighbour]:
    """`show lldp neighbors`, which is lldpctl's; or `show lldp table`, which names no subtype."""
    notes = Notes("show lldp neighbors")
    whole = cleaned(text, notes)
    if re.search(r"^Interface:", whole, re.MULTILINE):
        blocks = re.split(r"^(?=Interface:)", whole, flags=re.MULTILINE)[1:]
        found = [_neighbour(block, notes) for block in blocks]
        return notes.parsed([one for one in found if one is not None])
    if "LLDP neighbors:" in whole:
        return notes.parsed([])
    return _brief(whole, notes)


_WHO = re.compile(r"Interface:\s*([^,\s]+), via: (\w+)")
_FIELD = re.compile(r"^\s+(ChassisID|SysName|PortID|PortDescr):[ \t]*(.*)$", re.MULTILINE)


def _neighbour(block: str, notes: Notes) -> Neighbour | None:
    who = _WHO.match(block)
    if who is None or not who[2].upper().startswith("LLDP"):
        return None
    told: dict[str, str] = {}
    for key, value in _FIELD.findall(block):
        told.setdefault(key, value.strip())
    subtype, _, port_id = told.get("PortID", "").partition(" ")
    heard = spelled(port_id)
    if heard is None:
        notes.note("not-told", f"a neighbour at {who[1]} names no port")
        return None
    return Neighbour(
        port=who[1],
        chassis_id=spelled(told.get("ChassisID", "").partition(" ")[2]),
        system=words(told.get("SysName")),
        kind=None if subtype == "unhandled" else kind({"ip": "address"}.get(subtype, subtype)),
        port_id=heard,
        port_description=words(told.get("PortDescr")),
    )


def _brief(whole: str, notes: Notes) -> Parsed[Neighbour]:
    notes.note("no-detail", "`show lldp table` names no subtype; ask `show lldp neighbors`")
    found: list[Neighbour] = []
    for row in ruled(whole, notes, "LocalPort", "RemotePortID"):
        heard = spelled(row["RemotePortID"])
        if heard is not None:
            system, says = words(row.get("RemoteDevice")), words(row.get("RemotePortDescr"))
            found.append(Neighbour(row["LocalPort"], None, system, None, heard, says))
    announced = re.search(r"^Total entries displayed:\s*(\d{1,6})", whole, re.MULTILINE)
    if announced is None or int(announced[1]) != len(found):
        notes.note("truncated", f"{announced[1] if announced else 'no number of'} announced, {len(found)} are there")
    return notes.parsed(found)


def facts(text: str) -> SwitchFacts:
    """`show version`. It names no maker; a virtual switch has no serial number."""
    notes = Notes("show version")
    whole = cleaned(text, notes)
    told = {key.strip(): value.strip() for key, value in re.findall(r"^([A-Z][\w ]+): (.*)$", whole, re.MULTILINE)}
    version = words(told.get("SONiC Software Version", "").removeprefix("SONiC."))
    if version is None:
        raise garbled(notes.path, "it names no SONiC software version")
    serial = words(told.get("Serial Number"))
    if serial is None:
        notes.note("not-told", "it does not tell its serial number")
    return SwitchFacts(
        vendor=None,
        model=words(told.get("Model Number")) or words(told.get("HwSKU")),
        serial=serial,
        version=version,
        hostname=None,
        uptime_s=_uptime(told.get("Uptime", "")),
        findings=tuple(notes.found),
    )


_UPTIME = re.compile(r"up\s+(?:(\d+) days?,\s*)?(?:(\d+):(\d+)|(\d+) min)")


def _uptime(text: str) -> float | None:
    """As uptime(1) says it."""
    told = _UPTIME.search(text)
    if told is None:
        return None
    days, hours, minutes, alone = (int(one or 0) for one in told.groups())
    return float(days * 86400 + hours * 3600 + (minutes or alone) * 60)
