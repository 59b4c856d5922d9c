"""A second initrd segment for any ramdisk: the site's CA, and the agent's configuration that names it.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst (newc cpio). It goes before the
ramdisk's own segment: UEFI's loader puts segments end to end, and an uncompressed one must start at a multiple of four.
"""

from collections.abc import Iterator

CA_PATH = "etc/ironic-python-agent/ca.pem"
CONFIGURATION_PATH = "etc/ironic-python-agent.d/anneal.conf"
DIRECTORY, FILE = 0o040755, 0o100644
BLOCK = 512


def site_segment(ca: str) -> bytes:
    """The same bytes for the same CA."""
    configuration = f"[DEFAULT]\ncafile = /{CA_PATH}\n"
    return cpio({CA_PATH: ca.encode(), CONFIGURATION_PATH: configuration.encode()})


def cpio(contents: dict[str, bytes]) -> bytes:
    """A newc archive of these files and the directories above them, owned by root, all times zero."""
    entries = [(path, DIRECTORY, b"") for path in _above(contents)]
    entries += [(path, FILE, body) for path, body in sorted(contents.items())]
    made = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))
    made += _entry(0, "TRAILER!!!", 0, b"")
    return made + bytes(-len(made) % BLOCK)


def _above(paths: dict[str, bytes]) -> list[str]:
    return sorted({parent for path in paths for parent in _parents(path)})


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    yield from ("/".join(parts[:count]) for count in range(1, len(parts)))


def _entry(number: int, path: str, mode: int, body: bytes) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if mode == DIRECTORY else 1
    # inode, mode, uid, gid, links, mtime, size, device major and minor, the same of a special file, name size, checksum
    fields = (number, mode, 0, 0, links, 0, len(body), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + body + bytes(-len(body) % 4)
