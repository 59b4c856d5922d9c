"""The FRU inventory of a simulated machine: chassis, board and product areas.

Source: IPMI Platform Management FRU Information Storage Definition v1.0 rev 1.3, sections 8, 10, 11, 12.
"""

_RACK_MOUNT = 0x17
_ENGLISH = 25
_END = 0xC1
_ASCII = 0xC0
_LONGEST = 63


def build(serial: str, *, sloppy: bool = False) -> bytes:
    """Manufacturer and model are the twin's, the serial number is the machine's. `sloppy`: padded, one area bad."""
    serial = f"{serial}   " if sloppy else serial
    chassis = _area(bytes((1, 0, _RACK_MOUNT)), "TWIN-CH", serial)
    board = _area(bytes((1, 0, _ENGLISH, 0, 0, 0)), "Twin", "Twin board", serial, "TWIN-MB", "")
    product = _area(bytes((1, 0, _ENGLISH)), "Twin", "Twin server", "TWIN-1U", "1.0", serial, "", "")
    at_chassis, at_board = 1, 1 + len(chassis) // 8
    at_product = at_board + len(board) // 8
    if sloppy:
        board = board[:-1] + bytes((board[-1] ^ 0x55,))
    header = bytes((1, 0, at_chassis, at_board, at_product, 0, 0))
    return header + _checksum(header) + chassis + board + product


def _area(head: bytes, *fields: str) -> bytes:
    """An area in units of eight bytes; its second byte is its length in them."""
    body = head + b"".join(_field(text) for text in fields) + bytes((_END,))
    body += b"\0" * (-(len(body) + 1) % 8)
    body = body[:1] + bytes(((len(body) + 1) // 8,)) + body[2:]
    return body + _checksum(body)


def _field(text: str) -> bytes:
    raw = text.encode("latin-1", "replace")[:_LONGEST]
    raw = raw.ljust(2) if len(raw) == 1 else raw  # a length of one is the end mark
    return bytes((_ASCII | len(raw) if raw else 0,)) + raw


def _checksum(part: bytes) -> bytes:
    return bytes((-sum(part) & 0xFF,))
