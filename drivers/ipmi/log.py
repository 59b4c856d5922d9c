"""The system event log by IPMI, newest first, without reading all of it.

Source: IPMI v2.0 rev. 1.1, 31.2 (SEL info), 31.5 (Get SEL Entry), 32.1 (record formats).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from drivers.ability.health import LogEntry
from drivers.errors import Refused, Unsupported
from drivers.wire.ipmi_records import event_words
from drivers.wire.rmcp import Rmcp

_STORAGE = 0x0A
_INFO, _GET = 0x40, 0x43
_WHOLE = 0xFF
_FIRST, _LAST = 0x0000, 0xFFFF
_RECORD = 16  # bytes
_EVENT = 0x02
_OEM_TIMED, _OEM = range(0xC0, 0xE0), range(0xE0, 0x100)
_GAPS = 32  # numbers without a record, in a row, after which the walk back ends
_CLOCK_SET = 0x20000000  # seconds; below it the time counts from the BMC's start (37.1)


class IpmiLog:
    def __init__(self, wire: Rmcp) -> None:
        self._wire = wire

    def newest(self, most: int) -> tuple[LogEntry, ...]:
        count = int.from_bytes(self._wire.ask(_STORAGE, _INFO, least=5)[1:3], "little")
        records = list(self._forward(count))[::-1] if count <= most else list(self._back(most))
        return tuple(_entry(raw) for raw in records[:most])

    def _forward(self, count: int) -> Iterator[bytes]:
        """By the links from each to the next."""
        number = _FIRST
        for _ in range(count):
            told = self._get(number)
            if told is None:
                return
            number, raw = told
            yield raw
            if number == _LAST:
                return

    def _back(self, most: int) -> Iterator[bytes]:
        """By number from the last: no record links to the one before it, and most logs number without gaps."""
        told = self._get(_LAST)
        gaps = 0
        number = int.from_bytes(told[1][:2], "little") if told else 0
        while most and number > 0 and gaps < _GAPS:
            if told is None:
                gaps += 1
            else:
                gaps, most = 0, most - 1
                yield told[1]
            number -= 1
            told = self._get(number) if number else None

    def _get(self, number: int) -> tuple[int, bytes] | None:
        """The next one's number and this record."""
        try:
            told = self._wire.ask(_STORAGE, _GET, 0, 0, *number.to_bytes(2, "little"), 0, _WHOLE, least=2 + _RECORD)
        except (Refused, Unsupported):
            return None
        return int.from_bytes(told[:2], "little"), told[2 : 2 + _RECORD]


def _entry(raw: bytes) -> LogEntry:
    number, kind = int.from_bytes(raw[:2], "little"), raw[2]
    seconds = int.from_bytes(raw[3:7], "little")
    timed = kind not in _OEM and _CLOCK_SET < seconds < 0xFFFFFFFF
    at = datetime.fromtimestamp(seconds, UTC) if timed else None
    if kind != _EVENT:
        return LogEntry(str(number), at, None, f"record of type {kind:#04x}: {raw[7:].hex()}")
    asserted = not raw[12] & 0x80
    says, severity = event_words(raw[10], raw[12] & 0x7F, raw[13] & 0x0F, asserted=asserted)
    return LogEntry(str(number), at, severity, f"{says} [sensor {raw[11]:#04x}, data {raw[13:16].hex()}]")
