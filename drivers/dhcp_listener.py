"""Hears machines ask for an address, and answers nobody.

Source: RFC 2131 2 (message), RFC 2132 (options), RFC 4578 (93 architecture, 97 machine UUID).
"""

import socket
import struct
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drivers.errors import Refused
from inventory.address import Mac

SERVER_PORT = 67
_HEADER = 236  # bytes before the magic cookie
_COOKIE = b"\x63\x82\x53\x63"
_DISCOVER, _REQUEST = 1, 3
_TYPE, _VENDOR_CLASS, _ARCHITECTURE, _UUID = 53, 60, 93, 97
_ETHERNET = 1
_BIOS = 0  # RFC 4578 2.1


@dataclass(frozen=True)
class Asker:
    """A machine that asked. `firmware` is known where it network-boots; `machine` is its SMBIOS UUID."""

    mac: Mac
    firmware: str | None  # "bios" | "uefi"
    machine: str | None
    says: str | None  # its vendor class


def listen(address: str, within: timedelta, port: int = SERVER_PORT) -> Iterator[Asker]:
    """Each machine heard, once. `Refused` where the port cannot be had: another DHCP server, or no root."""
    heard: set[Mac] = set()
    with _open(address, port) as ear:
        ends = time.monotonic() + within.total_seconds()
        while (left := ends - time.monotonic()) > 0:
            ear.settimeout(left)
            try:
                packet = ear.recv(2048)
            except TimeoutError:
                return
            asker = parse(packet)
            if asker is not None and asker.mac not in heard:
                heard.add(asker.mac)
                yield asker


def parse(packet: bytes) -> Asker | None:
    """None for whatever is no DISCOVER or REQUEST of an Ethernet client; never raises."""
    if len(packet) < _HEADER + 4 or packet[0] != 1 or packet[1:3] != bytes((_ETHERNET, 6)):
        return None
    if packet[_HEADER : _HEADER + 4] != _COOKIE:
        return None
    options = _options(packet[_HEADER + 4 :])
    if options.get(_TYPE) not in (bytes((_DISCOVER,)), bytes((_REQUEST,))):
        return None
    try:
        mac = Mac(packet[28:34].hex(":"))
    except ValueError:
        return None
    vendor = options.get(_VENDOR_CLASS, b"")[:64].decode("ascii", "replace")
    return Asker(mac, _firmware(options), _machine(options), "".join(c for c in vendor if c.isprintable()) or None)


def _open(address: str, port: int) -> socket.socket:
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        ear.bind((address, port))
    except OSError as error:
        ear.close()
        who = f"{address}:{port}"
        raise Refused(who, f"listen for DHCP: {error.strerror}", "run as root, and stop other DHCP servers") from error
    return ear


def _options(area: bytes) -> Mapping[int, bytes]:
    """Tag to value, up to the end or the first that is cut off."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 1 < len(area) and area[at] != 255:
        if area[at] == 0:
            at += 1
            continue
        tag, length = area[at], area[at + 1]
        value = area[at + 2 : at + 2 + length]
        if len(value) < length:
            break
        found[tag] = value
        at += 2 + length
    return found


def _firmware(options: Mapping[int, bytes]) -> str | None:
    told = options.get(_ARCHITECTURE, b"")
    if len(told) < 2:
        return None
    return "bios" if struct.unpack("!H", told[:2])[0] == _BIOS else "uefi"


def _machine(options: Mapping[int, bytes]) -> str | None:
    told = options.get(_UUID, b"")
    return str(uuid.UUID(bytes_le=told[1:17])) if len(told) == 17 and told[0] == 0 else None
