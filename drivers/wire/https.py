"""Redfish's HTTPS: the only import of the redfish library. TLS judged first, sizes bounded, nothing sent twice.

Source: DMTF DSP0266 (Redfish specification), RFC 9110.
"""

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import get_default_verify_paths
from typing import Literal
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from pydantic import JsonValue
from redfish.rest.v1 import HttpClient, RetriesExhaustedError
from requests.adapters import HTTPAdapter

from drivers.errors import DriverError, Garbled, IdentityChanged, UnknownOutcome, Unreachable
from drivers.patience import Patience
from drivers.trust import Trust
from drivers.wire.tls import HTTPS_PORT, by_fingerprint, changed, fingerprint, pinned
from inventory.address import HostPort
from inventory.secrets import Secret

Json = Mapping[str, JsonValue]
Method = Literal["GET", "POST", "PATCH", "DELETE"]

_LARGEST = 16 << 20  # bytes of one answer; the largest registries of real BMCs are near 5 MiB
_REDIRECTS = 3
_MOVED = (301, 302, 307, 308)

# At DEBUG the library logs the headers of each request and answer, session tokens among them.
logging.getLogger("redfish.rest.v1").addFilter(lambda _record: False)


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is None where it is no JSON object; `blank`: nothing came at all."""

    status: int
    body: Json | None
    etag: str | None = None
    location: str | None = None
    token: Secret | None = field(default=None, repr=False)
    blank: bool = False


class _TooBig(requests.RequestException):
    pass


class _Astray(requests.RequestException):
    pass


class _OneHost(HTTPAdapter):
    """Speaks to one origin, whose certificate has the given fingerprint or a CA's word, and to nobody else."""

    def __init__(self, origin: str, sha256: str | None, ca: str | None, patience: Patience) -> None:
        self._origin = _origin(origin)
        self._sha256 = sha256
        self._ca = ca
        self._timeouts = (patience.connect.total_seconds(), patience.answer.total_seconds())
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool: object) -> None:  # noqa: FBT001, FBT002  the library's signature
        context = None if self._sha256 is None else by_fingerprint()
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=context, assert_fingerprint=self._sha256, **pool
        )

    def send(
        self,
        request: requests.PreparedRequest,
        *_how: object,
        **_asked: object,
    ) -> requests.Response:
        """Trust, timeouts and proxies are this class's; what the library asks for is not heard.

        A redirect keeps method and body, and the library must not follow it: it would send the token to any host.
        """
        for _ in range(_REDIRECTS):
            if _origin(request.url or "") != self._origin:
                raise _Astray(f"it redirects to {request.url}")
            response = super().send(request, stream=True, timeout=self._timeouts, verify=self._ca or False)
            location = response.headers.get("Location")
            if response.status_code not in _MOVED or location is None:
                return response
            request = request.copy()
            request.url = urljoin(request.url or "", location)
        raise _Astray(f"it redirects more than {_REDIRECTS} times")

    def build_response(self, req: requests.PreparedRequest, resp: urllib3.BaseHTTPResponse) -> requests.Response:
        """Read the body here, where its size can be bounded."""
        try:
            body = resp.read(_LARGEST + 1, decode_content=True)
        except urllib3.exceptions.TimeoutError as error:
            raise requests.ReadTimeout(error, request=req) from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error, request=req) from error
        if len(body) > _LARGEST:
            resp.close()
            raise _TooBig(f"it answers with over {_LARGEST >> 20} MiB")
        response = super().build_response(req, resp)
        response.raw = io.BytesIO(body)
        return response


class Https:
    """One BMC, one connection, one thread at a time. Knows nothing of logins."""

    def __init__(self, address: HostPort, trust: Trust, patience: Patience) -> None:
        """`Unreachable` where its certificate is to be met first and nobody answers."""
        self.who = str(address)
        self._address = address
        self._patience = patience
        self._pin = None if trust.verify else pinned(address, trust.pins, patience.connect)
        origin = f"https://{self.who}/"
        adapter = _OneHost(origin, self._pin, _authorities(trust) if trust.verify else None, patience)
        self._client = HttpClient(
            base_url=origin,
            max_retry=0,
            check_connectivity=False,
            https_adapter=adapter,
            default_prefix="/redfish/v1/",
        )
        session = self._client._session  # noqa: SLF001  the library offers no other way to its settings
        session.mount("http://", adapter)
        session.trust_env = False  # a .netrc would replace our login
        session.headers["Accept-Encoding"] = urllib3.util.SKIP_HEADER  # compression changes the ETags of some BMCs

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

    def close(self) -> None:
        self._client._session.close()  # noqa: SLF001  the library closes it only after a login of its own

    def _once(self, method: Method, path: str, headers: Mapping[str, str], body: Json | None) -> Answer:
        local = _local(path)
        sent = {"Accept": "application/json", **headers}
        try:
            match method:
                case "GET":
                    answer = self._client.get(local, headers=sent)
                case "POST":
                    answer = self._client.post(local, body=dict(body or {}), headers=sent)
                case "PATCH":
                    answer = self._client.patch(local, body=dict(body or {}), headers=sent)
                case "DELETE":
                    answer = self._client.delete(local, headers=sent)
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
        )

    def _said(self, method: Method, path: str, error: requests.RequestException) -> DriverError:
        doing = f"{method} {path}"
        if isinstance(error, requests.exceptions.SSLError):
            return self._strange()
        if isinstance(error, _TooBig | _Astray):
            return Garbled(self.who, f"{doing}: {error}", "update its firmware, or look who answers there")
        if method == "GET" or _never_sent(error):
            return Unreachable(self.who, f"{doing}: {_cause(error)}", "check its power, cable and address")
        return UnknownOutcome(self.who, f"{doing} was sent and no answer came ({_cause(error)})", "read it back first")

    def _strange(self) -> DriverError:
        shown = fingerprint(self._address, self._patience.connect)
        if self._pin is None:
            what = f"its certificate (SHA-256 {shown[:16]}...) is not vouched for by the CAs that this site trusts"
            remedy = "install a certificate of your CA, or set tls: pin. Nothing was sent"
            return IdentityChanged(self.who, what, remedy)
        if shown != self._pin:
            return changed(self._address, self._pin, shown)
        return Unreachable(self.who, "the TLS handshake broke off", "retry; if it lasts, look at its TLS settings")


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or HTTPS_PORT


def _authorities(trust: Trust) -> str:
    if trust.ca is not None:
        return str(trust.ca)
    system = get_default_verify_paths()
    return system.cafile or system.capath or str(Path("/etc/ssl/certs"))


def _local(path: str) -> str:
    """A link as it was given, without the fragment; of an absolute one, what follows the host."""
    parts = urlsplit(path)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _object(raw: bytes) -> Json | None:
    try:
        told: JsonValue = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, urllib3.exceptions.MaxRetryError) else inner
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return "nobody answers"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "the connection is refused" if _never_sent(error) else "the connection broke"
