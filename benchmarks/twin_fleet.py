"""What annealing a fleet costs: twins without lags, brought from powered off to network-ready by one process.

The figures hold for both processes on one host: Anneal itself, and beside it the twin that plays every machine.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from drivers.virtual.twin import stand_in
from drivers.virtual.twin.fleet import PASSWORD_VARIABLE, fleet

PASSWORD = "benchmark"  # noqa: S105  nobody's
FLEETS = ((100, 5), (1000, 50))  # machines, racks
ROLES = 13
_STOP_SECONDS = 20.0
ANNEAL = Path(sys.executable).with_name("anneal")


def measure(machines: int, racks: int) -> None:
    """Plan and anneal one fleet in fresh directories, and print the figures."""
    with tempfile.TemporaryDirectory() as directory, _rack(Path(directory), machines, racks) as environment:
        planned = _timed(["plan"], environment)
        tell(f"fleet plan, {machines} nodes", planned.seconds, "s")
        annealed = _timed(["ready", "--wait"], environment)
        tell(f"fleet anneal, {machines} nodes", machines * ROLES / annealed.seconds, "node roles/s")
        tell(f"fleet anneal, {machines} nodes", annealed.seconds, "s")
        tell(f"fleet anneal processor time, {machines} nodes", annealed.processor, "s")
        tell(f"fleet anneal peak memory, {machines} nodes", annealed.mebibytes, "MiB")


class Figures:
    """What a child process cost: wall and processor seconds, and its largest resident size."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        begun = time.perf_counter()
        with _child(argv, environment) as child:
            _, status, usage = os.wait4(child.pid, 0)
        self.seconds = time.perf_counter() - begun
        self.processor = usage.ru_utime + usage.ru_stime
        self.mebibytes = usage.ru_maxrss / 1024
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"anneal {argv[1]} ended with {child.returncode}; anneal status says why")


def _timed(words: list[str], environment: dict[str, str]) -> Figures:
    return Figures([str(ANNEAL), *words], environment)


@contextmanager
def _rack(directory: Path, machines: int, racks: int) -> Iterator[dict[str, str]]:
    """The environment of commands on a site whose machines are up as twins."""
    twin, site = fleet(machines, racks, PASSWORD)
    (directory / "site").mkdir()
    (directory / "site" / "site.yaml").write_text(site)
    rack = directory / "twin.yaml"
    rack.write_text(yaml.safe_dump(twin.model_dump(mode="json", exclude_none=True)))
    paths = {"ANNEAL_SITE": "site", "ANNEAL_STATE": "state", "ANNEAL_IMAGES": "store"}
    environment = os.environ | {name: str(directory / path) for name, path in paths.items()}
    environment[PASSWORD_VARIABLE] = PASSWORD
    _images(directory / "images", environment)
    state = ["--state", str(directory / "rack")]
    try:
        _run(["rack", "up", str(rack), *state], environment)
        yield environment
    finally:
        _run(["rack", "down", str(rack), *state], environment)


@contextmanager
def _child(argv: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Where we are stopped so is it, and takes its own with it; killed where it takes too long over that."""
    child = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    except BaseException:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
        child.kill()
        child.wait()
        raise


def _images(directory: Path, environment: dict[str, str]) -> None:
    stand_in.write(directory)

    def named(*names: str) -> list[str]:
        files = [directory / name for name in names]
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
        return [*(word for digest in digests for word in ("--sha256", digest)), *map(str, files)]

    _run(["image", "import", "--name", "twin-ramdisk", *named("vmlinuz", "initramfs")], environment)
    _run(["image", "import", "--name", "twin-os", *named("disk.raw")], environment)


def _run(words: list[str], environment: dict[str, str]) -> None:
    with _child([str(ANNEAL), *words], environment) as child:
        if child.wait():
            raise SystemExit(f"anneal {' '.join(words[:2])} ended with {child.returncode}")


def tell(name: str, figure: float, unit: str) -> None:
    print(json.dumps({"name": name, "figure": round(figure, 1), "unit": unit}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for machines, racks in FLEETS:
        measure(machines, racks)
