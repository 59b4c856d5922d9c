"""A twin as a background process: up, status, down, for `anneal rack`.

The process writes `twin.json` into its state directory once every listener is open: its pid, when that pid began, and
the address of its admin door. Whoever signals it compares both, since pids are used again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from drivers.virtual.errors import InTheWay, NotStarted
from drivers.virtual.qemu.layout import RACK_FILE
from drivers.virtual.rackfile import Document
from drivers.virtual.status import MachineStatus, RackStatus
from drivers.virtual.twin import file
from drivers.virtual.twin.switches import switched

RUNNING, LOG = "twin.json", "twin.log"
START_SECONDS = 120.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 10.0
_TAIL_BYTES = 2000


@dataclass(frozen=True)
class Process:
    """`began` is in clock ticks since the boot of this host (proc(5), stat, field 22)."""

    pid: int
    began: int
    admin: str

    def lives(self) -> bool:
        return began(self.pid) == self.began


def began(pid: int) -> int | None:
    """When a process began; None where it is gone, or ended and not yet reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])


def announce(state: Path, admin: str) -> None:
    """Say that this process is up."""
    pid = os.getpid()
    written = state / f"{RUNNING}.new"
    written.write_text(json.dumps(asdict(Process(pid, began(pid) or 0, admin))))
    written.rename(state / RUNNING)


def running(state: Path) -> Process | None:
    """The twin of a state directory, where it lives."""
    try:
        process = Process(**json.loads((state / RUNNING).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return process if process.lives() else None


def up(
    document: Document,
    state: Path,
    say: Callable[[str], None],
    quirks: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> None:
    """All machines off, every BMC listening, or an error and nothing left behind.

    `quirks` and `faults` are switched on besides those of the file: `NAME:62`, or `62` for all.

    `BadInventory` for the file; `InTheWay` where it is up already; `NotStarted` with the end of its log.
    """
    spec = switched(file.read(document), quirks, faults)
    if running(state) is not None:
        raise InTheWay(spec.name, "is up", f"anneal rack down {spec.name}")
    if state.exists() and any(state.iterdir()) and not (state / RACK_FILE).exists():
        raise InTheWay(spec.name, f"{state} holds something else", "name another directory with --state")
    state.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(document.path, state / RACK_FILE)
    (state / RUNNING).unlink(missing_ok=True)
    driven = f", {len(spec.switches)} switches" if spec.switches else ""
    say(f"{spec.name}: {len(spec.machines)} machines and their BMCs{driven}, in one process")
    with (state / LOG).open("wb") as log:
        argv = [sys.executable, "-m", "drivers.virtual.twin", str(document.path.resolve()), "--state", str(state)]
        argv += [
            word
            for option, words in (("--quirk", quirks), ("--fault", faults))
            for one in words
            for word in (option, one)
        ]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        _await(child, spec.name, state)
    except BaseException:
        child.kill()
        child.wait()
        shutil.rmtree(state)
        raise


def _await(child: "subprocess.Popen[bytes]", name: str, state: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while running(state) is None:
        if child.poll() is not None:
            raise NotStarted(name, f"ended in {child.returncode}", f"the end of its log: {_tail(state)}")
        if time.monotonic() > end:
            raise NotStarted(name, f"not ready after {START_SECONDS:.0f} s", f"the end of its log: {_tail(state)}")
        time.sleep(_POLL_SECONDS)


def _tail(state: Path) -> str:
    return (state / LOG).read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip() or "(empty)"


def down(name: str, state: Path) -> None:
    """Nothing of the twin is left. Safe to repeat, and after anything. `InTheWay` where `state` is no rack's."""
    if not state.exists():
        return
    if not (state / RACK_FILE).exists():
        raise InTheWay(name, f"{state} holds something else", "name the rack's own directory with --state")
    process = running(state)
    if process is not None:
        _end(process)
    shutil.rmtree(state)


def _end(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + STOP_SECONDS
        if process.lives():
            os.kill(process.pid, number)
        while process.lives() and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)


def status(name: str, state: Path) -> RackStatus:
    """As its file says, with the power of each machine where the twin runs."""
    process = running(state)
    spec = file.load(state / RACK_FILE)
    told = counters(process) if process is not None else {}
    machines = tuple(
        MachineStatus(
            name=machine.name,
            power="off" if told.get(machine.name, {}).get("power", "Off") == "Off" else "on",
            firmware=machine.firmware,
            protocol=machine.bmc.protocol,
            bmc=str(machine.bmc.address),
            pid=None,
            bmc_pid=process.pid if process is not None else None,
            serial_log=None,
        )
        for machine in spec.machines
    )
    services = {"twin": process.pid if process is not None else None}
    return RackStatus(name, "twin", process is not None, str(state), {}, services, machines)


def counters(process: Process) -> dict[str, dict[str, object]]:
    """What the twin counts of each machine (`admin.counters`). `NotStarted` where it does not answer."""
    door = HTTPConnection(process.admin, timeout=_ANSWER_SECONDS)
    try:
        door.request("GET", "/machines")
        told: dict[str, dict[str, object]] = json.loads(door.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        raise NotStarted(f"twin {process.pid}", f"is silent at {process.admin}: {error}", "look at its log") from error
    finally:
        door.close()
    return told
