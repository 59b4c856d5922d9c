"""Redfish's HTTPS: the only import of the redfish library. TLS judged first, answers bounded, nothing sent twice.

Source: DMTF DSP0266 (Redfish specification), RFC 9110.
"""

import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, urlsplit

import requests
from pydantic import JsonValue
from redfish.rest.v1 import HttpClient, RetriesExhaustedError

from drivers.errors import DriverError, Garbled, IdentityChanged, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.plain import plain
from drivers.trust import Trust
from drivers.wire.origin import Lean, NeverSent, Odd, OneOrigin
from drivers.wire.parcel import Parcel
from drivers.wire.tls import by_authorities, by_fingerprint, changed, fingerprint, pinned
from inventory.address import HostPort
from inventory.secrets import Secret

Json = Mapping[str, JsonValue]
Method = Literal["GET", "POST", "PATCH", "DELETE"]

_LONGEST_PATH = 4096
_LONGEST_NUMBER = 40  # digits; what has more is none that anybody counts by
_DAY = 86400  # seconds
_ROOTED = "redfish/v1/"
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what is not to be quoted again (RFC 3986 2.2)

# At DEBUG the library logs the headers of each request and answer, session tokens among them.
logging.getLogger("redfish.rest.v1").addFilter(lambda _record: False)


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is None where it is no JSON object; `blank`: nothing came at all.

    `methods` is empty where it did not say what it takes.
    """

    status: int
    body: Json | None
    etag: str | None = None
    location: str | None = None
    token: Secret | None = field(default=None, repr=False)
    blank: bool = False
    retry_after: timedelta | None = None
    methods: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cost:
    """What was asked of a BMC, and what came of it: requests sent, each step of a redirect counted; bytes of bodies."""

    requests: int
    bytes: int


class Https:
    """One BMC, one connection, one thread at a time. Knows nothing of logins."""

    def __init__(self, address: HostPort, trust: Trust, patience: Patience) -> None:
        """`Unreachable` where its certificate is to be met first and nobody answers."""
        self.who = str(address)
        self.address = address
        self._patience = patience
        self.old_tls = trust.old_tls
        self._pin = None if trust.verify else pinned(address, trust.pins, patience.connect, old=trust.old_tls)
        context = by_fingerprint(old=trust.old_tls) if self._pin else self._vouched(trust)
        self._origin = OneOrigin(address, context, self._pin, patience)
        self._zips = False
        self._client = HttpClient(
            base_url=f"https://{self.who}/",
            max_retry=0,
            check_connectivity=False,
            default_prefix="/redfish/v1/",
        )
        self._client._session = Lean(self._origin)  # noqa: SLF001  the library offers no other way

    @property
    def cost(self) -> Cost:
        return Cost(self._origin.requests, self._origin.received)

    def send(self, method: Method, path: str, headers: Mapping[str, str], body: Json | None = None) -> Answer:
        """One request, one answer of whatever status. A GET whose connection broke is sent once more.

        `Unreachable`: nothing was accepted. `UnknownOutcome`: a write was sent and its answer lost. `IdentityChanged`.
        """
        try:
            return self._once(method, path, headers, body)
        except requests.ConnectionError as error:
            if method != "GET" or isinstance(error, requests.Timeout | requests.exceptions.SSLError):
                raise self._said(method, path, error) from error
        except requests.RequestException as error:
            raise self._said(method, path, error) from error
        try:
            return self._once(method, path, headers, body)
        except requests.RequestException as error:
            raise self._said(method, path, error) from error

    def pieces(self, path: str, headers: Mapping[str, str], ends: float) -> Iterator[bytes]:
        """A stream of events, in whatever pieces it comes, until `ends` (monotonic) or until the BMC ends it.

        `Garbled`: no such stream flows there. `Unreachable`: it broke off, or never began. `IdentityChanged`.
        """
        try:
            yield from self._origin.pieces(self._local("GET", path), headers, ends)
        except requests.RequestException as error:
            raise self._said("GET", path, error) from error

    def expect(self, sha256: str) -> None:
        """From now on it shows this certificate, which we gave it. Where CAs judge, they go on judging."""
        if self._pin is not None:
            self._pin = sha256
            self._origin.expect(sha256)

    def upload(self, path: str, headers: Mapping[str, str], parcel: Parcel) -> Answer:
        """POST a file once, streamed, never again. `Unreachable`: not sent. `UnknownOutcome`, `IdentityChanged`."""
        session = self._client._session  # noqa: SLF001  the library itself would hold the whole file in memory
        sent = {"Accept": "application/json", "Content-Type": parcel.kind, **headers}
        url = f"https://{self.who}{self._local('POST', path)}"
        try:
            told = session.post(url, data=parcel, headers=sent, allow_redirects=False)
        except requests.RequestException as error:
            raise self._said("POST", path, error) from error
        token = told.headers.get("X-Auth-Token")
        return Answer(
            status=told.status_code,
            body=_object(told.content),
            location=told.headers.get("Location"),
            token=Secret(token) if token else None,
        )

    def close(self) -> None:
        self._client._session.close()  # noqa: SLF001  the library closes it only after a login of its own

    def _once(self, method: Method, path: str, headers: Mapping[str, str], body: Json | None) -> Answer:
        answer = self._asked(method, path, headers, body)
        if answer.status == HTTPStatus.NOT_ACCEPTABLE and not self._zips:
            # Quirk 34: some BMCs refuse who takes no compression. Nothing was accepted.
            self._zips = True
            answer = self._asked(method, path, headers, body)
        return answer

    def _asked(self, method: Method, path: str, headers: Mapping[str, str], body: Json | None) -> Answer:
        local = self._local(method, path)
        sent = {"Accept": "application/json", **headers}
        if self._zips:
            sent["Accept-Encoding"] = "gzip"
        try:
            match method:
                case "GET":
                    answer = self._client.get(local, headers=sent)
                case "POST":
                    answer = self._client.post(local, body=dict(body or {}), headers=sent)
                case "PATCH":
                    answer = self._client.patch(local, body=dict(body or {}), headers=sent)
                case "DELETE":
                    answer = self._client.delete(local, headers=sent, body=None if body is None else dict(body))
        except RetriesExhaustedError as error:
            cause = error.__cause__
            raise cause if isinstance(cause, requests.RequestException) else requests.RequestException(cause) from None
        token = answer.getheader("X-Auth-Token")
        return Answer(
            status=answer.status,
            body=_object(answer.read),
            etag=answer.getheader("ETag") or None,
            location=answer.getheader("Location"),
            token=Secret(token) if token else None,
            blank=not answer.read,
            retry_after=_span(answer.getheader("Retry-After"), answer.getheader("Date")),
            methods=frozenset(word.strip().upper() for word in (answer.getheader("Allow") or "").split(",") if word),
        )

    def _said(self, method: Method, path: str, error: requests.RequestException) -> DriverError:
        doing = f"{method} {path}"
        if isinstance(error, requests.exceptions.SSLError):
            return self._strange()
        if isinstance(error, Odd):
            return Garbled(self.who, f"{doing}: {error}", "update its firmware, or look who answers there")
        if method == "GET" or isinstance(error, requests.ConnectTimeout | NeverSent):
            return Unreachable(self.who, f"{doing}: {_cause(error)}", "check its power, cable and address")
        return UnknownOutcome(self.who, f"{doing} was sent and no answer came ({_cause(error)})", "read it back first")

    def _strange(self) -> DriverError:
        shown = fingerprint(self.address, self._patience.connect, old=self.old_tls)
        if self._pin is None:
            what = f"its certificate (SHA-256 {shown}) is not vouched for by the CAs that this site trusts"
            remedy = "install a certificate of your CA, or set tls: pin. Nothing was sent"
            return IdentityChanged(self.who, what, remedy)
        if shown != self._pin:
            return changed(self.address, self._pin, shown)
        return Unreachable(self.who, "the TLS handshake broke off", "retry; if it lasts, look at its TLS settings")

    def _vouched(self, trust: Trust) -> ssl.SSLContext:
        try:
            return by_authorities(trust.ca, old=trust.old_tls)
        except OSError as error:
            what = f"the CAs that it is to be judged by cannot be read ({error})"
            raise IdentityChanged(self.who, what, "name a PEM file that can. Nothing was sent") from error

    def _local(self, method: Method, path: str) -> str:
        """A link as it was given, without the fragment; of an absolute one, what follows the host. `Garbled`.

        One that lacks no more than its first slash is given it: DSP0266 wants a path from the root.
        """
        try:
            parts = urlsplit(path)
        except ValueError:
            parts = urlsplit("")
        local = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if not parts.netloc and local.startswith(_ROOTED):
            local = f"/{local}"
        if not (local.startswith("/") and local.isprintable() and len(local) <= _LONGEST_PATH):
            raise Garbled(self.who, f"{method} {plain(path)!r}: that is no path", "update its firmware")
        return local if local.isascii() and " " not in local else quote(local, safe=_SAFE)


def _object(raw: bytes) -> Json | None:
    """By RFC 8259, else with the liberties that BMCs take with single values, which spoil no more than those."""
    try:
        told: JsonValue = json.loads(raw, parse_constant=_nothing)
    except ValueError:
        told = _of_a_kind(raw)
    except RecursionError:
        return None
    return told if isinstance(told, dict) else None


def _of_a_kind(raw: bytes) -> JsonValue:
    """Bytes that are no UTF-8, as of a serial number that nobody filled in; control characters; endless numbers."""
    try:
        told: JsonValue = json.loads(
            raw.decode("utf-8-sig", errors="replace"), parse_constant=_nothing, parse_int=_whole, strict=False
        )
    except (ValueError, RecursionError):
        return None
    return told


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else None


def _nothing(_constant: str) -> None:
    """NaN and the infinities, which JSON does not have, tell nothing."""


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "nobody answers"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "the connection is refused" if isinstance(error, NeverSent) else "the connection broke"


def _span(told: str | None, sent: str | None) -> timedelta | None:
    """Source: RFC 9110 10.2.3: seconds, or a date; by the clock that `sent` (6.6.1, Date) shows, else by ours."""
    if (told or "").strip().isdigit():
        return timedelta(seconds=min(int((told or "")[:_LONGEST_NUMBER]), _DAY))
    at = _moment(told)
    return None if at is None else max(at - (_moment(sent) or datetime.now(UTC)), timedelta())


def _moment(told: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(told or "")
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)
