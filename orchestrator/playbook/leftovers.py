"""Processes that a run left behind, known by its directory: they work in it, or it stands in their environment.

The directory's name is drawn at random before the run starts, so no other process can be meant, whatever its pid.
"""

import os
import select
import signal
from pathlib import Path

_DIES_WITHIN = 10_000  # milliseconds after SIGKILL; only a process stuck in the kernel takes longer


def end_leftovers(directory: Path) -> int:
    """Kill what still runs for a directory and wait until it is gone; how many there were. None is the usual case."""
    ended = 0
    while found := [pid for pid in _pids() if _belongs(pid, directory)]:
        ended += sum(_end(pid, directory) for pid in found)
    return ended


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _belongs(pid: int, directory: Path) -> bool:
    process = Path("/proc") / str(pid)
    try:
        if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        here = str((process / "cwd").readlink()).removesuffix(" (deleted)")
        return here == str(directory) or bytes(directory) in (process / "environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # gone meanwhile, or another user's
        return False


def _end(pid: int, directory: Path) -> bool:
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # Looked at again through the handle: the pid may have been given to another process in between.
        if not _belongs(pid, directory):
            return False
        signal.pidfd_send_signal(held, signal.SIGKILL)
        ended = select.poll()
        ended.register(held, select.POLLIN)
        ended.poll(_DIES_WITHIN)
    except ProcessLookupError:
        return False
    finally:
        os.close(held)
    return True
