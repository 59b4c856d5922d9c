"""Files of an initrd segment: newc cpio archives, plain or gzipped, one after the other.

Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping

_MAGICS = (b"070701", b"070702")
_HEADER = 110
_REGULAR = 0o100000


def files(segment: bytes) -> Mapping[str, bytes]:
    """Path without a leading slash to content. What is in no known format ends the reading; nothing is raised."""
    if segment[:2] == b"\x1f\x8b":
        try:
            segment = gzip.decompress(segment)
        except (OSError, EOFError, zlib.error):
            return {}
    return dict(_entries(segment))


def _entries(segment: bytes) -> Iterator[tuple[str, bytes]]:
    offset = 0
    while segment[offset : offset + 6] in _MAGICS:
        fields = [int(segment[offset + 6 + 8 * index :][:8], 16) for index in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = segment[offset + _HEADER :][: name_size - 1].decode(errors="replace")
        start = _aligned(offset + _HEADER + name_size)
        if mode & 0o170000 == _REGULAR:
            yield name.removeprefix("./").lstrip("/"), segment[start : start + size]
        offset = _aligned(start + size)
        while name == "TRAILER!!!" and segment[offset : offset + 1] == b"\0":
            offset += 1


def _aligned(offset: int) -> int:
    return (offset + 3) & ~3
