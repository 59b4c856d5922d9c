"""Files of an ISO 9660 image by their long names, from Joliet or Rock Ridge.

Source: ECMA-119 sections 8.4 and 9.1; the Joliet specification (1995); IEEE P1282 (Rock Ridge), NM.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SECTOR = 2048
_DESCRIPTORS = 16  # the first sector of volume descriptors
_JOLIET = (b"%/@", b"%/C", b"%/E")
_LARGEST = 64 << 20
_DIRECTORY = 2


class NoIso(ValueError):
    """Not an ISO 9660 image, or one that does not hold together."""


@dataclass(frozen=True)
class _Entry:
    name: str
    extent: int
    length: int
    directory: bool


def read(image: bytes) -> tuple[str, Mapping[str, bytes]]:
    """The volume's label, and path without leading slash to content."""
    if len(image) > _LARGEST:
        raise NoIso(f"larger than {_LARGEST} bytes")
    label, root, joliet = _volume(image)
    return label, dict(_walk(image, root, "", joliet=joliet))


def _volume(image: bytes) -> tuple[str, _Entry, bool]:
    found: tuple[str, _Entry, bool] | None = None
    for sector in range(_DESCRIPTORS, _DESCRIPTORS + 16):
        descriptor = image[sector * SECTOR : (sector + 1) * SECTOR]
        if descriptor[1:6] != b"CD001" or descriptor[0] == 255:
            break
        if descriptor[0] == 1:
            label = descriptor[40:72].decode("ascii", "replace").strip()
            found = (label, _entry(descriptor, 156, joliet=False), False)
        elif descriptor[0] == 2 and descriptor[88:91] in _JOLIET and found is not None:
            found = (found[0], _entry(descriptor, 156, joliet=True), True)
    if found is None:
        raise NoIso("no ISO 9660 volume descriptor")
    return found


def _entry(block: bytes, at: int, *, joliet: bool) -> _Entry:
    extent, length = struct.unpack_from("<I4xI", block, at + 2)
    flags, name_length = block[at + 25], block[at + 32]
    raw = block[at + 33 : at + 33 + name_length]
    name = raw.decode("utf-16-be", "replace") if joliet and name_length > 1 else raw.decode("ascii", "replace")
    if not joliet:
        system_use = block[at + 33 + name_length + (name_length + 1) % 2 : at + block[at]]
        name = _rock_ridge(system_use) or name
    return _Entry(name.partition(";")[0], extent, length, bool(flags & _DIRECTORY))


def _rock_ridge(system_use: bytes) -> str:
    name, at = "", 0
    while at + 4 <= len(system_use) and system_use[at + 2] >= 4:
        length = system_use[at + 2]
        if system_use[at : at + 2] == b"NM":
            name += system_use[at + 5 : at + length].decode("utf-8", "replace")
        at += length
    return name


def _walk(image: bytes, directory: _Entry, above: str, *, joliet: bool) -> Iterator[tuple[str, bytes]]:
    if above.count("/") > 8:
        raise NoIso("directories too deep")
    for entry in _listing(_content(image, directory), joliet=joliet):
        if entry.directory:
            yield from _walk(image, entry, f"{above}{entry.name}/", joliet=joliet)
        else:
            yield above + entry.name, _content(image, entry)


def _listing(block: bytes, *, joliet: bool) -> Iterator[_Entry]:
    """The entries of a directory but for itself and its parent, which are always the first two."""
    at, seen = 0, 0
    while at < len(block):
        if block[at] == 0:  # an entry does not cross a sector
            at = (at // SECTOR + 1) * SECTOR
            continue
        if seen >= 2:
            yield _entry(block, at, joliet=joliet)
        seen += 1
        at += block[at]


def _content(image: bytes, entry: _Entry) -> bytes:
    content = image[entry.extent * SECTOR : entry.extent * SECTOR + entry.length]
    if len(content) < entry.length:
        raise NoIso(f"{entry.name or 'root directory'} lies outside the image")
    return content
