"""Who a process is, told from all that ran before it: what it held is free once it is gone."""

import os
import socket
from pathlib import Path


def here() -> str:
    """HOST:PID:BEGAN of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"


def gone(owner: str) -> bool:
    """Whether a process is known to have ended. Of another host nobody knows."""
    host, pid, began = owner.rsplit(":", 2)
    return host == socket.gethostname() and _began(int(pid)) != began


def _began(pid: int) -> str | None:
    """In clock ticks since the boot (proc(5), stat, field 22); None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
