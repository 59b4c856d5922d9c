"""What IPMI keeps as packed records, taken apart: FRU areas, sensor records and events. The only import of pyghmi's.

Source: IPMI v2.0 rev. 1.1, chapters 42 and 43; Platform Management FRU Information Storage Definition v1.0 rev. 1.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pyghmi.exceptions import PyghmiException
from pyghmi.ipmi.fru import FRU
from pyghmi.ipmi.private import constants
from pyghmi.ipmi.sdr import TYPE_SENSOR, SDREntry

_THRESHOLD, _SPECIFIC = 0x01, 0x6F  # table 42-1, event and reading types
_DIRECT_LINEAR = 11  # above it the formula must be asked for reading by reading (36.3)
_PADDING = " \0\xff"
_UNREADABLE = (PyghmiException, NotImplementedError, IndexError, KeyError, ValueError, ArithmeticError, TypeError)
_WORDS: Mapping[int, str] = MappingProxyType({0: "OK", 1: "Warning"})


def fru_fields(raw: bytes) -> Mapping[str, str]:
    """The texts of a FRU's areas by pyghmi's names; none where it is malformed."""
    try:
        told = FRU(rawdata=raw).info or {}
    except _UNREADABLE:
        return {}
    texts = {key: value.strip(_PADDING) for key, value in told.items() if isinstance(value, str)}
    return {key: text for key, text in texts.items() if text}


@dataclass(frozen=True)
class SensorRecord:
    """A sensor of the SDR repository that is read by number. `decoder` is pyghmi's."""

    number: int
    owner: int
    lun: int
    name: str
    unit: str | None
    decoder: SDREntry

    def reading(self, raw: bytes) -> tuple[float | None, str | None] | None:
        """Value and health ("OK", "Warning", "Critical") of Get Sensor Reading (35.14); None where it is not there."""
        try:
            told = self.decoder.decode_sensor_reading(None, raw)
        except _UNREADABLE:
            return None
        return None if told.unavailable else (told.value, _WORDS.get(told.health, "Critical"))


def sensor_record(raw: bytes) -> SensorRecord | None:
    """Of a whole SDR (43.1, 43.2); None for one that is no readable sensor."""
    try:
        entry = SDREntry(bytearray(raw), constants)
        if entry.sdrtype != TYPE_SENSOR or not entry.readable or (entry.linearization or 0) > _DIRECT_LINEAR:
            return None
        name = entry.name.strip(_PADDING)
        unit = entry.unit_suffix.strip() or None
        return SensorRecord(entry.sensor_number, entry.sensor_owner, entry.sensor_lun, name, unit, entry)
    except _UNREADABLE:
        return None


def event_words(sensor_type: int, event_type: int, offset: int, *, asserted: bool) -> tuple[str, str | None]:
    """What an event of a sensor says (tables 42-2 and 42-3), and its severity; None where the tables know neither."""
    kind = constants.sensor_type_codes.get(sensor_type, f"sensor type {sensor_type:#04x}")
    table = constants.sensor_type_offsets.get(sensor_type, {}) if event_type == _SPECIFIC else {}
    told = (table or constants.generic_type_offsets.get(event_type, {})).get(offset)
    ends = "" if asserted else " (over)"
    if told is None:
        return f"{kind}: event type {event_type:#04x}, offset {offset}{ends}", None
    if not asserted:
        return f"{kind}: {told['desc']}{ends}", "OK"
    return f"{kind}: {told['desc']}", _WORDS.get(told["severity"], "Critical")
