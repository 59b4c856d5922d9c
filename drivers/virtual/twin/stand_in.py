"""Small files that pass for a kernel, an initramfs and a whole-disk image: a twin's machines load them and run nothing.

usage: python -m drivers.virtual.twin.stand_in DIRECTORY
"""

import random
import struct
import sys
from pathlib import Path

_SECTOR = 512
_DISK_SECTORS = 32768  # 16 MiB
_FIRST = 2048
_LINUX = 0x83


def write(directory: Path) -> None:
    """`vmlinuz`, `initramfs` and `disk.raw`; the same bytes each time."""
    directory.mkdir(parents=True, exist_ok=True)
    noise = random.Random("anneal")  # noqa: S311  no secret: content that is not all zero
    (directory / "vmlinuz").write_bytes(bytes(0x202) + b"HdrS" + noise.randbytes(1 << 20))  # x86 boot protocol
    (directory / "initramfs").write_bytes(b"\x1f\x8b" + noise.randbytes(1 << 20))  # as gzip begins
    entry = struct.pack("<B3xB3xII", 0x80, _LINUX, _FIRST, _DISK_SECTORS - _FIRST)
    table = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    content = noise.randbytes((_DISK_SECTORS - _FIRST) * _SECTOR)
    (directory / "disk.raw").write_bytes(table.ljust(_FIRST * _SECTOR, b"\0") + content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
