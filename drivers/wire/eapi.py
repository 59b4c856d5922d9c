"""eAPI of Arista EOS by NAPALM: one HTTPS request at a time, its TLS judged first. The only import of pyeapi.

Left to itself pyeapi verifies no certificate, waits for ever for an answer that drips, and logs answers; and NAPALM,
closing a session, aborts what waits for its confirmation. Source: Arista eAPI (JSON-RPC 2.0, `runCmds`).
"""

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeVar, cast

from pydantic import JsonValue
from pyeapi.eapilib import CommandError, EapiConnection

from drivers.errors import (
    Busy,
    Denied,
    DriverError,
    Garbled,
    IdentityChanged,
    Refused,
    Transient,
    UnknownOutcome,
    Unreachable,
)
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Trust
from drivers.wire.napalm import Napalm, built, spoken
from drivers.wire.tls import HTTPS_PORT, Timed, by_authorities, by_fingerprint, changed, pinned
from inventory.address import HostPort
from inventory.secrets import Login

ANSWER_BOUND = 64 << 20  # bytes; `show interfaces` of a chassis with a thousand ports is some 5 MiB
_TRIES = 3  # of what only reads
_PAUSE_S = 0.5

Answers = list[dict[str, JsonValue]]
Told = TypeVar("Told")


class _Node(Protocol):
    """pyeapi's."""

    def run_commands(self, commands: list[str], encoding: str) -> Answers: ...


class _Eos(Napalm, Protocol):
    device: _Node
    config_session: str | None


@dataclass
class _Request:
    """What the transport is to know of the request under way."""

    writes: bool = False
    let_in: bool = False


class _Https(EapiConnection):  # type: ignore[misc]
    """pyeapi's transport: its parameters are NAPALM's to give, and `send` is pyeapi's to call."""

    def __init__(self, host: str, username: str, password: str, timeout: int, bench: "_Bench") -> None:  # noqa: ARG002
        super().__init__()
        self.authentication(username, password)
        self._bench = bench

    def send(self, data: str) -> dict[str, JsonValue]:
        bench = self._bench
        line = http.client.HTTPSConnection(
            bench.address.host,
            bench.address.port or HTTPS_PORT,
            timeout=bench.patience.connect.total_seconds(),
            context=bench.context,
        )
        sent = False
        try:
            line.connect()
            bench.meet(line.sock)
            sent = True
            header, word = self._auth
            line.request("POST", "/command-api", data.encode(), {"Content-Type": "application/json-rpc", header: word})
            answer = line.getresponse()
            return _told(bench, answer.status, answer.read())
        except ssl.SSLCertVerificationError as error:
            remedy = "install a certificate of your CA there, or pin the one it has. Nothing was sent"
            raise IdentityChanged(bench.who, f"no CA vouches for its certificate ({error.reason})", remedy) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise _lost(bench, error, sent=sent) from error
        finally:
            line.close()


@dataclass(frozen=True)
class _Bench:
    """`shown`: the only certificate's SHA-256, where it is judged by that."""

    address: HostPort
    context: ssl.SSLContext
    shown: str | None
    patience: Patience
    request: _Request

    @property
    def who(self) -> str:
        return str(self.address)

    def meet(self, tls: ssl.SSLSocket) -> None:
        """Before a byte of ours is sent."""
        if self.shown is not None:
            shown = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
            if shown != self.shown:
                raise changed(self.address, self.shown, shown)
        if isinstance(tls, Timed):
            tls.ends, tls.room = time.monotonic() + self.patience.answer.total_seconds(), ANSWER_BOUND


def _lost(bench: _Bench, error: Exception, *, sent: bool) -> DriverError:
    says = plain(str(error) or type(error).__name__)
    if not sent:
        return Unreachable(bench.who, f"no eAPI ({says})", "check its power, cable, address and `management api`")
    if bench.request.writes:
        return UnknownOutcome(bench.who, f"a write was sent, and its answer is lost ({says})", "read it back")
    return Unreachable(bench.who, f"the answer broke off ({says})", "it may restart; look at its console")


def _told(bench: _Bench, status: int, body: bytes) -> dict[str, JsonValue]:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Denied(bench.who, f"log in by eAPI: HTTP {status}", "check user, secret and role")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if bench.request.writes:
            raise UnknownOutcome(bench.who, f"a write was answered by HTTP {status}, without a reason", "read it back")
        raise Busy(bench.who, f"HTTP {status}", "it ends by itself; retry")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        if bench.request.writes:
            raise UnknownOutcome(bench.who, "a write's answer is no JSON", "read it back") from error
        raise Garbled(bench.who, f"HTTP {status} without JSON", "look whether eAPI answers there") from error
    if isinstance(told, dict) and isinstance(told.get("error"), dict):
        raise _refusal(told["error"])
    if status != HTTPStatus.OK or not isinstance(told, dict) or not isinstance(told.get("result"), list):
        raise Garbled(bench.who, f"HTTP {status}, and no result in it", "look whether eAPI answers there")
    bench.request.let_in = True
    return told


def _refusal(told: dict[str, JsonValue]) -> CommandError:
    """What the last command that ran said; pyeapi's own error, as NAPALM waits for it."""
    data = told.get("data")
    last = data[-1] if isinstance(data, list) and data else None
    said = last.get("errors") if isinstance(last, dict) else None
    words = "; ".join(str(one) for one in said) if isinstance(said, list) and said else str(told.get("message"))
    code = told.get("code")
    return CommandError(code if isinstance(code, int) else 0, plain(words, 1000), output=[])


class Eapi:
    """One switch. HTTP holds no session, so nothing is open between two calls but what `stage` left there."""

    def __init__(self, driver: "_Eos", bench: _Bench) -> None:
        self._driver = driver
        self._bench = bench
        self.who = bench.who

    @classmethod
    def open(cls, address: HostPort, login: Login, trust: Trust, patience: Patience) -> "Eapi":
        """Log in and ask for the version. `Unsupported` below EOS 4.23, where NAPALM ends."""
        context = by_authorities(trust.ca) if trust.verify else by_fingerprint()
        shown = None if trust.verify else pinned(address, trust.pins, patience.connect)
        bench = _Bench(address, context, shown, patience, _Request())
        arguments = {"transport": _Https, "bench": bench, "lock_disable": True}
        driver = built("eos", address.host, login, patience.answer.total_seconds(), arguments)
        wire = cls(cast("_Eos", driver), bench)
        wire._retried(wire._driver.open)
        return wire

    def ask(self, *commands: str) -> Answers:
        """The JSON of each, by models of revision 1."""
        answers: Answers = self._retried(lambda: self._run(commands, "json"))
        if len(answers) != len(commands) or not all(isinstance(one, dict) for one in answers):
            raise Garbled(self.who, "it did not answer each command by an object", "look whether eAPI answers there")
        return answers

    def text(self, command: str) -> str:
        """As it stands on the terminal."""
        told = self._retried(lambda: self._run((command,), "text"))
        said = told[0].get("output") if told and isinstance(told[0], dict) else None
        if not isinstance(said, str):
            raise Garbled(self.who, f"`{command}` without text", "run it there by hand")
        return said

    def write(self, *commands: str) -> None:
        """Sent once. `UnknownOutcome` where its answer was lost, `Refused` with the switch's words."""
        with self._writing():
            self._run(commands, "text")

    def stage(self, session: str, lines: Sequence[str]) -> None:
        """Put lines into a session of this name. `Refused` with the switch's words, and the session is aborted then."""
        self._driver.config_session = session
        try:
            with self._writing():
                self._driver.load_merge_candidate(config="\n".join(lines))
        finally:
            self._driver.config_session = None  # or NAPALM's close aborts it

    def diff(self, session: str) -> str:
        self._driver.config_session = session
        try:
            with self._speaking():
                diff: str = self._driver.compare_config()
            return diff
        finally:
            self._driver.config_session = None

    def _run(self, commands: Sequence[str], encoding: str) -> Answers:
        with self._speaking():
            told: Answers = self._driver.device.run_commands(list(commands), encoding=encoding)
            return told

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._bench.request.writes = True
        try:
            with self._speaking():
                yield
        finally:
            self._bench.request.writes = False

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            with spoken(self.who):
                yield
        except CommandError as error:
            remedy = "compare the port with the switch's running configuration"
            raise Refused(self.who, plain(str(error), 1000), remedy) from error

    def _retried(self, ask: Callable[[], Told]) -> Told:
        """A read is asked again where it broke off, and once where a login that was good is refused."""
        for _ in range(_TRIES - 1):
            try:
                with self._speaking():
                    return ask()
            except Transient:
                time.sleep(_PAUSE_S)
            except Denied:
                if not self._bench.request.let_in:
                    raise
                self._bench.request.let_in = False
        with self._speaking():
            return ask()
