"""Images made by others: checked against their checksums and for what they claim to be, then taken into the store."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from orchestrator.image.checksums import Checksum
from orchestrator.image.errors import BuildFailed, Untrusted
from orchestrator.image.fetch import fetch
from orchestrator.image.store import Artefact, ImageStore, Kind
from orchestrator.image.tools import Progress, require_packages, run

QCOW2 = b"QFI\xfb"
# First bytes of what the kernel can unpack: gzip, zstd, xz, lz4, bzip2, lzma, lzo, and cpio itself.
ARCHIVES = (
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"\x02\x21\x4c\x18",
    b"BZh",
    b"\x5d\x00\x00",
    b"\x89LZO",
    b"0707",
)
# The x86 boot protocol (Linux, Documentation/arch/x86/boot.rst) and the arm64 Image header.
KERNELS = ((0x202, b"HdrS"), (56, b"ARM\x64"))
BOOT_SIGNATURE_AT = 510


@dataclass(frozen=True)
class Upstream:
    """A path or URL, and what its maker says of its content."""

    source: str
    checksum: Checksum


def import_os(name: str, disk: Upstream, store: ImageStore, progress: Progress) -> Artefact:
    """Take a whole-disk image, raw or qcow2; it is stored raw, which can be streamed to a disk."""
    return _import(name, {"disk": disk}, store, progress)


def import_ramdisk(name: str, parts: tuple[Upstream, Upstream], store: ImageStore, progress: Progress) -> Artefact:
    """Take the kernel and the initramfs of an ironic-python-agent ramdisk, in this order."""
    kernel, initramfs = parts
    return _import(name, {"kernel": kernel, "initramfs": initramfs}, store, progress)


def import_installer(name: str, installer: Upstream, store: ImageStore, progress: Progress) -> Artefact:
    """Take a switch's operating system as an ONIE installer."""
    return _import(name, {"installer": installer}, store, progress)


def _import(name: str, parts: Mapping[str, Upstream], store: ImageStore, progress: Progress) -> Artefact:
    digest = _digest(parts)
    kept = store.of_recipe(name, digest)
    if kept:
        return kept
    with store.workshop(name) as bench:
        files = {}
        for role, part in parts.items():
            arrived = bench / f"{role}.arrived"
            progress(f"{role}: fetching {part.source}")
            fetch(part.source, arrived)
            part.checksum.check(arrived, part.source)
            progress(f"{role}: {part.checksum.algorithm} is right")
            files[role] = ACCEPT[role](arrived, part.source)
        return store.add(name, _KINDS[next(iter(parts))], digest, files)


def _digest(parts: Mapping[str, Upstream]) -> str:
    told = {role: part.checksum.digest for role, part in parts.items()}
    return hashlib.sha256(json.dumps({"upstream": told}, sort_keys=True).encode()).hexdigest()


def _accept_disk(arrived: Path, source: str) -> Path:
    raw = arrived.with_name("disk.raw")
    if _bytes_at(arrived, 0, len(QCOW2)) == QCOW2:
        _flatten(arrived, raw, source)
    else:
        arrived.rename(raw)
    if _bytes_at(raw, BOOT_SIGNATURE_AT, 2) != b"\x55\xaa":
        raise Untrusted(source, "holds no partition table", "give a whole-disk image, raw or qcow2")
    return raw


def _flatten(arrived: Path, raw: Path, source: str) -> None:
    """qcow2 to raw. A file that sends its reader to other files could send it to any of ours: refused."""
    require_packages({"qemu-img": "qemu-utils"})
    try:
        told = json.loads(run(["qemu-img", "info", "--format=qcow2", "--output=json", str(arrived)]))
        if "backing-filename" in told or "data-file" in told.get("format-specific", {}).get("data", {}):
            raise Untrusted(
                source, "is a qcow2 that points at another file", "flatten it where it was made: qemu-img convert"
            )
        run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(arrived), str(raw)])
    except BuildFailed as error:
        raise Untrusted(source, "cannot be read as qcow2", error.remedy) from error


def _accept_kernel(arrived: Path, source: str) -> Path:
    if not any(_bytes_at(arrived, at, len(magic)) == magic for at, magic in KERNELS):
        raise Untrusted(source, "is no Linux kernel", "give the kernel first, then the initramfs")
    return arrived.rename(arrived.with_name("vmlinuz"))


def _accept_initramfs(arrived: Path, source: str) -> Path:
    if not _bytes_at(arrived, 0, max(map(len, ARCHIVES))).startswith(ARCHIVES):
        raise Untrusted(source, "is no initramfs", "give the kernel first, then the initramfs")
    return arrived.rename(arrived.with_name("initramfs"))


def _accept_installer(arrived: Path, source: str) -> Path:
    """A program that ONIE runs by its first line (ONIE design specification, "Network Operating System Installer")."""
    if _bytes_at(arrived, 0, 2) != b"#!":
        raise Untrusted(source, "is no ONIE installer", "give the .bin that its maker offers for ONIE")
    return arrived.rename(arrived.with_name("installer.bin"))


_KINDS: Mapping[str, Kind] = MappingProxyType({"disk": "os", "kernel": "ramdisk", "installer": "nos"})
ACCEPT: Mapping[str, Callable[[Path, str], Path]] = MappingProxyType(
    {"disk": _accept_disk, "kernel": _accept_kernel, "initramfs": _accept_initramfs, "installer": _accept_installer}
)


def _bytes_at(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
