"""The plug-in of the agent, reading files that hold what disks hold."""

import re
import shutil
import subprocess
import tomllib

import pytest

from orchestrator.image.recipe import WITNESS
from orchestrator.image.witness import anneal_witness
from orchestrator.image.witness.anneal_witness import DiskWitness, read_contents

MIB = 1 << 20
SIZE = 64 * MIB
TOOLS = ("sgdisk", "mkfs.vfat", "mke2fs", "partx", "wipefs", "blkid")
SAMPLE_STEP = (SIZE - (64 << 10)) // 255

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason=f"needs {', '.join(TOOLS)} (Debian: gdisk dosfstools e2fsprogs util-linux)",
)


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.touch()
    path.open("r+b").truncate(SIZE)
    return path


def tool(*argv):
    subprocess.run([str(word) for word in argv], check=True, capture_output=True)


def write(disk, offset, content):
    with disk.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_a_blank_disk_shows_nothing_at_all(disk):
    assert read_contents(str(disk), SIZE) == {
        "table": None,
        "partitions": [],
        "signatures": [],
        "sampled_bytes": 18 * MIB,
        "nonzero_samples": 0,
    }


def test_partitions_are_told_with_the_file_systems_on_them(disk):
    tool("sgdisk", "-n1:0:+10M", "-c1:old 'data'", "-n2:0:+5M", disk)
    tool("mke2fs", "-q", "-t", "ext4", "-L", 'pre "cious', "-E", f"offset={MIB}", disk, "10M")
    contents = read_contents(str(disk), SIZE)
    first, second = contents["partitions"]
    assert contents["table"] == "gpt"
    assert (first["number"], first["start_bytes"], first["bytes"]) == (1, MIB, 10 * MIB)
    assert (first["label"], first["fs"], first["fs_label"]) == ("old 'data'", "ext4", 'pre "cious')
    assert re.fullmatch("[0-9a-f-]{36}", first["fs_uuid"])
    assert (second["label"], second["fs"], second["fs_label"], second["fs_uuid"]) == (None, None, None, None)


def test_a_table_without_partitions_is_still_a_table(disk):
    tool("sgdisk", "-o", disk)
    contents = read_contents(str(disk), SIZE)
    assert (contents["table"], contents["partitions"]) == ("gpt", [])
    assert {signature["type"] for signature in contents["signatures"]} == {"gpt", "PMBR"}


def test_a_file_system_without_a_table_shows_as_its_signature(disk):
    tool("mke2fs", "-q", "-t", "ext4", "-L", "bare", disk)
    contents = read_contents(str(disk), SIZE)
    assert contents["table"] is None
    assert [(s["offset"], s["type"], s["label"]) for s in contents["signatures"]] == [(0x438, "ext4", "bare")]


def test_two_file_systems_at_one_place_are_both_told(disk, tmp_path):
    tool("mke2fs", "-q", "-t", "ext4", disk)
    fat = tmp_path / "fat"
    tool("mkfs.vfat", "-C", fat, "20000")
    write(disk, 0, fat.read_bytes()[:512])
    types = {signature["type"] for signature in read_contents(str(disk), SIZE)["signatures"]}
    assert types == {"ext4", "vfat"}


def test_a_partition_that_could_be_two_things_is_called_ambivalent(disk, tmp_path):
    tool("sgdisk", "-n1:0:+30M", disk)
    tool("mke2fs", "-q", "-t", "ext4", "-E", f"offset={MIB}", disk, "30M")
    fat = tmp_path / "fat"
    tool("mkfs.vfat", "-C", fat, "20000")
    write(disk, MIB, fat.read_bytes()[:512])
    assert read_contents(str(disk), SIZE)["partitions"][0]["fs"] == "ambivalent"


@pytest.mark.parametrize("offset", [MIB - 1, SIZE - 1, 128 * SAMPLE_STEP], ids=["first MiB", "last byte", "middle"])
def test_one_byte_in_a_sample_is_seen(disk, offset):
    write(disk, offset, b"\1")
    assert read_contents(str(disk), SIZE)["nonzero_samples"] >= 1


def test_a_disk_that_is_not_there_is_an_error_and_not_an_empty_disk(tmp_path):
    with pytest.raises(OSError, match=r"absent"):
        read_contents(str(tmp_path / "absent"), SIZE)


def test_what_the_metadata_names_is_in_the_module():
    entries = tomllib.loads((WITNESS / "pyproject.toml").read_text())["project"]["entry-points"]
    targets = {target for group in entries.values() for target in group.values()}
    assert targets == {"anneal_witness:DiskWitness", "anneal_witness:collect_disks"}
    assert all(callable(vars(anneal_witness)[target.partition(":")[2]]) for target in targets)


def test_its_clean_steps_run_on_request_alone():
    steps = DiskWitness().get_clean_steps({}, [])
    assert {step.pop("step") for step in steps} == {"read_disks", "plant_canaries", "find_canaries"}
    assert steps == [{"priority": 0, "interface": "deploy", "reboot_requested": False, "abortable": False}] * 3


def test_canaries_stand_from_the_first_block_to_the_last_and_are_found_by_their_own_seed(disk):
    anneal_witness.plant_on(str(disk), SIZE, "seed")
    assert anneal_witness.find_on(str(disk), SIZE, "seed") == (64, 64)
    assert anneal_witness.find_on(str(disk), SIZE, "another") == (64, 0)
    content = disk.read_bytes()
    assert (len(content), any(content[:4096]), any(content[-4096:])) == (SIZE, True, True)


def test_a_canary_that_was_written_over_counts_no_more_and_one_that_was_not_does(disk):
    anneal_witness.plant_on(str(disk), SIZE, "seed")
    write(disk, 0, bytes(SIZE // 2))
    planted, kept = anneal_witness.find_on(str(disk), SIZE, "seed")
    assert (planted, kept) == (64, 32)
    write(disk, 0, bytes(SIZE))
    assert anneal_witness.find_on(str(disk), SIZE, "seed") == (64, 0)


def test_the_manager_offers_the_agent_nothing_but_its_own_step():
    """The agent asks each manager that has a method of that name, so a name too many would shadow the generic one."""
    offered = {name for name in dir(DiskWitness) if not name.startswith("_")}
    ours = {"read_disks", "plant_canaries", "find_canaries"}
    assert offered == {"evaluate_hardware_support", "initialize", "get_version", "get_clean_steps", *ours}
