"""The kernel's initramfs format, cpio "newc", written so that equal trees give equal bytes.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. The kernel unpacks several archives one after
the other, so what only one site knows can follow a ramdisk that is the same everywhere.
"""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from orchestrator.image.tools import EPOCH

TRAILER = "TRAILER!!!"
PIECE_BYTES = 1 << 20


class _Head(NamedTuple):
    name: str
    inode: int
    mode: int
    size: int

    def packed(self) -> bytes:
        links = 2 if stat.S_ISDIR(self.mode) else 1
        mtime = EPOCH if self.inode else 0
        device = major = minor = owner = group = checksum = 0
        name = self.name.encode() + b"\0"
        fields = (
            *(self.inode, self.mode, owner, group, links, mtime, self.size),
            *(device, device, major, minor, len(name), checksum),
        )
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        return head + _padding(len(head))


def archive_of_tree(root: Path) -> Iterator[bytes]:
    """Pieces of an archive of all below `root`: owned by root, one date, sorted by name, hard links as copies.

    Devices, sockets and pipes are left out: the kernel brings its own.
    """
    for inode, path in enumerate(sorted(root.rglob("*")), start=1):
        mode = path.lstat().st_mode
        name = str(path.relative_to(root))
        if stat.S_ISLNK(mode):
            yield from _entry(_Head(name, inode, stat.S_IFLNK | 0o777, 0), str(path.readlink()).encode())
        elif stat.S_ISDIR(mode):
            yield _Head(name, inode, mode, 0).packed()
        elif stat.S_ISREG(mode):
            size = path.stat().st_size
            yield _Head(name, inode, mode, size).packed()
            yield from _pieces(path)
            yield _padding(size)
    yield _Head(TRAILER, 0, 0, 0).packed()


def archive_of_files(files: Mapping[str, bytes]) -> bytes:
    """A small archive, e.g. a site's `etc/ironic-python-agent.d/site.conf` and its CA. Relative names; files 0644."""
    parents = {str(above) for name in files for above in PurePosixPath(name).parents} - {"."}
    names = sorted({*files, *parents})
    parts: list[bytes] = []
    for inode, name in enumerate(names, start=1):
        if name in files:
            parts.extend(_entry(_Head(name, inode, stat.S_IFREG | 0o644, 0), files[name]))
        else:
            parts.append(_Head(name, inode, stat.S_IFDIR | 0o755, 0).packed())
    return b"".join((*parts, _Head(TRAILER, 0, 0, 0).packed()))


def _entry(head: _Head, content: bytes) -> Iterator[bytes]:
    yield head._replace(size=len(content)).packed()
    yield content + _padding(len(content))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while piece := content.read(PIECE_BYTES):
            yield piece


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
