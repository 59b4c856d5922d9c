"""A machine's FRU storage. Source: IPMI Platform Management FRU Information Storage Definition 1.0, rev 1.3."""

SIZE = 2048  # bytes; what the BMC reports as the size of its FRU device
_ENGLISH = 0
_RACK_MOUNT = 0x17  # SMBIOS 3.x, table 17: chassis type
_END_OF_FIELDS = b"\xc1"


def storage(vendor: str, model: str, serial: str) -> bytes:
    """Chassis, board and product areas behind the common header, section 8."""
    chassis = _area(bytes([_RACK_MOUNT]), model, serial)
    board = _area(bytes([_ENGLISH, 0, 0, 0]), vendor, model, serial, model, "")
    product = _area(bytes([_ENGLISH]), vendor, model, model, "1", serial, "", "")
    at_chassis = 1
    at_board = at_chassis + len(chassis) // 8
    at_product = at_board + len(board) // 8
    header = bytes([1, 0, at_chassis, at_board, at_product, 0, 0])
    return (header + _checksum(header) + chassis + board + product).ljust(SIZE, b"\0")


def _area(fixed: bytes, *fields: str) -> bytes:
    """Sections 10 to 12: version, length in multiples of 8 bytes, content, padding, checksum."""
    content = fixed + b"".join(_field(text) for text in fields) + _END_OF_FIELDS
    eights = (2 + len(content) + 1 + 7) // 8
    body = (bytes([1, eights]) + content).ljust(eights * 8 - 1, b"\0")
    return body + _checksum(body)


def _field(text: str) -> bytes:
    """Section 13: type code 3, Latin-1, at most 63 bytes."""
    content = text.encode("latin-1")[:63]
    # One byte of type 3 is the end mark, not a text of one letter.
    content = content + b" " if len(content) == 1 else content
    return bytes([0xC0 | len(content)]) + content


def _checksum(content: bytes) -> bytes:
    return bytes([-sum(content) & 0xFF])
