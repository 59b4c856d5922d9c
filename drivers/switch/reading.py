"""What any output of a switch must pass before it is read: its size, its form, its words.

Parsers are pure: text or a document in, values and findings out. Who cannot make sense of the whole raises `Garbled`;
a row that makes none is left out, and a finding says so.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import JsonValue

from drivers.ability.switch import PortIdKind
from drivers.errors import Garbled, Refused
from drivers.facts import Finding
from drivers.plain import plain
from inventory.address import Mac

OUTPUT_BOUND = 32 << 20  # characters; `show interfaces` as JSON of a chassis with a thousand ports is some 5 MiB
TLV = 511  # IEEE 802.1AB-2016 8.4: a TLV's length has nine bits (quirk 57)
ROWS = 100_000  # the MAC table of a large leaf holds some 300,000 in hardware, and tens of thousands in practice
_FINDINGS = 100
_VLANS = range(1, 4095)

Row = TypeVar("Row")
Document = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Parsed(Generic[Row]):
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...] = ()


@dataclass
class Notes:
    """Findings while an output is read; `path` says of what output."""

    path: str
    found: list[Finding] = field(default_factory=list)

    def note(self, code: str, says: str) -> None:
        if len(self.found) < _FINDINGS:
            self.found.append(Finding(code, self.path, plain(says)))

    def parsed(self, rows: Sequence[Row]) -> Parsed[Row]:
        if len(rows) > ROWS:
            self.note("too-many-rows", f"{len(rows)} rows; only {ROWS} are kept")
        return Parsed(tuple(rows[:ROWS]), tuple(self.found))


@contextmanager
def said_by(who: str) -> Iterator[None]:
    """Parsers know the output, not whose it is: their errors become the switch's."""
    try:
        yield
    except (Garbled, Refused) as error:
        if error.who == who:
            raise
        raise type(error)(who, f"{error.who}: {error.what}", error.remedy) from error


def garbled(path: str, says: str) -> Garbled:
    return Garbled(path, says, "run it on the switch by hand, whole and without its pager, and compare")


_PAGER = re.compile(
    r"[ \t]{0,8}(?:<?-{2,8} ?\(?[Mm]ore\)?[^\n>-]{0,60}-{2,8}>?|---\(more[^\n)]{0,60}\)---)[ \t\r\x08]*"
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def cleaned(text: str, notes: Notes) -> str:
    """Line ends as ours, no terminal colours, no words of a pager; `Garbled` where it is too long or an error."""
    if len(text) > OUTPUT_BOUND:
        raise garbled(notes.path, f"more than {OUTPUT_BOUND} characters")
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    paged, count = _PAGER.subn("", text)
    if count:
        notes.note("paged", f"its pager stopped {count} times; what it swallowed is not known")
    refused = re.search(
        r"^[ \t]*(?:% ?(?:Invalid|Incomplete|Ambiguous|Unknown)[^\n]*|error: [^\n]*)", paged, re.MULTILINE
    )
    if refused is not None and len(paged) < 4 * TLV:
        raise garbled(notes.path, f"the switch did not take the command: {plain(refused[0].strip())}")
    return paged


_JSON = re.compile(r"^[ \t]*(?=\{\s{0,99}[\"}]|\[\s{0,99}[\[{\"\]])", re.MULTILINE)  # not Junos' `{master:0}`


def looks_like_json(text: str) -> bool:
    return _JSON.search(text) is not None


def document(text: str, notes: Notes) -> Document:
    """The object in a recorded JSON output, whatever API wrapped it; a prompt before or after it does not matter."""
    begin = _JSON.search(text)
    try:
        found, _ = json.JSONDecoder().raw_decode(text, begin.end() if begin else 0)
    except (ValueError, RecursionError) as error:
        raise garbled(notes.path, "it is cut off, or no JSON") from error
    return unwrapped(found, notes)


# eAPI, NX-API by JSON-RPC and by ins_api: what the command's own answer stands in.
_WRAPS = ("result", "ins_api", "outputs", "output", "body")


def unwrapped(found: JsonValue, notes: Notes) -> Document:
    for _ in range(12):
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        elif isinstance(found, dict) and (wrap := next((key for key in _WRAPS if key in found), None)) is not None:
            found = found[wrap]
        else:
            break
    if not isinstance(found, dict):
        raise garbled(notes.path, "it is no JSON object")
    return found


def table(value: JsonValue) -> Document:
    return value if isinstance(value, dict) else {}


def rows(value: JsonValue) -> Iterator[Document]:
    """The objects of a list; one that stands alone is a list of one, as NX-OS writes it."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def words(value: JsonValue, most: int = TLV) -> str | None:
    """Text fit for people, without the quotes some put around it; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = plain(str(value).strip(), most).strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return None if text.casefold() in ("", "not advertised", "- not advertised", "null", "n/a") else text


def number(value: JsonValue) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if abs(value) < 1 << 62 else None
    found = re.match(r"\s*(\d{1,18})\b", value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def flag(value: JsonValue) -> bool | None:
    return value if isinstance(value, bool) else None


_MAC = re.compile(
    r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}[.:-]){2}[0-9a-f]{4}", re.IGNORECASE
)  # six bare octets may be a serial number


def mac(value: JsonValue) -> Mac | None:
    text = words(value)
    try:
        return Mac(text) if text is not None and _MAC.fullmatch(text) else None
    except ValueError:
        return None


def spelled(value: JsonValue) -> str | None:
    """As `words`; a MAC address as we write it."""
    return mac(value) or words(value)


# In the order of the surest word: "MAC address", "networkAddress"; "Interface alias"; "Locally assigned".
_KINDS = (
    ("mac", PortIdKind.MAC),
    ("alias", PortIdKind.ALIAS),
    ("component", PortIdKind.COMPONENT),
    ("circuit", PortIdKind.CIRCUIT),
    ("address", PortIdKind.ADDRESS),
    ("local", PortIdKind.LOCAL),
    ("name", PortIdKind.NAME),
)
_BY_NUMBER = dict(enumerate(PortIdKind, 1))  # IEEE 802.1AB-2016 table 8-3, in whose order the kinds stand


def kind(value: JsonValue) -> PortIdKind | None:
    """A port id subtype by its number or by any maker's words for it; None where it is unknown or reserved."""
    told = words(value)
    if told is None:
        return None
    numbered = re.search(r"(?:^|\()(\d+)\)?$", told)
    if numbered is not None:
        return _BY_NUMBER.get(int(numbered[1][:3]))
    folded = told.casefold()
    return next((kind for word, kind in _KINDS if word in folded), None)


def vlan_set(text: str) -> frozenset[int]:
    """`1,10-12`, `all`, `none`, `ALL`. ValueError where it is none of these."""
    folded = text.strip().casefold()
    if folded in ("none", ""):
        return frozenset()
    if folded in ("all", "1-4094"):
        return frozenset(_VLANS)
    told: set[int] = set()
    for part in folded.split(","):
        first, dash, last = part.strip().partition("-")
        span = range(int(first), int(last if dash else first) + 1)
        if not span or span[0] not in _VLANS or span[-1] not in _VLANS:
            raise ValueError(f"{part!r} is no range of VLANs")
        told.update(span)
    return frozenset(told)


def vlan_words(vlans: frozenset[int]) -> str:
    """As a command line takes them: `10-12,20`; `none`."""
    spans: list[list[int]] = []
    for vlan in sorted(vlans):
        if spans and spans[-1][1] == vlan - 1:
            spans[-1][1] = vlan
        else:
            spans.append([vlan, vlan])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans) or "none"
