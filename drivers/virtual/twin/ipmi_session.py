"""RMCP+ sessions: open, RAKP 1 to 4, and what is remembered of each.

Source: IPMI v2.0 rev 1.1 sections 13.17 to 13.24.
"""

import hmac
import secrets
import struct
import time
from dataclasses import dataclass, field

from drivers.virtual.twin import ipmi_crypto
from drivers.virtual.twin.account_slots import Account
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.ipmi_crypto import KEY_BYTES, Keys, Suite
from drivers.virtual.twin.machine import Machine

OPEN_REQUEST, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 = range(0x10, 0x16)
IDLE_SECONDS = 60.0  # 6.12.15: session inactivity timeout
ADMINISTRATOR = 4
_OK, _NO_RESOURCES, _BAD_SESSION, _BAD_NAME, _BAD_CHECK, _NO_SUITE, _BAD_LENGTH = 0, 0x01, 0x02, 0x0D, 0x0F, 0x11, 0x12


@dataclass
class Session:
    """`console` and `id` are the session's two ids; `keys` come with RAKP 2, `active` with RAKP 3."""

    id: int
    console: int
    suite: Suite
    heard: float = field(default_factory=time.monotonic)
    keys: Keys | None = None
    expected: bytes = b""  # the console's RAKP 3 code
    check: bytes = b""  # our RAKP 4 value
    active: bool = False
    sequence: int = 0

    def next_sequence(self) -> int:
        self.sequence = self.sequence % 0xFFFFFFFF + 1
        return self.sequence


class Sessions:
    """All sessions of one BMC, counted on its machine once they are active."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._sessions: dict[int, Session] = {}

    def find(self, session_id: int) -> Session | None:
        self._expire()
        session = self._sessions.get(session_id)
        if session is not None:
            session.heard = time.monotonic()
        return session

    def active(self) -> int:
        return sum(session.active for session in self._sessions.values())

    def close(self, session_id: int) -> bool:
        session = self._sessions.pop(session_id, None)
        if session is not None and session.active:
            self._machine.session_closed(f"{session_id:08x}")
        return session is not None

    def _expire(self) -> None:
        now = time.monotonic()
        for session in [one for one in self._sessions.values() if now - one.heard > IDLE_SECONDS]:
            del self._sessions[session.id]
            self._machine.session_expired(f"{session.id:08x}")

    def answer(self, payload_type: int, payload: bytes) -> tuple[int, bytes] | None:
        """The payload type and payload that answer a step of the handshake."""
        if payload_type == OPEN_REQUEST and len(payload) >= 32:
            return OPEN_RESPONSE, self._open(payload)
        if payload_type == RAKP1 and len(payload) >= 28:
            return RAKP2, self._rakp2(payload)
        if payload_type == RAKP3 and len(payload) >= 8:
            return RAKP4, self._rakp4(payload)
        return None

    def _open(self, payload: bytes) -> bytes:
        self._expire()
        tag, console = payload[0], struct.unpack_from("<I", payload, 4)[0]
        suite = ipmi_crypto.chosen(payload[12], payload[20], payload[28])
        if suite is None or suite.id not in self._suites():
            return struct.pack("<BBxxI", tag, _NO_SUITE, console)
        if self.active() >= self._machine.spec.bmc.sessions:
            return struct.pack("<BBxxI", tag, _NO_RESOURCES, console)
        session = Session(secrets.randbelow(0xFFFFFFFE) + 1, console, suite)
        self._sessions[session.id] = session
        head = struct.pack("<BBBxII", tag, _OK, ADMINISTRATOR, console, session.id)
        algorithms = (suite.authentication, suite.integrity, ipmi_crypto.AES_CBC_128)
        return head + b"".join(struct.pack("<BxxBBxxx", kind, 8, number) for kind, number in enumerate(algorithms))

    def _suites(self) -> tuple[int, ...]:
        """Those that work, whatever is listed."""
        machine = self._machine
        shape = machine.manners.shape("F38")
        if shape is not None and shape.word == "cipher":
            return ()
        return (3,) if 95 in machine.quirks else machine.spec.bmc.suites

    def _rakp2(self, payload: bytes) -> bytes:
        tag, session_id, console_random, role = struct.unpack_from("<BxxxI16sB", payload)
        name = payload[28 : 28 + payload[27]]
        session = self._sessions.get(session_id)
        if session is None:
            return struct.pack("<BBxxI", tag, _BAD_SESSION, 0)
        account = self._machine.accounts.find(name.decode("latin-1"))
        if account is None or not account.enabled or self._machine.accounts.is_locked(account.user):
            self._machine.logins_denied += 1
            self._sessions.pop(session_id)
            return struct.pack("<BBxxI", tag, _BAD_NAME, session.console)
        random, guid, suite = secrets.token_bytes(16), guid_of(self._machine), session.suite
        password = self._password(account)
        named = bytes((role, len(name))) + name
        ids = struct.pack("<II", session.console, session.id)
        code = ipmi_crypto.mac(suite, password, ids + console_random + random + guid + named)
        session.expected = ipmi_crypto.mac(suite, password, random + struct.pack("<I", session.console) + named)
        session.keys = Keys.derive(suite, password, console_random + random + named)
        proof = console_random + struct.pack("<I", session.id) + guid
        session.check = ipmi_crypto.mac(suite, session.keys.session, proof)[: suite.sent]
        return struct.pack("<BBxxI", tag, _OK, session.console) + random + guid + code

    def _rakp4(self, payload: bytes) -> bytes:
        tag, status, session_id = struct.unpack_from("<BBxxI", payload)
        session = self._sessions.get(session_id)
        if session is None or session.keys is None:
            return struct.pack("<BBxxI", tag, _BAD_SESSION, 0)
        if status != _OK or not hmac.compare_digest(payload[8:], session.expected):
            self._machine.logins_denied += 1
            self._sessions.pop(session_id)
            return struct.pack("<BBxxI", tag, _BAD_CHECK, session.console)
        if not session.active:
            session.active = True
            self._machine.session_opened(f"{session.id:08x}")
        return struct.pack("<BBxxI", tag, _OK, session.console) + session.check

    def _password(self, account: Account) -> bytes:
        if Fault.BMC_WRONG_PASSWORD in self._machine.faults:
            return secrets.token_bytes(KEY_BYTES)
        return account.password.encode()[:KEY_BYTES].ljust(KEY_BYTES, b"\0")


def guid_of(machine: Machine) -> bytes:
    """The system GUID, least significant byte first (20.8)."""
    return machine.spec.system_uuid.bytes[::-1]
