"""The tables of EOS, NX-OS and IOS as a terminal shows them. Detail views where names matter: short ones cut them.

Nothing is read by its column (quirk 111). Where a switch says how many rows there are, fewer are a finding.
"""

import re
from collections.abc import Iterator, Mapping

from drivers.ability.switch import Lag, Learned, MemberState, Neighbour, SwitchFacts, SwitchPort
from drivers.facts import Finding
from drivers.switch.names import canonical
from drivers.switch.reading import Notes, Parsed, cleaned, garbled, mac, spelled, words

_PORTS = re.compile(r"(?:.*Ethernet|.*GigE|mgmt|Management)\d[\d/:]*$")


def neighbours(family: str, text: str) -> Parsed[Neighbour]:
    """`show lldp neighbors detail` of NX-OS and IOS, neither of which says what subtype a port id has (quirk 110)."""
    notes = Notes("show lldp neighbors detail")
    whole = cleaned(text, notes)
    found: list[Neighbour] = []
    for told in _blocks(whole):
        port = words(told.get("local intf") or told.get("local port id"))
        if port is None:
            who = words(told.get("system name")) or words(told.get("chassis id"))
            notes.note("no-port", f"old versions do not say at which port they hear {who}; ask for each port alone")
        found.append(_neighbour(canonical(family, port or ""), told, notes))
    if "LLDP is not enabled" in whole:
        notes.note("lldp-off", "LLDP is switched off there")
        return notes.parsed(found)
    announced = re.search(r"^[ \t]*Total entries displayed:\s*(\d{1,6})", whole, re.MULTILINE)
    if not found and (announced is None or int(announced[1])):
        raise garbled(notes.path, "it holds no neighbour in detail; the short form cuts names, and is not read")
    if announced is None or int(announced[1]) != len(found):
        says = f"{announced[1]} neighbours are announced" if announced else "it does not end by their number"
        notes.note("truncated", f"{says}, {len(found)} are there")
    return notes.parsed(found)


_KEY = re.compile(
    r"(Local Intf|Local Port id|Chassis id|Port id|Port Description|System Name)\s*(?:-\s*not advertised|:(.*))$",
    re.IGNORECASE,
)


def _blocks(text: str) -> Iterator[Mapping[str, str]]:
    """One neighbour's lines. A system's description may run over several, and say anything: it is skipped."""
    told: dict[str, str] = {}
    begins = "local intf" if re.search(r"^Local Intf:", text, re.MULTILINE) else "chassis id"
    describing = False
    for line in text.splitlines():
        if describing:
            describing = not line.startswith("Time remaining")
            continue
        describing = line.startswith("System Description:")
        found = _KEY.match(line.rstrip())
        if found is None:
            continue
        key = found[1].casefold()
        if key == begins and told:
            yield told
            told = {}
        told.setdefault(key, found[2] or "")
    if "chassis id" in told:
        yield told


def _neighbour(port: str, told: Mapping[str, str], notes: Notes) -> Neighbour:
    port_id = spelled(told.get("port id"))
    if port_id is None:
        notes.note("not-told", f"{port}: its neighbour tells no port id")
    return Neighbour(
        port=port,
        chassis_id=spelled(told.get("chassis id")),
        system=words(told.get("system name")),
        kind=None,
        port_id=port_id or "",
        port_description=words(told.get("port description")),
    )


_HEAD = re.compile(r"^([A-Za-z][\w./:-]*\d) is ([^,\n]{1,80}?)(?:, line protocol is (\w+)[^\n]*)?[ \t]*$", re.MULTILINE)
_SPEED = re.compile(r"\b(\d{1,6}) ?([MG])(?:b/s|bps)", re.IGNORECASE)


def ports(family: str, text: str) -> Parsed[SwitchPort]:
    """`show interfaces` (`show interface` of NX-OS)."""
    notes = Notes("show interfaces")
    whole = cleaned(text, notes)
    heads = list(_HEAD.finditer(whole))
    if not heads:
        raise garbled(notes.path, "it names no port")
    ends = [*(head.start() for head in heads[1:]), len(whole)]
    named = ((canonical(family, head[1]), head, whole[head.end() : end]) for head, end in zip(heads, ends, strict=True))
    return notes.parsed([_port(family, name, head, block) for name, head, block in named if _PORTS.match(name)])


def _port(family: str, name: str, head: re.Match[str], block: str) -> SwitchPort:
    state = head[2].casefold()
    speed, member = _SPEED.search(block), re.search(r"(?:Member of|Belongs to) ([Pp]o\S*?\d+)\b", block)
    down = "admin" in state or "disabled" in state or re.search(r"admin state is down", block) is not None
    return SwitchPort(
        name=name,
        enabled=not down,
        up=head[3] == "up" if head[3] else state.startswith("up"),
        speed_mbps=int(speed[1]) * (1000 if speed[2] in "gG" else 1) if speed else None,
        mtu=_number(r"\bMTU (\d{1,6}) bytes", block),
        mac=mac(_first(r"\baddress(?: is|:)\s+(\S+)", block)),
        lag=canonical(family, member[1]) if member else None,
        description=words(_first(r"^ *Description: (.*)$", block)),
    )


def vlans(text: str) -> Mapping[int, str]:
    """`show vlan` and `show vlan brief`. `act/unsup`: reserved for FDDI and Token Ring, and no VLAN of Ethernet."""
    notes = Notes("show vlan")
    rows = re.finditer(
        r"^(\d{1,4}) {1,9}(\S.{0,63}?) {1,64}(?:active|act/(?!unsup)|sus)", cleaned(text, notes), re.MULTILINE
    )
    found = {int(row[1]): words(row[2], 32) or "" for row in rows if 0 < int(row[1]) < 4095}
    if not found:
        raise garbled(notes.path, "it names no VLAN")
    return found


_ADDRESS = re.compile(r"(?<![\w.:])(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}(?![\w.:])", re.IGNORECASE)
_AT = re.compile(r"[A-Za-z-]+\d[\d/:.]*")  # where an address is: a port, a LAG, or the switch's own VLAN


def learned(family: str, text: str) -> Parsed[Learned]:
    """`show mac address-table`: by the address in a line, the number beside it, and the one port after it.

    EOS shows groups in a table of their own behind it, which is not read.
    """
    notes = Notes("show mac address-table")
    whole = cleaned(text, notes)
    unicast = re.split(r"^[ \t]*Multicast mac address table", whole, flags=re.MULTILINE | re.IGNORECASE)[0]
    lines = [line for line in unicast.splitlines() if _ADDRESS.search(line)]
    if not lines and not re.search(r"mac address", whole, re.IGNORECASE):
        raise garbled(notes.path, "it is no table of MAC addresses")
    announced = sum(int(count) for count in re.findall(r"for this criterion: *(\d{1,6})", unicast))
    if announced > len(lines):
        notes.note("truncated", f"{announced} addresses are announced, {len(lines)} are there")
    return notes.parsed([row for line in lines if (row := _learned(family, line)) is not None])


def _learned(family: str, line: str) -> Learned | None:
    """Behind the port EOS says how often it moved, and when."""
    at = _ADDRESS.search(line)
    address = mac(at[0]) if at else None
    if at is None or address is None:
        return None
    names = (canonical(family, word) for word in re.split(r"[\s,]+", line[at.end() :]))
    ports = [name for name in names if _AT.fullmatch(name)]
    if len(ports) != 1 or ports[0].startswith("Vlan"):
        return None  # of all ports or a group of them, the switch's own, dropped, or of a peer
    return Learned(address, _vlan(line[: at.start()], line[at.end() :]), ports[0], "dynamic" not in line.casefold())


def _vlan(before: str, after: str) -> int | None:
    """Beside the address; old IOS writes it behind the type. `All`, `-` and `N/A` are none."""
    words_before = before.replace("*", " ").split()
    number = words_before[-1] if words_before and words_before[-1] not in ("+", "G", "R", "C", "O", "~") else None
    if number is None:
        behind = re.search(r"\s(\d{1,4})\s", after)
        number = behind[1] if behind is not None else ""
    return int(number) if re.fullmatch(r"\d{1,4}", number) and 0 < int(number) < 4095 else None


def lags(family: str, text: str) -> Parsed[Lag]:
    """`show etherchannel summary`, `show port-channel summary`; whom LACP hears does not stand there."""
    notes = Notes("show port-channel summary")
    whole = cleaned(text, notes)
    found: dict[str, dict[str, MemberState]] = {}
    members: dict[str, MemberState] = {}
    for line in whole.splitlines():
        head = re.match(r"\s*(?:\d+\s+)?(Po\d+)\(\S*\)", line)
        if head is not None:
            members = found.setdefault(canonical(family, head[1]), {})
        for member in re.finditer(r"\b((?!Po\d)[A-Z][A-Za-z]*\d[\d/:]*)\(([^\s()]+)\)", line):
            members[canonical(family, member[1])] = _state(member[2])
    if not found and "Number of" not in whole and "Port-Channel" not in whole and "Group" not in whole:
        raise garbled(notes.path, "it is no summary of LAGs")
    return notes.parsed([Lag(name, ports) for name, ports in found.items()])


def _state(flags: str) -> MemberState:
    if "P" in flags:
        return MemberState.BUNDLED
    return MemberState.INDIVIDUAL if "I" in flags else MemberState.DOWN


# What of a version, in the order of the surest.
_FACTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ios": {
        "model": (r"^Model [Nn]umber\s*: *(\S+)", r"^[Cc]isco (\S+) \(.*(?:processor|bytes of memory)"),
        "serial": (r"^System [Ss]erial [Nn]umber\s*: *(\S+)", r"^Processor board ID ([^\s,]+)"),
        "version": (r"^Cisco IOS.*?, Version ([^,\s]+)", r"^IOS.*Version ([^,\s]+)"),
        "hostname": (r"^(\S+) uptime is ",),
    },
    "nxos": {
        "model": (r"^[ \t]*cisco (.+?) [Cc]hassis",),
        "serial": (r"^[ \t]*Processor [Bb]oard ID (\S+)",),
        "version": (r"^[ \t]*NXOS: version (\S+)", r"^[ \t]*system:\s+version (\S+)"),
        "hostname": (r"^[ \t]*Device name: (\S+)",),
    },
    "eos": {
        "model": (r"^Arista (\S+)", r"^(v?c?EOS\S*)[ \t]*$"),
        "serial": (r"^Serial number: *(\S+)",),
        "version": (r"^Software image version: *(\S+)",),
        "hostname": (),
    },
}
_MAKERS = {"ios": "Cisco", "nxos": "Cisco", "eos": "Arista"}
_UNITS = {"year": 31_536_000, "week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def facts(family: str, text: str) -> SwitchFacts:
    """`show version`."""
    notes = Notes("show version")
    whole = cleaned(text, notes)
    told = {key: _one_of(patterns, whole) for key, patterns in _FACTS[family].items()}
    if told["version"] is None:
        raise garbled(notes.path, "it names no version")
    notes.found += [Finding("not-told", notes.path, f"no {key}") for key, value in told.items() if value is None]
    up = _first(r"\buptime(?: is|:) *(.*)$", whole, re.IGNORECASE)
    return SwitchFacts(vendor=_MAKERS[family], uptime_s=_seconds(up), findings=tuple(notes.found), **told)


def _one_of(patterns: tuple[str, ...], text: str) -> str | None:
    return next((told for each in patterns if (told := words(_first(each, text))) is not None), None)


def _seconds(text: str | None) -> float | None:
    parts = re.findall(r"(\d{1,6}) (year|week|day|hour|minute|second)", text or "")
    return float(sum(int(count) * _UNITS[unit] for count, unit in parts)) if parts else None


def _first(pattern: str, text: str, flags: int = 0) -> str | None:
    found = re.search(pattern, text, re.MULTILINE | flags)
    return found[1] if found else None


def _number(pattern: str, text: str) -> int | None:
    found = _first(pattern, text)
    return int(found) if found is not None else None
