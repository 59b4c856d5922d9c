"""Calling addresses that clients name: only such as they could call themselves, and for no longer than we want to.

A name is looked up once, and what was checked is what is called: there is no second lookup that could answer otherwise.
Redirects are not followed, and proxies not asked.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from inventory.address import Ip, Prefix
from inventory.model import Site

SECONDS = 15.0  # from the first packet to the answer's head
_CONNECT_SECONDS = 5.0
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: leads to the IPv4 address in its last 32 bits
_MOST = 2000  # characters of a URL
_PORTS = {"http": 80, "https": 443}


class NotOutside(Exception):
    """An address that is not called. The text is for the client, and tells nothing of our networks."""


@dataclass(frozen=True)
class Answered:
    """`again`: seconds to wait that the other end asked for, where it did."""

    status: int
    again: float | None


class NoAnswer(Exception):
    """Nobody there, or nobody who speaks HTTP, in time."""


class Outside:
    """`allowed`: networks that the operator opened beside the whole internet; there, HTTP in clear is right too.

    Never to a BMC or a switch of the site, whatever was opened.
    """

    def __init__(self, site: Site, allowed: Sequence[Prefix]) -> None:
        self._allowed = tuple(allowed)
        self._ours = tuple(one.prefix for one in site.networks.values())
        managed = [one.management.address.host for one in site.switches.values() if one.management is not None]
        self._never = frozenset([*(node.bmc.address.host for node in site.nodes.values()), *managed])

    def check(self, url: str) -> tuple[SplitResult, Ip]:
        """Where that leads now. `NotOutside`."""
        parts = _parts(url)
        host = str(parts.hostname)
        try:
            found = socket.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotOutside("its address cannot be looked up") from error
        addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if host in self._never or not addresses or not all(map(self._may, addresses)):
            raise NotOutside("its address is not one that may be called from here")
        if parts.scheme == "http" and not all(self._opened(one) for one in addresses):
            raise NotOutside("it must be https")
        return parts, addresses[0]

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answered:
        """`NotOutside`; `NoAnswer`."""
        parts, address = self.check(url)
        try:
            return _exchange(parts, address, content, headers)
        except ssl.SSLError as error:
            raise NoAnswer("its certificate is not accepted, or it speaks no TLS") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoAnswer("nobody answers there, or not in time") from error

    def _may(self, address: Ip) -> bool:
        real = _real(address)
        if str(real) in self._never:
            return False
        if self._opened(address):
            return True
        ours = any(real in one for one in self._ours if one.version == real.version)
        return real.is_global and not real.is_multicast and not ours

    def _opened(self, address: Ip) -> bool:
        real = _real(address)
        return any(real in one for one in self._allowed if one.version == real.version)


def _real(address: Ip) -> Ip:
    """Of an IPv6 address that leads to an IPv4 address, that."""
    if isinstance(address, IPv4Address):
        return address
    within = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return within or (IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotOutside("it is no URL") from error
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or len(url) > _MOST:
        raise NotOutside("it must be a URL of https with a host")
    if parts.username is not None or parts.fragment or any(one <= " " or one > "~" for one in url):
        raise NotOutside("it must be a URL of ASCII, without a login and without a fragment")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _exchange(parts: SplitResult, address: Ip, content: bytes, headers: Mapping[str, str]) -> Answered:
    plain = socket.create_connection((str(address), _port(parts)), _CONNECT_SECONDS)
    plain.settimeout(SECONDS)
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    host = str(parts.hostname)
    with plain, _Limit(plain) as limit, contextlib.closing(kind(host, _port(parts))) as connection:
        connection.sock = secure.wrap_socket(plain, server_hostname=host) if secure else plain
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, content, dict(headers))
        answer = connection.getresponse()
        limit.check()
        return Answered(answer.status, _seconds(answer.getheader("Retry-After")))


class _Limit(contextlib.AbstractContextManager["_Limit"]):
    """Ends a connection after `SECONDS`: who sends a byte now and then keeps within every timeout of a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection.dup()  # TLS takes the other one over
        self._late = threading.Event()
        self._timer = threading.Timer(SECONDS, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._connection.close()

    def check(self) -> None:
        """An answer that we cut off looks like one that ended."""
        if self._late.is_set():
            raise TimeoutError("it took too long")

    def _cut(self) -> None:
        self._late.set()
        with contextlib.suppress(OSError):  # it is over already
            self._connection.shutdown(socket.SHUT_RDWR)


def _seconds(told: str | None) -> float | None:
    """Of a Retry-After in seconds; its form as a date is not heeded."""
    return float(told) if told is not None and told.isascii() and told.isdigit() and len(told) < 7 else None
