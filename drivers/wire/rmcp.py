"""IPMI's RMCP+ sessions: the only import of pyghmi's. Each BMC has a session and a socket of its own.

Source: IPMI v2.0 rev. 1.1, sections 5.2 (completion codes), 13 (RMCP+) and 22.15.2 (cipher suites).
"""

import contextlib
import importlib.util
import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from importlib.abc import InspectLoader
from types import CodeType, MappingProxyType, ModuleType
from typing import Any, Protocol

from pyghmi.exceptions import PyghmiException

from drivers.errors import Busy, Denied, DriverError, Garbled, Refused, Unreachable, Unsupported
from drivers.patience import Patience
from drivers.sessions import Booked
from drivers.trust import Suites, Trust
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
# No password was judged yet: the other suite may do. Some BMCs offer suite 17 and get it wrong (quirk 95).
_SUITE_AT_FAULT = (_NO_SUITE, "algorithm", "RAKP4 integrity", "role")
_SUITES: Mapping[int, int] = MappingProxyType({256: 17, 1: 3})  # by pyghmi's name of the hash; never 0
_NO_ANSWER = 0xFFFF  # pyghmi's
_UPDATING = 0xD1
_COMMAND = timedelta(seconds=30)  # the longest wait for one answer, whatever the library would still try
_LOGOUT = timedelta(seconds=2)
_PATIENCE = Patience()


class _Session(Protocol):
    sessionid: int  # the BMC's; its own for the time of the login
    privlevel: int
    attemptedhash: int
    sessioncontext: str | None
    logontries: int
    incommand: object

    def raw_command(self, netfn: int, command: int, *, data: Sequence[int]) -> Mapping[str, Any]: ...

    def logout(self) -> object: ...


class _Library(ModuleType):
    """A load of pyghmi's session module. What is ours in it: see `_library`."""

    Session: Any
    iosockets: list[socket.socket]
    deadline: float
    failure: str
    latest: _Session | None


class Rmcp:
    """A login at one BMC over LAN, with suite 17 or else 3. For one thread at a time."""

    def __init__(
        self, address: HostPort, login: Login, trust: Trust | None = None, patience: Patience = _PATIENCE
    ) -> None:
        """`Denied` (one try), `Unreachable`, `Busy` (no session free), `Unsupported` (no cipher suite in common)."""
        self._booked = Booked(trust.book if trust else None, str(address))
        self._suites = trust.suites if trust else Suites()
        self._patience = patience
        self.who = str(address)
        self.user = login.user
        self._address = address
        self.login = login
        self._library: _Library
        self._session: _Session
        self._used = 0.0
        self._spent = False
        self._enter()
        self._end_left()

    @property
    def suite(self) -> int:
        """The cipher suite agreed on."""
        return _SUITES[self._session.attemptedhash]

    @property
    def privilege(self) -> int:
        """What the BMC granted: 4 administrator, 3 operator (section 6.8)."""
        return self._session.privlevel

    def ask(self, netfn: int, command: int, *data: int, least: int = 0) -> bytes:
        """One request and the bytes after its completion code, `least` or more. May send it again, as UDP must.

        A BMC that is busy is asked again for as long as `settle`.
        """
        doing = f"IPMI command {netfn:#04x} {command:#04x}"
        for _ in self._patience.looks(self._patience.settle):
            code, answer = self.exchange(netfn, command, *data)
            if code == 0 and len(answer) < least:
                raise Garbled(self.who, f"{doing}: {len(answer)} bytes came, not {least}", "update its firmware")
            if code == 0:
                return answer
            kind, remedy = _CODES.get(code, (Refused, "its completion code says why (IPMI 2.0, table 5-2)"))
            if kind is not Busy or code == _UPDATING:
                break
        raise kind(self.who, f"{doing} ended with completion code {code:#04x}", remedy)

    def exchange(self, netfn: int, command: int, *data: int) -> tuple[int, bytes]:
        """One request, its completion code and the bytes after it. `Unreachable` where none came in time."""
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self.close()
            self._enter()
        doing = f"IPMI command {netfn:#04x} {command:#04x}"
        self._library.deadline = time.monotonic() + min(self._patience.answer, _COMMAND).total_seconds()
        try:
            told = self._session.raw_command(netfn=netfn, command=command, data=data)
        except (PyghmiException, OSError) as error:
            self._used = -_IDLE_SECONDS  # whatever state that left the session in, the next request begins another
            raise Unreachable(self.who, f"{doing}: {error}", "check its power, cable and address") from error
        self._used = time.monotonic()
        code = int(told["code"])
        if code >= _NO_ANSWER:
            self._used = -_IDLE_SECONDS
            raise Unreachable(self.who, f"{doing}: no answer", "check its power, cable and address")
        return code, bytes(told.get("data", b""))

    def spend_login(self) -> None:
        """The password may have changed: it is sent no more. Each refusal would count towards a lock-out."""
        self._spent = True
        self._session.logontries = 0

    def close(self) -> None:
        """Log out. Never raises; safe to call twice."""
        self._library.deadline = time.monotonic() + _LOGOUT.total_seconds()
        self._session.incommand = False  # a command that was given up must not hold up the logout
        with contextlib.suppress(PyghmiException, OSError):
            # A BMC that cannot be told ends the session by its timeout.
            self._session.logout()
        self._booked.closed()
        self._hang_up()

    def _enter(self) -> None:
        """With what this BMC took last time; else suite 17, which pyghmi exchanges for 3 where that is refused.

        And with 3 outright where the BMC is silent to 17, or fails at it before any password was judged.
        """
        if self._spent:
            raise Denied(self.who, f"log in as {self.user}: the password was changed", "log in with the new one")
        known = self._suites.known(self.who)
        tries = {None: (None, 3), 17: (None, 3), 3: (3, None)}[known]
        try:
            self._try(tries[0])
        except DriverError:
            if not self._suite_at_fault():
                raise
            self._try(tries[1])
        self._suites.learned(self.who, self.suite)

    def _suite_at_fault(self) -> bool:
        said, session = self._library.failure, self._library.latest
        silent_to_it = session is not None and session.sessioncontext == "OPENSESSION"
        return any(words in said for words in _SUITE_AT_FAULT) or (silent_to_it and _NO_ROOM not in said)

    def _try(self, suite: int | None) -> None:
        self._library = _library(suite)
        self._library.deadline = time.monotonic() + self._patience.connect.total_seconds()
        self._used = time.monotonic()
        password = self.login.password.reveal()
        self._booked.asked()
        try:
            self._session = self._library.Session(self._address.host, self.user, password, self._address.port or _PORT)
        except socket.gaierror as error:
            self._booked.closed()
            raise Unreachable(self.who, f"its name does not resolve ({error})", "check its address") from error
        except (PyghmiException, TimeoutError) as error:
            self._booked.closed()
            self._hang_up()
            self._library.failure = str(error)
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
        what = f"log in as {self.login.user}"
        if any(words in said for words in _DENIALS):
            return Denied(self.who, f"{what}: {said}", "check the user and the secret; it was tried once")
        if _NO_ROOM in said:
            return Busy(self.who, f"{what}: no session is free", "idle ones end within a minute; retry")
        if _NO_SUITE in said:
            return Unsupported(self.who, f"{what}: {said}", "enable cipher suite 17 or 3; never 0")
        return Unreachable(self.who, f"{what}: no answer", "check its power, cable and address, and IPMI over LAN")


@cache
def _code() -> CodeType:
    """pyghmi's session module, compiled once: loading it anew from its file would cost 15 ms for each BMC."""
    spec = importlib.util.find_spec(_SESSIONS)
    code = spec.loader.get_code(_SESSIONS) if spec and isinstance(spec.loader, InspectLoader) else None
    if code is None:
        raise ModuleNotFoundError(_SESSIONS)
    return code


def _library(suite: int | None) -> _Library:
    """pyghmi's session module, loaded anew, with a wait of ours in the place of its thread.

    All sessions of one load share sockets, tables and timers without locks, hand each other's packets on, and are one
    object where address and login are equal: unsafe from several threads, and one dead BMC would stall the rest. Its
    thread wakes nobody when an answer comes before the wait (half a second lost each time), and dies, the caller
    waiting for ever, where a descriptor is over 1023.

    `suite` 3: that one alone is proposed. In it `latest` is the session last begun, `failure` what a login failed
    with, and `deadline` (monotonic) the end of every wait: the library's own tries add up to a minute.
    """
    library = _Library(_SESSIONS)
    exec(_code(), vars(library))  # noqa: S102  an installed module's own code
    thread = {
        "iothread": threading.current_thread(),
        "iothreadready": True,
        "myself": "",
        "_io_wait": partial(_wait, library),
    }
    vars(library).update(thread, deadline=time.monotonic(), latest=None, failure="")
    begin = library.Session._initsession  # noqa: SLF001  where it chooses its first hash

    def begin_ours(session: _Session) -> None:
        begin(session)
        library.latest = session
        if suite == 3:
            session.attemptedhash = 1

    library.Session._initsession = begin_ours  # noqa: SLF001
    return library


def _wait(library: _Library, seconds: float, _address: object = None, _waiters: object = None) -> None:
    """Until a packet is there or the time is up; packets are put where the session looks next."""
    left = library.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    waiting = select.poll()
    for one in library.iosockets:
        waiting.register(one, select.POLLIN)
    waiting.poll(max(min(seconds, left), 0) * 1000)
    library._io_graball(library.iosockets, {})  # noqa: SLF001  part of the same private module
