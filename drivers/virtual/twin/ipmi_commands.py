"""The IPMI commands that a simulated BMC knows; all others answer C1h.

Source: IPMI v2.0 rev 1.1 sections 20 (global), 22 (messaging), 28 (chassis), 34 (FRU); appendix G for the numbers.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from drivers.virtual.twin import ipmi_fru
from drivers.virtual.twin.ipmi_boot import BootOptions
from drivers.virtual.twin.ipmi_crypto import AES_CBC_128, SUITES
from drivers.virtual.twin.ipmi_message import Request
from drivers.virtual.twin.ipmi_session import ADMINISTRATOR, Session, Sessions, guid_of
from drivers.virtual.twin.ipmi_users import IpmiUsers
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.states import Power

CHASSIS, APP, STORAGE = 0x00, 0x06, 0x0A
INVALID_COMMAND, CUT, OUT_OF_RANGE, NOT_PRESENT, NOT_NOW = 0xC1, 0xC7, 0xC9, 0xCB, 0xD5
NODE_BUSY = 0xC0
_LAN_CHANNEL, _THIS_CHANNEL = 1, 0xE
_SOMEBODY = -1
_LARGEST_READ = 64
_LOCATOR = struct.pack("<HBBBBBBB3xBBBB8s", 1, 0x51, 0x12, 19, 0x20, 0, 0, 0x88, 6, 1, 0, 0xC8, b"Twin BMC")
Told = tuple[int, bytes]
Answering = Callable[[bytes, Session | None], Told]


class Commands:
    """Commands of one BMC. What comes before a login is marked in `OPEN`."""

    OPEN = frozenset({(APP, 0x37), (APP, 0x38), (APP, 0x54)})

    def __init__(self, machine: Machine, sessions: Sessions) -> None:
        self._machine = machine
        self._sessions = sessions
        self._boot = BootOptions(machine)
        self._users = IpmiUsers(machine)
        self._fru = ipmi_fru.build(machine.spec.serial, sloppy=107 in machine.quirks)
        self._count = 0
        self._console: int | None = _SOMEBODY if 104 in machine.quirks else None  # the session that has the SOL payload
        self._known: Mapping[tuple[int, int], Answering] = MappingProxyType(
            {
                (CHASSIS, 0x00): lambda _, __: (0, bytes((0, 0x20, 0x20, 0x20, 0x20))),
                (CHASSIS, 0x01): self._status,
                (CHASSIS, 0x02): self._control,
                (CHASSIS, 0x08): lambda data, _: (self._boot.set(data), b""),
                (CHASSIS, 0x09): lambda data, _: self._boot.get(data),
                (APP, 0x01): self._device_id,
                (APP, 0x08): self._guid,
                (APP, 0x37): self._guid,
                (APP, 0x38): self._authentication,
                (APP, 0x3B): self._privilege,
                (APP, 0x3C): self._close,
                (APP, 0x3D): self._session,
                (APP, 0x41): self._channel_access,
                (APP, 0x42): self._channel,
                (APP, 0x43): lambda data, _: self._users.set_access(data),
                (APP, 0x44): lambda data, _: self._users.get_access(data),
                (APP, 0x45): lambda data, _: self._users.set_name(data),
                (APP, 0x46): lambda data, _: self._users.get_name(data),
                (APP, 0x47): lambda data, _: self._users.password(data),
                (APP, 0x48): self._activate,
                (APP, 0x49): self._deactivate,
                (APP, 0x4A): lambda _, __: (0, bytes((1, 1 if self._console is not None else 0, 0))),
                (APP, 0x54): self._suites,
                (STORAGE, 0x10): self._fru_area,
                (STORAGE, 0x11): self._fru_read,
                (STORAGE, 0x20): lambda _, __: (0, struct.pack("<BHHIIB", 0x51, 1, 0, 0, 0, 0x02)),
                (STORAGE, 0x22): lambda _, __: (0, b"\x01\x00"),
                (STORAGE, 0x23): self._sensor_record,
            }
        )

    def answer(self, request: Request, session: Session | None) -> bytes:
        """The response message. Without a session only what comes before a login is answered."""
        command = (request.netfn, request.command)
        known = self._known.get(command)
        if known is None or (session is None and command not in self.OPEN):
            return request.answer(INVALID_COMMAND if session is not None else 0xD4)
        if session is not None and self._busy():
            return request.answer(NODE_BUSY)
        try:
            return request.answer(*known(request.data, session))
        except (IndexError, struct.error):
            return request.answer(CUT)

    def _status(self, _: bytes, __: Session | None) -> Told:
        on = self._machine.power in (Power.ON, Power.POWERING_OFF)
        return 0, bytes((0x20 | on, 0x00, 0x40))

    def _control(self, data: bytes, _: Session | None) -> Told:
        machine = self._machine
        controls: Mapping[int, Callable[[], None]] = {
            0: machine.turn_off,
            1: machine.turn_on,
            2: machine.cycle,
            3: machine.restart,
            5: machine.shut_down,
        }
        wanted = data[0] & 0xF
        if wanted not in controls:
            return 0xCC, b""
        machine.wrote("ipmi", f"chassis control {wanted}")
        if machine.pretends("power"):
            return 0, b""
        if wanted in (2, 3) and machine.is_off:
            return NOT_NOW, b""
        controls[wanted]()
        return 0, b""

    def _busy(self) -> bool:
        self._count += 1
        struck = self._machine.manners.take("F38", "busy") if self._count % 3 == 0 or self._only("busy") else None
        return struck is not None or (105 in self._machine.quirks and self._count % 3 == 0)

    def _only(self, word: str) -> bool:
        shape = self._machine.manners.shape("F38")
        return shape is not None and shape.word == word

    def _number(self, data: bytes) -> int | None:
        """The channel that is meant; None where there is none of that number."""
        told = data[0] & 0xF
        if told == _THIS_CHANNEL and 102 in self._machine.quirks:
            return None
        return _LAN_CHANNEL if told in (_THIS_CHANNEL, _LAN_CHANNEL) else None

    def _channel(self, data: bytes, _: Session | None) -> Told:
        """22.24."""
        number = self._number(data)
        if number is None:
            return 0xCC, b""
        return 0, bytes((number, 0x04, 0x01, 0x80, 0xF2, 0x1B, 0x00, 0, 0))

    def _channel_access(self, data: bytes, _: Session | None) -> Told:
        """22.23: always available, with authentication; the highest privilege is the administrator's."""
        return (0, bytes((0x02, ADMINISTRATOR))) if self._number(data) is not None else (0xCC, b"")

    def _activate(self, data: bytes, session: Session | None) -> Told:
        """24.1: Serial over LAN is one session's at a time."""
        if data[0] & 0x3F != 1:
            return 0x81, b""
        if self._console is not None and session is not None and self._console != session.id:
            return 0x80, b""
        self._console = session.id if session is not None else None
        return 0, struct.pack("<IHHHH", 0, 255, 255, self._machine.spec.bmc.address.port or 623, 0xFFFF)

    def _deactivate(self, data: bytes, _: Session | None) -> Told:
        """24.2."""
        if data[0] & 0x3F != 1 or self._console is None:
            return 0x80, b""
        self._console = None
        return 0, b""

    def _device_id(self, _: bytes, __: Session | None) -> Told:
        chassis_and_fru = 0x88
        return 0, struct.pack("<BBBBBB3sHI", 0x20, 0x01, 0x01, 0x00, 0x02, chassis_and_fru, b"\0\0\0", 0x0001, 0)

    def _guid(self, _: bytes, __: Session | None) -> Told:
        return 0, guid_of(self._machine)

    def _authentication(self, data: bytes, _: Session | None) -> Told:
        """22.13: RMCP+ alone is offered; names are wanted and K_G is not set."""
        if len(data) < 2:
            return CUT, b""
        extended = 0x80 if data[0] & 0x80 else 0x00
        return 0, bytes((_LAN_CHANNEL, extended, 0x04, 0x02 if extended else 0x00, 0, 0, 0, 0))

    def _suites(self, data: bytes, _: Session | None) -> Told:
        """22.15: sixteen bytes at a time of the list of records."""
        records = b"".join(
            bytes((0xC0, suite.id, suite.authentication, 0x40 | suite.integrity, 0x80 | AES_CBC_128))
            for suite in (SUITES[number] for number in self._machine.spec.bmc.suites)
        )
        index = data[2] & 0x3F
        return 0, bytes((_LAN_CHANNEL,)) + records[index * 16 : index * 16 + 16]

    def _privilege(self, data: bytes, _: Session | None) -> Told:
        wanted = data[0] & 0xF
        if wanted == ADMINISTRATOR and 102 in self._machine.quirks:
            return 0x81, b""  # 22.18: beyond the user's or the channel's limit
        return (0, bytes((wanted or ADMINISTRATOR,))) if wanted <= ADMINISTRATOR else (0x80, b"")

    def _close(self, data: bytes, _: Session | None) -> Told:
        return (0, b"") if self._sessions.close(struct.unpack_from("<I", data)[0]) else (0x87, b"")

    def _session(self, _: bytes, session: Session | None) -> Told:
        handle = 1 if session is not None else 0
        limit = self._machine.spec.bmc.sessions
        return 0, bytes((handle, limit, self._sessions.active(), 2, ADMINISTRATOR, 0x10 | _LAN_CHANNEL))

    def _sensor_record(self, data: bytes, _: Session | None) -> Told:
        """33.12: one record there is, the locator of the BMC itself (43.9)."""
        record, offset, count = struct.unpack_from("<HBB", data, 2)
        if record not in (0, 1):
            return NOT_PRESENT, b""
        return 0, b"\xff\xff" + _LOCATOR[offset : offset + count]

    def _fru_area(self, data: bytes, _: Session | None) -> Told:
        return (0, struct.pack("<HB", len(self._fru), 0)) if data[0] == 0 else (NOT_PRESENT, b"")

    def _fru_read(self, data: bytes, _: Session | None) -> Told:
        device, offset, count = struct.unpack_from("<BHB", data)
        if device != 0:
            return NOT_PRESENT, b""
        if offset >= len(self._fru) or not count:
            return OUT_OF_RANGE, b""
        part = self._fru[offset : offset + min(count, _LARGEST_READ)]
        return 0, bytes((len(part),)) + part
