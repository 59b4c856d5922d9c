"""The whole-disk image, checked from outside by the tools that others use."""

import json
import shutil
import struct
import subprocess

import pytest

from orchestrator.image.disk import MIB, ROOT_AT_MIB, Ids, assemble, make_esp, make_root, write_boot_code
from orchestrator.image.tools import PATH

TOOLS = ("sgdisk", "mkfs.vfat", "mcopy", "mke2fs", "e2fsck")
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool, path=PATH) is None for tool in TOOLS),
    reason=f"needs {', '.join(TOOLS)} (Debian: gdisk dosfstools mtools e2fsprogs)",
)
IDS = Ids.of("0" * 64)
BOOT = bytes(range(256)) * 2
CORE = b"core" * 1000


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    room = tmp_path_factory.mktemp("disk")
    tree = room / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/hostname").write_text("localhost\n")
    (room / "loader").write_bytes(b"MZ")
    root_mib = make_root(tree, room / "root.img", IDS)
    make_esp({"EFI/BOOT/BOOTX64.EFI": room / "loader"}, room / "esp.img", IDS)
    disk = room / "disk.raw"
    assemble(disk, (room / "root.img", root_mib), room / "esp.img", IDS)
    write_boot_code(disk, BOOT, CORE)
    return disk, room


def ask(*argv):
    return subprocess.run(argv, env={"PATH": PATH, "LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout


def test_the_table_is_sound_and_its_identifiers_come_from_the_recipe(parts):
    disk, _ = parts
    assert "No problems found" in ask("sgdisk", "--verify", str(disk))
    assert f"Disk identifier (GUID): {str(IDS.disk).upper()}" in ask("sgdisk", "--print", str(disk))


def test_the_root_is_last_so_that_it_can_grow(parts):
    disk, _ = parts
    rows = [line.split() for line in ask("sgdisk", "--print", str(disk)).splitlines() if line.startswith("   ")]
    assert [(row[0], row[5], row[6]) for row in rows] == [
        ("1", "EF02", "bios"),
        ("2", "EF00", "esp"),
        ("3", "8304", "root"),
    ]
    assert int(rows[2][1]) * 512 == ROOT_AT_MIB * MIB


def test_the_root_on_the_disk_is_a_clean_file_system_with_its_files(parts, tmp_path):
    disk, room = parts
    root = tmp_path / "root.img"
    with disk.open("rb") as file, root.open("wb") as out:
        file.seek(ROOT_AT_MIB * MIB)
        out.write(file.read((room / "root.img").stat().st_size))
    ask("e2fsck", "-f", "-n", str(root))
    assert ask("debugfs", "-R", "cat /etc/hostname", str(root)) == "localhost\n"
    assert str(IDS.root) in ask("blkid", "--probe", str(root))


def test_the_loader_is_where_firmware_looks(parts):
    _, room = parts
    assert ask("mtype", "-i", str(room / "esp.img"), "::/EFI/BOOT/BOOTX64.EFI") == "MZ"


def test_the_boot_sector_leads_to_the_core_and_leaves_the_table_alone(parts):
    disk, _ = parts
    sector = disk.read_bytes()[:512]
    (core_at,) = struct.unpack_from("<Q", sector, 0x5C)
    assert core_at * 512 == MIB
    assert sector[0x66:0x68] == b"\x90\x90"
    assert sector[446] == 0x80
    assert sector[450] == 0xEE
    assert sector[510:] == b"\x55\xaa"


def test_the_core_says_where_its_rest_lies(parts):
    disk, _ = parts
    core = disk.read_bytes()[MIB : MIB + 4096]
    start, sectors, segment = struct.unpack_from("<QHH", core, 500)
    assert (start, sectors, segment) == (MIB // 512 + 1, 7, 0x820)
    assert core[:500] == CORE[:500]
    assert core[512:4000] == CORE[512:]


def test_the_file_system_is_sparse_on_the_disk(parts):
    disk, _ = parts
    told = json.loads(ask("qemu-img", "info", "--output=json", "-f", "raw", str(disk)))
    assert told["actual-size"] < told["virtual-size"] // 4
