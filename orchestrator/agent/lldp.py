"""LLDP as a NIC heard it: who is at the other end of the cable. Bad frames are dropped, never believed.

Source: IEEE 802.1AB-2016 8.5 (TLVs 1 to 6), D.2 (802.1 port VLAN id), 802.3 79.3.4 (maximum frame size).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from drivers.ability.switch import PortIdKind

VALUE_BYTES = 511  # 802.1AB 8.4: the length field has nine bits
TLVS = 200
CHASSIS, PORT, TIME_TO_LIVE, PORT_SAYS, SYSTEM_NAME, SPECIFIC = 1, 2, 3, 4, 5, 127
CHASSIS_MAC, PORT_MAC = 4, 3
CHASSIS_ADDRESS, PORT_ADDRESS = 5, 4
PORT_VLAN = bytes.fromhex("0080c201")
FRAME_SIZE = bytes.fromhex("00120f04")
PORT_KINDS = tuple(PortIdKind)  # in the order of their numbers, from 1: 802.1AB table 8-3
IP_OCTETS = {1: 4, 2: 16}  # by address family number: 802.1AB 8.5.2.3


@dataclass(frozen=True)
class Neighbour:
    """What the other end says of itself. `frame_bytes` is its largest frame, header and checksum included; `ttl_s` for
    how long what it says counts; `port_kind` None: a subtype that the standard keeps for later."""

    chassis: str
    port: str
    system: str | None
    port_says: str | None
    vlan: int | None
    frame_bytes: int | None
    port_kind: PortIdKind | None = None
    ttl_s: int | None = None


def neighbour(told: object) -> Neighbour | None:
    """From pairs of TLV type and hexadecimal value; None where nothing, or nothing sane, was heard.

    Nor where it said goodbye: a time to live of 0 takes back all that was said (802.1AB 8.5.4).
    """
    values = _values(told)
    chassis = _identity(values.get(CHASSIS, (b"",))[0], CHASSIS_MAC, CHASSIS_ADDRESS)
    port = _identity(values.get(PORT, (b"",))[0], PORT_MAC, PORT_ADDRESS)
    ttl = _whole(values.get(TIME_TO_LIVE, (b"",))[0])
    if chassis is None or port is None or ttl == 0:
        return None
    specific = values.get(SPECIFIC, ())
    return Neighbour(
        chassis,
        port,
        _text(values.get(SYSTEM_NAME, (b"",))[0]),
        _text(values.get(PORT_SAYS, (b"",))[0]),
        _number(specific, PORT_VLAN),
        _number(specific, FRAME_SIZE),
        _port_kind(values[PORT][0][0]),
        ttl,
    )


def _values(told: object) -> Mapping[int, Sequence[bytes]]:
    found: dict[int, list[bytes]] = {}
    if not isinstance(told, list):
        return found
    for pair in told[:TLVS]:
        match pair:
            case [int(kind), str(value)] if len(value) <= 2 * VALUE_BYTES:
                octets = _octets(value)
                if octets is not None:
                    found.setdefault(kind, []).append(octets)
    return found


def _octets(value: str) -> bytes | None:
    try:
        return bytes.fromhex(value)
    except ValueError:
        return None


def _identity(value: bytes, mac: int, address: int) -> str | None:
    """A chassis or port id: a subtype octet, then 1 to 255 octets (802.1AB 8.5.2, 8.5.3)."""
    if not 2 <= len(value) <= 256:
        return None
    subtype, body = value[0], value[1:]
    if subtype == mac and len(body) == 6:
        return body.hex(":")
    if subtype == address and IP_OCTETS.get(body[0]) == len(body) - 1:
        return str(ip_address(body[1:]))
    return _text(body)


def _port_kind(subtype: int) -> PortIdKind | None:
    return PORT_KINDS[subtype - 1] if 1 <= subtype <= len(PORT_KINDS) else None


def _text(value: bytes) -> str | None:
    shown = "".join(letter for letter in value.decode("utf-8", "replace") if letter.isprintable()).strip()
    return shown or None


def _whole(value: bytes) -> int | None:
    return int.from_bytes(value[:2]) if len(value) >= 2 else None


def _number(specific: Sequence[bytes], head: bytes) -> int | None:
    """The two octets after an organisation's code and subtype."""
    bodies = (value[4:] for value in specific if value[:4] == head)
    return next((int.from_bytes(body) for body in bodies if len(body) == 2), None)
