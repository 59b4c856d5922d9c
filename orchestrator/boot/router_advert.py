"""An empty IPv6 router advertisement to whoever solicits one.

iPXE asks for a router at each boot and, unanswered, waits 13 s at full load (measured with the 2019 build that Debian
ships). The answer names no router and no prefix, so nobody configures anything by it.

Source: RFC 4861 4.1 (solicitation), 4.2 (advertisement), 6.2.6 (answering); the kernel computes the checksum.
"""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from orchestrator.boot.errors import CannotServe

SOLICITATION, ADVERTISEMENT = 133, 134
ALL_NODES, ALL_ROUTERS = "ff02::1", "ff02::2"
LINK_LOCAL_HOPS = 255  # RFC 4861 4.2: a packet that was forwarded is none of ours
LOOKS_EVERY_SECONDS = 0.5
ICMP6_FILTER = 1  # linux/icmpv6.h
# type, code, checksum, hop limit (unspecified), flags (none), lifetime 0: not a router, timers unspecified
EMPTY = struct.pack("!BBHBBHII", ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0)


class RouterAdvert:
    """Answers on one interface while it is entered. Needs root."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="boot-router-advert", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._socket = _socket(self._interface)
        except OSError as error:
            raise CannotServe(
                f"IPv6 on {self._interface}", f"cannot listen: {error.strerror}", "run as root, with IPv6 on"
            ) from error
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        where = (ALL_NODES, 0, 0, socket.if_nametoindex(self._interface))
        while not self._stopping.is_set():
            try:
                packet = self._socket.recv(1500)
            except TimeoutError:
                continue
            if packet[:1] == bytes([SOLICITATION]):
                # A link that flaps has no address to answer from; whoever asked asks again (RFC 4861 6.3.7).
                with suppress(OSError):
                    self._socket.sendto(EMPTY, where)


def _socket(interface: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        index = socket.if_nametoindex(interface)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, LINK_LOCAL_HOPS)
        group = socket.inet_pton(socket.AF_INET6, ALL_ROUTERS) + struct.pack("@I", index)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        listener.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, _only(SOLICITATION))
    except OSError:
        listener.close()
        raise
    listener.settimeout(LOOKS_EVERY_SECONDS)
    return listener


def _only(kind: int) -> bytes:
    """A filter that passes one ICMPv6 type: a bit for each of 256, set where it is blocked."""
    words = [0xFFFFFFFF] * 8
    words[kind >> 5] &= ~(1 << (kind & 31))
    return struct.pack("@8I", *words)
