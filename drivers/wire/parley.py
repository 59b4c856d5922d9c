"""JSON asked of a switch over HTTPS, one request and one connection at a time. TLS judged first, answers bounded.

What reads is asked again where it broke off; what writes is sent once, and its lost answer is `UnknownOutcome`.
"""

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self, TypeVar

from pydantic import JsonValue

from drivers.errors import Busy, Denied, DriverError, Garbled, IdentityChanged, Transient, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Trust
from drivers.wire.tls import HTTPS_PORT, Timed, by_authorities, by_fingerprint, changed, pinned
from inventory.address import HostPort

ANSWER_BOUND = 64 << 20  # bytes; `show interfaces` of a chassis with a thousand ports is some 5 MiB
_TRIES = 3  # of what only reads
_PAUSE_S = 0.5

Told = TypeVar("Told")


@dataclass
class Parley:
    """With one switch. `shown`: the SHA-256 of the only certificate it may show, where it is judged by that; `writes`:
    of the request under way; `let_in`: since a login was taken last, none was refused."""

    address: HostPort
    context: ssl.SSLContext
    shown: str | None
    patience: Patience
    api: str  # in errors
    writes: bool = False
    let_in: bool = False

    @classmethod
    def meeting(cls, address: HostPort, trust: Trust, patience: Patience, api: str) -> Self:
        """`IdentityChanged` comes with the first request."""
        if trust.verify:
            return cls(address, by_authorities(trust.ca), None, patience, api)
        return cls(address, by_fingerprint(), pinned(address, trust.pins, patience.connect), patience, api)

    @property
    def who(self) -> str:
        return str(self.address)

    def post(self, path: str, body: str, headers: Mapping[str, str]) -> JsonValue:
        """The JSON that answers, whatever its status: some APIs tell of a refused command by a 500."""
        line = http.client.HTTPSConnection(
            self.address.host,
            self.address.port or HTTPS_PORT,
            timeout=self.patience.connect.total_seconds(),
            context=self.context,
        )
        sent = False
        try:
            line.connect()
            self._meet(line.sock)
            sent = True
            line.request("POST", path, body.encode(), dict(headers))
            answer = line.getresponse()
            return self._told(answer.status, answer.read())
        except ssl.SSLCertVerificationError as error:
            remedy = "install a certificate of your CA there, or pin the one it has. Nothing was sent"
            raise IdentityChanged(self.who, f"no CA vouches for its certificate ({error.reason})", remedy) from error
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._lost(plain(str(error) or type(error).__name__), sent=sent) from error
        finally:
            line.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.writes = True
        try:
            yield
        finally:
            self.writes = False

    def retried(self, ask: Callable[[], Told]) -> Told:
        """A read is asked again where it broke off, and once where a login that was good is refused."""
        for _ in range(_TRIES - 1):
            try:
                return ask()
            except Transient:
                time.sleep(_PAUSE_S)
            except Denied:
                if not self.let_in:
                    raise
                self.let_in = False
        return ask()

    def _meet(self, tls: ssl.SSLSocket) -> None:
        """Before a byte of ours is sent."""
        if self.shown is not None:
            shown = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
            if shown != self.shown:
                raise changed(self.address, self.shown, shown)
        if isinstance(tls, Timed):
            tls.ends, tls.room = time.monotonic() + self.patience.answer.total_seconds(), ANSWER_BOUND

    def _lost(self, says: str, *, sent: bool) -> DriverError:
        if not sent:
            return Unreachable(
                self.who, f"no {self.api} ({says})", "check its power, cable and address, and that it is on"
            )
        if self.writes:
            return UnknownOutcome(self.who, f"a write was sent, and its answer is lost ({says})", "read it back")
        return Unreachable(self.who, f"the answer broke off ({says})", "it may restart; look at its console")

    def _told(self, status: int, body: bytes) -> JsonValue:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Denied(self.who, f"log in by {self.api}: HTTP {status}", "check user, secret and role")
        try:
            told: JsonValue = json.loads(body)
        except (ValueError, RecursionError) as error:
            if self.writes:
                raise UnknownOutcome(
                    self.who, f"a write was answered by HTTP {status} alone", "read it back"
                ) from error
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise Busy(self.who, f"HTTP {status}", "it ends by itself; retry") from error
            raise Garbled(self.who, f"HTTP {status} without JSON", f"look whether {self.api} answers there") from error
        if status == HTTPStatus.OK:
            self.let_in = True
        return told
