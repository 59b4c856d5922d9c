"""Packets of IPMI over LAN: RMCP and session headers, and the messages inside.

Source: IPMI v2.0 rev 1.1 sections 13.1 to 13.8; ASF 2.0 section 3.2.4 (presence ping).
"""

import hmac
import struct
from dataclasses import dataclass

from drivers.virtual.twin import ipmi_crypto
from drivers.virtual.twin.ipmi_crypto import Keys, Suite

RMCP = bytes((0x06, 0x00, 0xFF, 0x07))
ASF = bytes((0x06, 0x00, 0xFF, 0x06))
BMC_ADDRESS = 0x20
_RMCP_PLUS = 0x06
_ENCRYPTED, _AUTHENTICATED = 0x80, 0x40
_NEXT_HEADER = 0x07
_PONG_TYPE, _PING_TYPE = 0x40, 0x80


@dataclass(frozen=True)
class Packet:
    """`rest` is what the integrity check covers the end of; `version` 1 is the IPMI 1.5 format, 2 RMCP+."""

    version: int
    payload_type: int
    session: int
    sequence: int
    payload: bytes
    encrypted: bool = False
    authenticated: bool = False


@dataclass(frozen=True)
class Request:
    """An IPMI command. `address`, `sequence` and `lun` go back with its answer."""

    netfn: int
    command: int
    data: bytes
    address: int
    sequence: int
    lun: int

    def answer(self, code: int, data: bytes = b"") -> bytes:
        """The response message with its completion code."""
        head = bytes((self.address, (self.netfn + 1) << 2 | self.lun))
        body = bytes((BMC_ADDRESS, self.sequence << 2 | self.lun, self.command, code)) + data
        return head + _checksum(head) + body + _checksum(body)


def pong(datagram: bytes) -> bytes | None:
    """The answer to an ASF presence ping: IPMI is supported. None where it is none."""
    if datagram[:4] != ASF or len(datagram) < 12 or datagram[8] != _PING_TYPE:
        return None
    tag = datagram[9]
    return ASF + struct.pack(">IBBxB", 4542, _PONG_TYPE, tag, 16) + struct.pack(">IIBB6x", 4542, 0, 0x81, 0)


def unpack(datagram: bytes) -> Packet | None:
    """None for whatever is not IPMI over RMCP."""
    if datagram[:4] != RMCP or len(datagram) < 14:
        return None
    kind = datagram[4]
    if kind == _RMCP_PLUS:
        if len(datagram) < 16:
            return None
        flags, session, sequence, length = struct.unpack_from("<xBIIH", datagram, 4)
        payload = datagram[16 : 16 + length]
        sealed, signed = bool(flags & _ENCRYPTED), bool(flags & _AUTHENTICATED)
        return Packet(2, flags & 0x3F, session, sequence, payload, sealed, signed) if len(payload) == length else None
    if kind != 0:  # a session of IPMI 1.5 with its own authentication: not offered
        return None
    sequence, session, length = struct.unpack_from("<xIIB", datagram, 4)
    return Packet(1, 0, session, sequence, datagram[14 : 14 + length])


def pack_plain(packet: Packet) -> bytes:
    """A packet outside of a session."""
    if packet.version == 1:
        header = struct.pack("<BIIB", 0, packet.sequence, packet.session, len(packet.payload))
    else:
        length = len(packet.payload)
        header = struct.pack("<BBIIH", _RMCP_PLUS, packet.payload_type, packet.session, packet.sequence, length)
    return RMCP + header + packet.payload


def pack_sealed(packet: Packet, suite: Suite, keys: Keys) -> bytes:
    """A packet of a session: encrypted, then signed."""
    payload = ipmi_crypto.encrypt(keys.cipher, packet.payload)
    flags = packet.payload_type | _ENCRYPTED | _AUTHENTICATED
    body = struct.pack("<BBIIH", _RMCP_PLUS, flags, packet.session, packet.sequence, len(payload)) + payload
    pad = -(len(body) + 2) % 4
    body += b"\xff" * pad + bytes((pad, _NEXT_HEADER))
    return RMCP + body + ipmi_crypto.mac(suite, keys.integrity, body)[: suite.sent]


def is_genuine(datagram: bytes, suite: Suite, keys: Keys) -> bool:
    """Whether a packet of a session bears the right integrity value."""
    signed, code = datagram[4 : -suite.sent], datagram[-suite.sent :]
    return hmac.compare_digest(ipmi_crypto.mac(suite, keys.integrity, signed)[: suite.sent], code)


def request(payload: bytes) -> Request | None:
    """None where the message is cut or its checksums are wrong."""
    if len(payload) < 7 or sum(payload[:3]) & 0xFF or sum(payload[3:]) & 0xFF or payload[0] != BMC_ADDRESS:
        return None
    return Request(payload[1] >> 2, payload[5], payload[6:-1], payload[3], payload[4] >> 2, payload[4] & 3)


def _checksum(part: bytes) -> bytes:
    return bytes((-sum(part) & 0xFF,))
