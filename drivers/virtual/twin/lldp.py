"""What a switch says of itself on each port, as an agent hears it.

Source: IEEE 802.1AB-2016 section 8.5 (TLVs); ipa-protocol: pairs of type and value in hexadecimal, end included.
"""

import hashlib

from inventory.address import Endpoint

Heard = list[list[int | str]]
_CHASSIS_MAC, _PORT_INTERFACE_NAME = b"\x04", b"\x05"
_TTL_SECONDS = (120).to_bytes(2, "big")
_BRIDGE = bytes.fromhex("00040004")


def chassis_mac(switch: str) -> str:
    """A locally administered address that follows from the switch's name."""
    octets = bytes([0x02]) + hashlib.sha256(switch.encode()).digest()[:5]
    return octets.hex(":")


def heard(cable: Endpoint, system: str) -> Heard:
    """The frame that comes out of a cable at whose end is this port of a switch of this name."""
    chassis = _CHASSIS_MAC + bytes.fromhex(chassis_mac(cable.device).replace(":", ""))
    values = [
        (1, chassis),
        (2, _PORT_INTERFACE_NAME + cable.port.encode()),
        (3, _TTL_SECONDS),
        (4, cable.port.encode()),
        (5, system.encode()),
        (6, b"Twin switch"),
        (7, _BRIDGE),
        (0, b""),
    ]
    return [[kind, value.hex()] for kind, value in values]
