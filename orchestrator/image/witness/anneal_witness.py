"""What lies on a machine's disks, told to ironic-python-agent as an inspection collector and as a clean step.

Runs in the ramdisk, so it imports the standard library alone; it meets the agent by its entry points only. It reads;
it writes canaries alone, on disks that are to be erased next. Whether a disk counts as empty or wiped is not decided
here.
"""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

TOOL_SECONDS = 60
DISKS_AT_ONCE = 8
EDGE_BYTES = 1 << 20
SAMPLE_BYTES = 64 << 10
SAMPLES = 256
CANARIES = 64
CANARY_BYTES = 4096
SECTOR_BYTES = 512  # partx counts in these whatever the disk's own sectors are (libblkid)
MEMORY_DISKS = ("/dev/ram", "/dev/zram", "/dev/fd", "/dev/loop", "/dev/nbd")


class Partition(TypedDict):
    """`type` is a GUID on GPT and a hexadecimal byte on DOS tables; `label` is GPT's name of the partition."""

    number: int
    start_bytes: int
    bytes: int
    type: str
    label: str | None
    fs: str | None
    fs_label: str | None
    fs_uuid: str | None


class Signature(TypedDict):
    """A magic number that wipefs knows, `offset` bytes from the start of the disk."""

    offset: int
    type: str
    label: str | None
    uuid: str | None


class Canaries(TypedDict):
    """`planted` were written, or looked for; `kept` of them are read back."""

    name: str
    serial: str | None
    planted: int
    kept: int
    error: str | None


class Contents(TypedDict):
    """`table` is gpt, dos or another of blkid's names; a sample is nonzero where any byte of it is."""

    table: str | None
    partitions: list[Partition]
    signatures: list[Signature]
    sampled_bytes: int
    nonzero_samples: int


class Disk(Contents):
    """With an `error` the rest says nothing: such a disk was not read, or not wholly."""

    name: str
    serial: str | None
    wwn: str | None
    bytes: int
    error: str | None


def read_contents(path: str, size: int) -> Contents:
    """Look at a disk, or at a file of `size` bytes that holds the image of one. Raises OSError and SubprocessError."""
    table = _probe(path).get("PTTYPE")
    sampled, nonzero = _sample(path, size)
    return {
        "table": table,
        "partitions": list(_partitions(path)) if table else [],
        "signatures": list(_signatures(path)),
        "sampled_bytes": sampled,
        "nonzero_samples": nonzero,
    }


def read_disks() -> list[Disk]:
    """Every disk of this machine, in the kernel's order."""
    disks = _disks()
    with ThreadPoolExecutor(DISKS_AT_ONCE) as readers:
        return list(readers.map(_read_disk, disks))


def canaries(seed: str, *, plant: bool) -> list[Canaries]:
    """On every disk of this machine: written where `plant` says so, then read back from the disk itself."""

    def of_one(listed: Mapping[str, str | int | None]) -> Canaries:
        path, serial = str(listed["path"]), listed["serial"]
        told: Canaries = {
            "name": path,
            "serial": str(serial) if serial else None,
            "planted": 0,
            "kept": 0,
            "error": None,
        }
        try:
            if plant:
                plant_on(path, int(listed["size"] or 0), seed)
            told["planted"], told["kept"] = find_on(path, int(listed["size"] or 0), seed)
        except OSError as failure:
            told["error"] = str(failure)
        return told

    with ThreadPoolExecutor(DISKS_AT_ONCE) as hands:
        return list(hands.map(of_one, _disks()))


def plant_on(path: str, size: int, seed: str) -> None:
    """Canaries from the first block to the last, spread evenly; on the disk when this returns."""
    with Path(path).open("r+b", buffering=0) as disk:
        for offset in _places(size):
            os.pwrite(disk.fileno(), _canary(seed, offset), offset)
        os.fsync(disk.fileno())


def find_on(path: str, size: int, seed: str) -> tuple[int, int]:
    """How many were looked for, and how many are there."""
    kept = 0
    places = _places(size)
    with Path(path).open("rb", buffering=0) as disk:
        os.posix_fadvise(disk.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what the page cache holds proves nothing
        for offset in places:
            kept += os.pread(disk.fileno(), CANARY_BYTES, offset) == _canary(seed, offset)
    return len(places), kept


def _places(size: int) -> list[int]:
    last = (size - CANARY_BYTES) // CANARY_BYTES
    return sorted({number * last // (CANARIES - 1) * CANARY_BYTES for number in range(CANARIES)}) if last >= 0 else []


def _canary(seed: str, offset: int) -> bytes:
    """Noise that nobody who knows the seed takes for another block's: no drive can compress or deduplicate it away."""
    blocks = range(CANARY_BYTES // hashlib.sha256().digest_size)
    return b"".join(hashlib.sha256(f"{seed} {offset} {number}".encode()).digest() for number in blocks)


def _disks() -> list[Mapping[str, str | int | None]]:
    listed = json.loads(_run("lsblk", "--json", "--bytes", "--nodeps", "--output", "PATH,TYPE,SIZE,SERIAL,WWN").stdout)
    return [
        disk
        for disk in listed["blockdevices"]
        if disk["type"] == "disk" and disk["size"] and not disk["path"].startswith(MEMORY_DISKS)
    ]


def _read_disk(listed: Mapping[str, str | int | None]) -> Disk:
    path, size = str(listed["path"]), int(listed["size"] or 0)
    contents: Contents = {
        "table": None,
        "partitions": [],
        "signatures": [],
        "sampled_bytes": 0,
        "nonzero_samples": 0,
    }
    error = None
    try:
        contents = read_contents(path, size)
    except (OSError, subprocess.SubprocessError) as failure:
        error = str(failure)
    serial, wwn = listed["serial"], listed["wwn"]
    return {
        "name": path,
        "serial": str(serial) if serial else None,
        "wwn": str(wwn) if wwn else None,
        "bytes": size,
        "error": error,
        **contents,
    }


def _run(*argv: str, also: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end. `also` are its exit statuses that are answers and no failures."""
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False)
    if ended.returncode not in (0, *also):
        raise OSError(f"{argv[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended


def _probe(path: str, *within: str) -> dict[str, str]:
    """What blkid finds there, by its own keys; two formats at one place read as the type `ambivalent` (blkid(8))."""
    nothing, ambivalent = 2, 8
    told = _run("blkid", "--probe", *within, "--output", "export", path, also=(nothing, ambivalent))
    pairs = (line.partition("=") for line in told.stdout.splitlines())
    found = {key: re.sub(r"\\(.)", r"\1", value) for key, _, value in pairs}
    return {"TYPE": "ambivalent", **found} if told.returncode == ambivalent else found


def _partitions(path: str) -> Iterator[Partition]:
    told = _run("partx", "--pairs", "--output", "NR,START,SECTORS,TYPE,NAME", path).stdout
    for line in told.splitlines():
        row = dict(re.findall(r'(\w+)="([^"]*)"', line))
        start, size = int(row["START"]) * SECTOR_BYTES, int(row["SECTORS"]) * SECTOR_BYTES
        found = _probe(path, "--offset", str(start), "--size", str(size))
        yield {
            "number": int(row["NR"]),
            "start_bytes": start,
            "bytes": size,
            "type": row["TYPE"],
            "label": _unescaped(row["NAME"]) or None,
            "fs": found.get("TYPE"),
            "fs_label": found.get("LABEL"),
            "fs_uuid": found.get("UUID"),
        }


def _unescaped(text: str) -> str:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda byte: bytes.fromhex(byte[1].decode()), text.encode()).decode()


def _signatures(path: str) -> Iterator[Signature]:
    for found in json.loads(_run("wipefs", "--json", path).stdout)["signatures"]:
        yield {
            "offset": int(found["offset"], 16),
            "type": found["type"],
            "label": found["label"],
            "uuid": found["uuid"],
        }


def _sample(path: str, size: int) -> tuple[int, int]:
    """Bytes read, and how many of the samples hold anything but zeros: both ends, and blocks spread evenly between."""
    step = max((size - SAMPLE_BYTES) // (SAMPLES - 1), 1)
    spread = [(number * step, SAMPLE_BYTES) for number in range(SAMPLES)]
    sampled = nonzero = 0
    with Path(path).open("rb", buffering=0) as disk:
        # A drive that erased itself has told the page cache nothing.
        os.posix_fadvise(disk.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for offset, length in [(0, EDGE_BYTES), *spread, (max(size - EDGE_BYTES, 0), EDGE_BYTES)]:
            block = os.pread(disk.fileno(), length, offset)
            sampled += len(block)
            nonzero += block.count(0) != len(block)
    return sampled, nonzero


def collect_disks(data: dict[str, object], _failures: object) -> None:
    """Inspection collector: adds `anneal_disks` to what is posted (ironic_python_agent.inspector.collectors)."""
    data["anneal_disks"] = read_disks()


class DiskWitness:
    """Hardware manager with the clean steps `read_disks`, `plant_canaries` and `find_canaries`.

    The agent looks methods up by name, on every manager there is. This one inherits nothing, so that no default of a
    base class can stand before the generic manager's work.
    """

    def evaluate_hardware_support(self) -> int:
        return 1  # HardwareSupport.GENERIC, on any machine

    def initialize(self) -> None:
        """The agent calls this once; there is nothing to set up."""

    def get_version(self) -> dict[str, str]:
        return {"name": "anneal_witness", "version": "1.0"}

    def get_clean_steps(self, _node: object, _ports: object) -> list[dict[str, object]]:
        """Priority 0: run on request alone."""
        return [
            {
                "step": step,
                "priority": 0,
                "interface": "deploy",
                "reboot_requested": False,
                "abortable": False,
            }
            for step in ("read_disks", "plant_canaries", "find_canaries")
        ]

    def read_disks(self, _node: object, _ports: object) -> list[Disk]:
        """The clean step itself; its result is what the collector gives."""
        return read_disks()

    def plant_canaries(self, _node: object, _ports: object, seed: str) -> list[Canaries]:
        """Over whatever is there: for disks that are erased next."""
        return canaries(seed, plant=True)

    def find_canaries(self, _node: object, _ports: object, seed: str) -> list[Canaries]:
        """Those that `plant_canaries` wrote by the same seed."""
        return canaries(seed, plant=False)
