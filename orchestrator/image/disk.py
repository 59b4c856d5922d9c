"""A whole-disk image that boots by BIOS and by UEFI, put together from files: no loop device, no mount.

GPT: 1 MiB for GRUB's core (BIOS), the EFI system partition, and the root last, so that it can grow and the config drive
can follow it.
"""

import re
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from orchestrator.image.tools import EPOCH, run

MIB = 1 << 20
SECTOR_BYTES = 512
CORE_MIB = 1
ESP_MIB = 64
ESP_AT_MIB = 1 + CORE_MIB
ROOT_AT_MIB = ESP_AT_MIB + ESP_MIB
BACKUP_TABLE_MIB = 1
BLOCK_BYTES = 4096
COPY_BYTES = 64 << 10
NAMES = UUID("4d3a1f0c-6f0b-4d6a-9f0e-2a6a0c1c7d55")


@dataclass(frozen=True)
class Ids:
    """Every identifier on the disk, each drawn from the recipe, so that equal recipes make equal disks."""

    disk: UUID
    core: UUID
    esp: UUID
    root_partition: UUID
    root: UUID
    hash_seed: UUID
    esp_volume: str

    @classmethod
    def of(cls, digest: str) -> "Ids":
        def drawn(what: str) -> UUID:
            return uuid5(NAMES, f"{digest} {what}")

        return cls(
            disk=drawn("disk"),
            core=drawn("core"),
            esp=drawn("esp"),
            root_partition=drawn("root partition"),
            root=drawn("root"),
            hash_seed=drawn("hash seed"),
            esp_volume=drawn("esp volume").hex[:8].upper(),
        )


def make_root(tree: Path, image: Path, ids: Ids) -> int:
    """Write `tree` as an ext4 file system with room for a quarter more; gives its size in MiB."""
    size_mib = _content_bytes(tree) * 5 // 4 // MIB + 96
    with image.open("wb") as file:
        file.truncate(size_mib * MIB)
    run(
        [
            *("mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK_BYTES), "-L", "anneal-root", "-U", str(ids.root)),
            *("-E", f"hash_seed={ids.hash_seed}", "-d", str(tree), str(image)),
        ],
        E2FSPROGS_FAKE_TIME=str(EPOCH),
    )
    _date_inodes(image)
    return size_mib


def _date_inodes(image: Path) -> None:
    """Set the times that mke2fs takes from the tree and nobody can set there: when an inode changed or was read."""
    head = run(["dumpe2fs", "-h", str(image)])
    told = dict(re.findall(r"^(Inode count|Free inodes|First inode): +(\d+)$", head, re.MULTILINE))
    in_use = int(told["Inode count"]) - int(told["Free inodes"])
    root_inode = 2
    orders = image.with_suffix(".orders")
    orders.write_text(
        "".join(
            f"set_inode_field <{inode}> {field} @{EPOCH}\n"
            for inode in (root_inode, *range(int(told["First inode"]), in_use + 1))
            for field in ("ctime", "atime")
        )
    )
    run(["debugfs", "-w", "-f", str(orders), str(image)], E2FSPROGS_FAKE_TIME=str(EPOCH))


def make_esp(files: dict[str, Path], image: Path, ids: Ids) -> None:
    """Write a FAT32 EFI system partition that holds `files` by their paths on it."""
    with image.open("wb") as file:
        file.truncate(ESP_MIB * MIB)
    run(["mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", "ANNEAL-ESP", "-i", ids.esp_volume, str(image)])
    directories = {str(above) for name in files for above in Path(name).parents} - {"."}
    run(["mmd", "-i", str(image), *(f"::/{name}" for name in sorted(directories))])
    for name, source in files.items():
        run(["mcopy", "-i", str(image), str(source), f"::/{name}"])


def assemble(disk: Path, root: tuple[Path, int], esp: Path, ids: Ids) -> None:
    """Lay the partitions, given with the root's size in MiB, out on one disk."""
    root_image, root_mib = root
    with disk.open("wb") as file:
        file.truncate((ROOT_AT_MIB + root_mib + BACKUP_TABLE_MIB) * MIB)
    run(
        [
            *("sgdisk", "--clear", "--set-alignment=2048", f"--disk-guid={ids.disk}"),
            *(f"--new=1:{MIB // SECTOR_BYTES}:+{CORE_MIB}M", "--typecode=1:ef02", "--change-name=1:bios"),
            *(f"--new=2:0:+{ESP_MIB}M", "--typecode=2:ef00", "--change-name=2:esp"),
            *(f"--new=3:0:+{root_mib}M", "--typecode=3:8304", "--change-name=3:root"),
            *(f"--partition-guid=1:{ids.core}", f"--partition-guid=2:{ids.esp}"),
            *(f"--partition-guid=3:{ids.root_partition}", str(disk)),
        ]
    )
    for image, at_mib in ((esp, ESP_AT_MIB), (root_image, ROOT_AT_MIB)):
        run(
            [
                *("dd", f"if={image}", f"of={disk}", f"bs={COPY_BYTES}", f"seek={at_mib * MIB // COPY_BYTES}"),
                *("conv=notrunc,sparse", "status=none"),
            ]
        )


def write_boot_code(disk: Path, boot: bytes, core: bytes) -> None:
    """Put GRUB's boot sector before the table and its core into the first partition, as grub-bios-setup does.

    Offsets: GRUB 2.06, include/grub/i386/pc/boot.h and grub-core/boot/i386/pc/diskboot.S. The jump at 0x66, which would
    force the first hard disk, becomes two NOPs; the protective entry is marked active, since some BIOSes boot nothing
    else.
    """
    at = MIB // SECTOR_BYTES
    core = core.ljust(-(-len(core) // SECTOR_BYTES) * SECTOR_BYTES, b"\0")
    load_segment = 0x820
    block_list = struct.pack("<QHH", at + 1, len(core) // SECTOR_BYTES - 1, load_segment)
    core = core[:500] + block_list + core[512:]
    sector = bytearray(boot[:440])
    sector[0x5C:0x64] = struct.pack("<Q", at)
    sector[0x66:0x68] = b"\x90\x90"
    with disk.open("r+b") as file:
        file.write(sector)
        file.seek(446)
        file.write(b"\x80")
        file.seek(MIB)
        file.write(core)


def _content_bytes(tree: Path) -> int:
    """Files in whole blocks, and a block for all else: a directory's length tells of its past, not of its content."""
    found = (path.lstat() for path in tree.rglob("*"))
    blocks = (-(-entry.st_size // BLOCK_BYTES) if stat.S_ISREG(entry.st_mode) else 1 for entry in found)
    return sum(blocks) * BLOCK_BYTES
