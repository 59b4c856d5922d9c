"""What a BMC senses by IPMI: its sensor records are walked once a login, each sensor is read by its number.

Source: IPMI v2.0 rev. 1.1, 33.9 to 33.12 (SDR repository), 35.14 (Get Sensor Reading).
"""

from collections.abc import Iterator

from drivers.ability.health import Sensor
from drivers.errors import Garbled, Refused, Unsupported
from drivers.wire.ipmi_records import SensorRecord, sensor_record
from drivers.wire.rmcp import Rmcp

_SENSOR, _STORAGE = 0x04, 0x0A
_RESERVE, _GET_RECORD, _GET_READING = 0x22, 0x23, 0x2D
_BMC = 0x20
_HEADER = 5  # bytes; the last says how many follow
_CHUNK = 16  # bytes; every BMC met can answer this many
_LAST = 0xFFFF
_RECORDS = 1024  # the walk ends there: some repositories lead in a circle
_AGAIN = 3  # a reservation is lost whenever somebody else changes the repository
_UNITS = {"°C": "Cel", "degrees C": "Cel", "°F": "[degF]", "Volts": "V", "Watts": "W", "Amps": "A"}


class IpmiSensors:
    def __init__(self, wire: Rmcp) -> None:
        self._wire = wire
        self._reservation = b"\0\0"  # none yet; asked for once it is wanted
        self._records: tuple[SensorRecord, ...] | None = None

    def read(self) -> tuple[Sensor, ...]:
        """Those that have a value or a state now. Others' sensors, behind a bridge, are left out."""
        if self._records is None:
            self._records = tuple(one for one in self._walk() if one.owner == _BMC and one.lun == 0)
        return tuple(sensor for one in self._records if (sensor := self._reading(one)) is not None)

    def _reading(self, record: SensorRecord) -> Sensor | None:
        try:
            told = record.reading(self._wire.ask(_SENSOR, _GET_READING, record.number, least=3))
        except (Refused, Unsupported, Garbled):
            return None
        if told is None:
            return None
        value, health = told
        unit = _UNITS.get(record.unit or "", record.unit) if value is not None else None
        return Sensor(record.name, None if value is None else round(value, 3), unit, health)

    def _walk(self) -> Iterator[SensorRecord]:
        record, seen = 0, set[int]()
        while record != _LAST and record not in seen and len(seen) < _RECORDS:
            seen.add(record)
            try:
                record, raw = self._record(record)
            except (Refused, Unsupported, Garbled):
                return
            found = sensor_record(raw)
            if found is not None:
                yield found

    def _record(self, record: int) -> tuple[int, bytes]:
        """The number of the next and the bytes of this one, in pieces that the BMC can answer."""
        for _ in range(_AGAIN):
            try:
                return self._pieces(record)
            except Refused as error:
                lost = error
                self._reservation = self._wire.ask(_STORAGE, _RESERVE, least=2)[:2]
        raise lost

    def _pieces(self, record: int) -> tuple[int, bytes]:
        head = self._piece(record, 0, _HEADER)
        raw = head[2:]
        end = _HEADER + raw[_HEADER - 1]
        while len(raw) < end:
            raw += self._piece(record, len(raw), min(_CHUNK, end - len(raw)))[2:]
        return int.from_bytes(head[:2], "little"), raw

    def _piece(self, record: int, offset: int, size: int) -> bytes:
        number = record.to_bytes(2, "little")
        return self._wire.ask(_STORAGE, _GET_RECORD, *self._reservation, *number, offset, size, least=2 + size)
