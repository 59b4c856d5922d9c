"""Partition tables at the head of an image.

Source: UEFI 2.10 section 5.2 (legacy MBR) and 5.3 (GPT).
"""

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

SECTOR = 512
HEAD_BYTES = 64 << 10  # holds the protective MBR, the GPT header and its 128 entries
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
_ENTRIES, _ENTRY_BYTES = 128, 128


@dataclass(frozen=True)
class Partition:
    """`type` is a GUID on GPT and a hexadecimal byte on DOS tables."""

    number: int
    start_bytes: int
    bytes: int
    type: str
    label: str | None = None
    fs: str | None = None
    fs_label: str | None = None
    fs_uuid: str | None = None


def read_table(head: bytes) -> tuple[str | None, tuple[Partition, ...]]:
    """The kind of table, gpt, dos or None, and its partitions."""
    if head[SECTOR : SECTOR + 8] == b"EFI PART":
        return "gpt", tuple(_gpt(head))
    if head[510:512] == b"\x55\xaa":
        return "dos", tuple(_dos(head))
    return None, ()


def _gpt(head: bytes) -> Iterator[Partition]:
    entries, count, size = struct.unpack_from("<QII", head, SECTOR + 72)
    for number in range(min(count, _ENTRIES)):
        entry = head[entries * SECTOR + number * size :][:_ENTRY_BYTES]
        if len(entry) < _ENTRY_BYTES or not any(entry[:16]):
            continue
        first, last = struct.unpack_from("<QQ", entry, 32)
        label = entry[56:128].decode("utf-16-le").rstrip("\0")
        kind = str(uuid.UUID(bytes_le=entry[:16]))
        yield Partition(number + 1, first * SECTOR, (last - first + 1) * SECTOR, kind, label or None)


def _dos(head: bytes) -> Iterator[Partition]:
    for number in range(4):
        kind, first, sectors = struct.unpack_from("<4xB3xII", head, 446 + 16 * number)
        if kind:
            yield Partition(number + 1, first * SECTOR, sectors * SECTOR, f"0x{kind:x}")
