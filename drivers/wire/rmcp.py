"""IPMI's RMCP+ sessions: the only import of pyghmi. Each BMC has a session and a socket of its own.

Source: IPMI v2.0 rev. 1.1, sections 5.2 (completion codes) and 13 (RMCP+).
"""

import contextlib
import importlib.util
import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any, Protocol

from pyghmi.exceptions import PyghmiException
from pyghmi.ipmi.fru import FRU

from drivers.errors import Busy, Denied, DriverError, Garbled, Refused, Unreachable, Unsupported
from drivers.sessions import Booked, SessionBook
from inventory.address import HostPort
from inventory.secrets import Login

_PORT = 623
_IDLE_SECONDS = 45  # section 6.12.15: a session times out after 60 s, give or take 3
_SESSIONS = "pyghmi.ipmi.private.session"

_UNFIT = (Unsupported, "update its firmware, or do without")
_CODES: Mapping[int, tuple[type[DriverError], str]] = MappingProxyType(
    {
        0xC0: (Busy, "it is busy; retry"),
        0xC1: _UNFIT,
        0xC2: _UNFIT,
        0xC3: (Busy, "it timed out inside; retry"),
        0xC4: (Busy, "it is out of space; retry"),
        0xCE: (Busy, "it could not answer now; retry"),
        0xD0: (Busy, "its sensor repository is being updated; retry"),
        0xD1: (Busy, "its firmware is being updated; retry later"),
        0xD2: (Busy, "it is starting; retry"),
        0xD4: (Refused, "give this user the privilege Operator or Administrator on the LAN channel"),
        0xD6: _UNFIT,
    }
)
# What pyghmi says when a login fails (its rmcp_codes, and its own check of RAKP message 2).
_DENIALS = ("Incorrect password", "Unauthorized name", "Unauthorized role", "Invalid role", "integrity check")
_NO_ROOM = "Insufficient resources"
_APP, _CLOSE_SESSION = 0x06, 0x3C  # section 22.19: an administrator may close any session
_NO_SUITE = "No Cipher suite match"


class _Session(Protocol):
    sessionid: int  # the BMC's; its own for the time of the login

    def raw_command(self, netfn: int, command: int, *, data: Sequence[int]) -> Mapping[str, Any]: ...

    def logout(self) -> object: ...


class Rmcp:
    """A login at one BMC over LAN. For one thread at a time."""

    def __init__(self, address: HostPort, login: Login, book: SessionBook | None = None) -> None:
        """`Denied` (one try), `Unreachable`, `Busy` (no session free), `Unsupported` (no cipher suite in common)."""
        self._booked = Booked(book, str(address))
        self.who = str(address)
        self._address = address
        self._login = login
        self._library = _library()
        self._session: _Session
        self._used = 0.0
        self._enter()
        self._end_left()

    def ask(self, netfn: int, command: int, *data: int, least: int = 0) -> bytes:
        """One request and the bytes after its completion code, `least` or more. May send it again, as UDP must."""
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self.close()
            self._library = _library()
            self._enter()
        doing = f"IPMI command {netfn:#04x} {command:#04x}"
        try:
            told = self._session.raw_command(netfn=netfn, command=command, data=data)
        except (PyghmiException, OSError) as error:
            raise Unreachable(self.who, f"{doing}: {error}", "check its power, cable and address") from error
        self._used = time.monotonic()
        code, answer = int(told["code"]), bytes(told.get("data", b""))
        if code == 0 and len(answer) < least:
            raise Garbled(self.who, f"{doing}: {len(answer)} bytes came, not {least}", "update its firmware")
        if code == 0:
            return answer
        if code > 0xFF:
            raise Unreachable(self.who, f"{doing}: no answer", "check its power, cable and address")
        kind, remedy = _CODES.get(code, (Refused, "its completion code says why (IPMI 2.0, table 5-2)"))
        raise kind(self.who, f"{doing} ended with completion code {code:#04x}", remedy)

    def close(self) -> None:
        """Log out. Never raises; safe to call twice."""
        with contextlib.suppress(PyghmiException, OSError):
            # A BMC that cannot be told ends the session by its timeout.
            self._session.logout()
        self._booked.closed()
        self._hang_up()

    def _enter(self) -> None:
        self._used = time.monotonic()
        password = self._login.password.reveal()
        self._booked.asked()
        try:
            self._session = self._library.Session(
                self._address.host, self._login.user, password, self._address.port or _PORT
            )
        except socket.gaierror as error:
            self._booked.closed()
            raise Unreachable(self.who, f"its name does not resolve ({error})", "check its address") from error
        except PyghmiException as error:
            self._booked.closed()
            self._hang_up()
            raise self._no_entry(str(error)) from error
        self._booked.opened(f"{self._session.sessionid:08x}")

    def _end_left(self) -> None:
        """Close what a process of ours that died had left open here. What cannot be closed ends within a minute."""
        for left in self._booked.left():
            if left.location is not None:
                with contextlib.suppress(DriverError):
                    self.ask(_APP, _CLOSE_SESSION, *int(left.location, 16).to_bytes(4, "little"))
            self._booked.ended(left)

    def _hang_up(self) -> None:
        for one in self._library.iosockets:
            one.close()

    def _no_entry(self, said: str) -> DriverError:
        what = f"log in as {self._login.user}"
        if any(words in said for words in _DENIALS):
            return Denied(self.who, f"{what}: {said}", "check the user and the secret; it was tried once")
        if _NO_ROOM in said:
            return Busy(self.who, f"{what}: no session is free", "idle ones end within a minute; retry")
        if _NO_SUITE in said:
            return Unsupported(self.who, f"{what}: {said}", "enable cipher suite 17 or 3; never 0")
        return Unreachable(self.who, f"{what}: no answer", "check its power, cable and address, and IPMI over LAN")


def fru_fields(raw: bytes) -> Mapping[str, str]:
    """The texts of a FRU's areas by pyghmi's names; none where it is malformed.

    Source: IPMI Platform Management FRU Information Storage Definition v1.0 rev. 1.3.
    """
    try:
        told = FRU(rawdata=raw).info or {}
    except (PyghmiException, IndexError, ValueError):
        return {}
    return {key: value.strip() for key, value in told.items() if isinstance(value, str) and value.strip()}


def _library() -> ModuleType:
    """pyghmi's session module, loaded anew, with a wait of ours in the place of its thread.

    All sessions of one load share sockets, tables and timers without locks, hand each other's packets on, and are one
    object where address and login are equal: unsafe from several threads, and one dead BMC would stall the rest. Its
    thread wakes nobody when an answer comes before the wait (half a second lost each time), and dies, the caller
    waiting for ever, where a descriptor is over 1023.
    """
    spec = importlib.util.find_spec(_SESSIONS)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(_SESSIONS)
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    vars(library).update(iothread=threading.current_thread(), iothreadready=True, _io_wait=partial(_wait, library))
    return library


def _wait(library: ModuleType, seconds: float, _address: object = None, _waiters: object = None) -> None:
    """Until a packet is there or the time is up; packets are put where the session looks next."""
    waiting = select.poll()
    for one in library.iosockets:
        waiting.register(one, select.POLLIN)
    waiting.poll(max(seconds, 0) * 1000)
    library._io_graball(library.iosockets, {})  # noqa: SLF001  part of the same private module
