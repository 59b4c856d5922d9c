"""One HTTPS origin behind the redfish library: judged before anything is sent, and bounded in time and size after.

The library takes an adapter of requests. This one holds a single connection of its own, so that no answer can outlast
its deadline, outgrow its room, lead elsewhere or be taken for the answer to another request.

Source: RFC 9110 (HTTP), RFC 9112 (HTTP/1.1).
"""

import contextlib
import hashlib
import http.client
import io
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from drivers.patience import Patience
from drivers.plain import plain
from drivers.wire.parcel import Parcel
from drivers.wire.tls import HTTPS_PORT, Timed, TooMuch
from inventory.address import HostPort

_LARGEST = 16 << 20  # bytes of one answer's body; the largest registries of real BMCs are near 5 MiB
_HEADERS = 1 << 20  # bytes until the body begins, with whatever is said in between
_PIECE = 16 << 10  # bytes of a stream read at once
_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
_AGENT = "anneal"
_ZIPPED = ("gzip", "x-gzip", "deflate")
_ANY_ZIP = zlib.MAX_WBITS | 32  # zlib tells gzip from deflate by itself


class Odd(requests.RequestException):
    """An answer came, and is none that HTTP or we allow."""


class NeverSent(requests.ConnectionError):
    """No connection stood, so that nothing can have been accepted."""


class Lean(requests.Session):
    """As much of a session as the library calls. The rest of what requests does takes longer than the request itself:
    cookies, proxies, hooks, and settings merged anew each time, none of which a BMC needs.
    """

    def __init__(self, origin: "OneOrigin") -> None:
        super().__init__()
        self.trust_env = False  # a .netrc would replace our login
        self.mount("https://", origin)
        self.mount("http://", origin)
        self._origin = origin

    def request(self, method: str, url: str, *how: Any, **asked: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401  the library's words
        body = asked.get("data")
        if how or not isinstance(body, str | bytes | None):
            return super().request(method, url, *how, **asked)
        sent = requests.PreparedRequest()
        sent.method, sent.url = method, url
        sent.body = body.encode() if isinstance(body, str) else body
        sent.headers = CaseInsensitiveDict({"User-Agent": _AGENT, **asked["headers"]})
        if method != "GET":
            sent.headers["Content-Length"] = str(len(sent.body or b""))
        return self._origin.send(sent)


class OneOrigin(BaseAdapter):
    """Speaks to one origin, whose certificate has the given fingerprint or the context's word, and to nobody else."""

    def __init__(self, address: HostPort, context: ssl.SSLContext, sha256: str | None, patience: Patience) -> None:
        super().__init__()
        self.requests = 0  # sent, each step of a redirect counted
        self.received = 0  # bytes of bodies, unpacked
        self._address = address
        self._context = context
        self._sha256 = sha256
        self._patience = patience
        self._connection: http.client.HTTPConnection | None = None

    def send(self, request: requests.PreparedRequest, *_how: object, **_asked: object) -> requests.Response:
        """Trust, timeouts and proxies are this class's; what the library asks for is not heard.

        A redirect keeps method and body; what a 303 names is read. The library must not follow any: it would send the
        token to whatever host is named. An upload is sent once, and so is not redirected at all.
        """
        once = isinstance(request.body, Parcel)
        for _ in range(_REDIRECTS):
            if not self._is_here(request.url or ""):
                raise Odd(f"it redirects to {plain(request.url or 'nowhere')}")
            response = self._exchange(request)
            location = response.headers.get("Location")
            if once or response.status_code not in _MOVED or location is None:
                return response
            request = request.copy()
            if response.status_code == HTTPStatus.SEE_OTHER:
                request.method, request.body = "GET", None
                request.headers.pop("Content-Length", None)
            try:
                request.url = urljoin(request.url or "", location)
            except ValueError as error:
                raise Odd("it redirects to what is no address") from error
        raise Odd(f"it redirects more than {_REDIRECTS} times")

    def pieces(self, path: str, headers: Mapping[str, str], ends: float) -> Iterator[bytes]:
        """What flows in an answer that does not end, over a connection of its own, until `ends` (monotonic) or its end.

        `requests.RequestException` as for any other; `Odd` where what answers is no stream of events.
        """
        host, port = self._address.host, self._address.port or HTTPS_PORT
        connection = http.client.HTTPConnection(host, port)
        connection.default_port = HTTPS_PORT
        connection.sock = self._shake_hands(self._dial(host, port))
        try:
            yield from self._flow(connection, path, headers, ends)
        except requests.RequestException:
            raise
        except TimeoutError as error:
            if time.monotonic() < ends:
                raise requests.ReadTimeout(error) from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise requests.ConnectionError(error) from error
        finally:
            connection.close()

    def _flow(
        self, connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], ends: float
    ) -> Iterator[bytes]:
        timed = cast("Timed", connection.sock)
        timed.ends, timed.room = min(ends, time.monotonic() + self._patience.answer.total_seconds()), _HEADERS
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in {"Accept": "text/event-stream", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        told = connection.getresponse()
        if told.status != HTTPStatus.OK or "text/event-stream" not in (told.getheader("Content-Type") or ""):
            raise Odd(f"it answers {told.status} where events were to flow")
        timed.ends = ends
        while time.monotonic() < ends:
            timed.room = _HEADERS
            piece = told.read1(_PIECE)
            if not piece:
                return
            yield piece

    def expect(self, sha256: str) -> None:
        self._sha256 = sha256

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _is_here(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            port = parts.port or HTTPS_PORT
        except ValueError:
            return False
        here = (self._address.host.casefold(), self._address.port or HTTPS_PORT)
        return parts.scheme == "https" and (parts.hostname, port) == here and url.isprintable()

    def _exchange(self, request: requests.PreparedRequest) -> requests.Response:
        connection = self._ready()
        self.requests += 1
        try:
            told, body = self._ask(connection, request)
        except Odd:
            self.close()
            raise
        except TooMuch as error:
            self.close()
            raise Odd(f"it answers with over {_LARGEST >> 20} MiB") from error
        except TimeoutError as error:
            self.close()
            raise requests.ReadTimeout(error, request=request) from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            raise requests.ConnectionError(error, request=request) from error
        if told.will_close or not told.isclosed():
            self.close()
        response = requests.Response()
        response.status_code = told.status
        response.headers = CaseInsensitiveDict(told.headers.items())
        response.request = request
        response.url = request.url or ""
        response.raw = io.BytesIO(self._unpacked(body, told.headers.get("Content-Encoding")))
        return response

    def _ask(
        self, connection: http.client.HTTPConnection, request: requests.PreparedRequest
    ) -> tuple[http.client.HTTPResponse, bytes]:
        wire = cast("Timed", connection.sock)
        span = self._patience.upload if isinstance(request.body, Parcel) else self._patience.answer
        wire.settimeout(span.total_seconds())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it hung up
            _put(connection, request)
        wire.ends = time.monotonic() + span.total_seconds()
        wire.room = _HEADERS
        told = connection.getresponse()
        if told.status < HTTPStatus.OK:
            # The real answer comes later, and would be taken for that to the next request.
            raise Odd(f"it answers {told.status}, which is none")
        if (told.length or 0) > _LARGEST:
            raise TooMuch
        wire.room = _LARGEST + _HEADERS
        body = told.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            raise TooMuch
        if told.length:
            raise http.client.IncompleteRead(body, told.length)
        return told, body

    def _ready(self) -> http.client.HTTPConnection:
        """The connection that stands, if nothing came over it unasked, not even its end; or a new one."""
        if self._connection is not None and (self._connection.sock is None or _stirs(self._connection.sock)):
            self.close()
        if self._connection is None:
            host, port = self._address.host, self._address.port or HTTPS_PORT
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = HTTPS_PORT
            connection.auto_open = 0
            connection.sock = self._shake_hands(self._dial(host, port))
            self._connection = connection
        return self._connection

    def _dial(self, host: str, port: int) -> socket.socket:
        try:
            dialled = socket.create_connection((host, port), self._patience.connect.total_seconds())
        except TimeoutError as error:
            raise requests.ConnectTimeout(error) from error
        except (OSError, UnicodeError) as error:
            raise NeverSent(error) from error
        dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return dialled

    def _shake_hands(self, dialled: socket.socket) -> ssl.SSLSocket:
        try:
            wire = self._context.wrap_socket(dialled, server_hostname=self._address.host)
        except ssl.SSLError as error:
            dialled.close()
            raise requests.exceptions.SSLError(error) from error
        except TimeoutError as error:
            dialled.close()
            raise requests.ConnectTimeout(error) from error
        except OSError as error:
            dialled.close()
            raise NeverSent(error) from error
        shown = wire.getpeercert(binary_form=True) or b""
        if self._sha256 is not None and hashlib.sha256(shown).hexdigest() != self._sha256:
            wire.close()
            raise requests.exceptions.SSLError("another certificate")
        return wire

    def _unpacked(self, body: bytes, encoding: str | None) -> bytes:
        """Compression is never asked for; some BMCs use it all the same."""
        how = (encoding or "identity").strip().casefold()
        if how in _ZIPPED:
            try:
                body = zlib.decompressobj(_ANY_ZIP).decompress(body, _LARGEST + 1)
            except zlib.error as error:
                raise Odd(f"it says {how} of what is not") from error
        elif how != "identity":
            raise Odd(f"it compresses by {plain(how)}, which nobody asked for")
        self.received += len(body)
        if len(body) > _LARGEST:
            raise Odd(f"it answers with over {_LARGEST >> 20} MiB")
        return body


def _put(connection: http.client.HTTPConnection, request: requests.PreparedRequest) -> None:
    """By hand, for the standard library would offer `identity`, which some BMCs refuse."""
    connection.putrequest(request.method or "GET", request.path_url, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    body = cast("bytes | str | Iterable[bytes] | None", request.body)
    chunked = "Transfer-Encoding" in request.headers
    connection.endheaders(body.encode() if isinstance(body, str) else body, encode_chunked=chunked)


def _stirs(wire: socket.socket) -> bool:
    waiting = select.poll()
    waiting.register(wire, select.POLLIN)
    return bool(waiting.poll(0))
