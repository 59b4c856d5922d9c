"""Network namespaces, and the processes in them: belonging to a namespace is what makes a process the rack's own.

No process id is trusted from a file. A process is found by the namespace that it is in, or by the mark in its
environment while it is on the way into one; it is held by a pidfd, looked at again through that hold, and only then
sent a signal: an id that the kernel gave to somebody else in the meantime is never hit (pidfd_open(2)).
"""

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address
from pathlib import Path

from drivers.virtual.errors import CommandFailed
from drivers.virtual.qemu.commands import run

_NAMES = Path("/run/netns")
GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_TCP_LISTEN = "0A"


def exists(namespace: str) -> bool:
    return (_NAMES / namespace).exists()


def present() -> list[str]:
    return [path.name for path in _NAMES.iterdir()] if _NAMES.is_dir() else []


def create(namespace: str) -> None:
    run(["ip", "netns", "add", namespace])
    run(["ip", "-n", namespace, "link", "set", "lo", "up"])


def members(namespace: str) -> list[int]:
    """The processes in a namespace; none where there is no such namespace."""
    return [pid for pid in _pids() if _is_in(pid, namespace)]


def remove(namespaces: Sequence[str], mark: str) -> None:
    """End the rack's processes and delete its namespaces with all interfaces; what is not there is no error.

    `mark` is NAME=VALUE of the services' environment. We and those who called us are spared: `anneal rack down` may
    itself run in the provisioner's namespace.
    """
    there = [namespace for namespace in namespaces if exists(namespace)]
    spared = _ancestry()

    def ours(pid: int) -> bool:
        return pid not in spared and (any(_is_in(pid, namespace) for namespace in there) or _is_marked(pid, mark))

    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
        _signal_all(ours, number)
    left = [pid for pid in _pids() if ours(pid)]
    if left:
        raise CommandFailed("rack", f"processes {left} do not end", "look at them with ps, then run rack down again")
    for namespace in there:
        run(["ip", "netns", "delete", namespace])


def commands() -> list[list[str]]:
    """The command line of every process of the host that has one."""
    return [command for pid in _pids() if (command := command_line(pid))]


def command_line(pid: int) -> list[str]:
    """Empty for a process that is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def listens(pid: int, kind: socket.SocketKind, address: IPv4Address, port: int) -> bool:
    """Whether somebody in this process's namespace has the port. Reads the kernel's table; sends nothing."""
    table, states = ("tcp", {_TCP_LISTEN}) if kind is socket.SOCK_STREAM else ("udp", {"07"})
    local = f"{int.from_bytes(address.packed, 'little'):08X}:{port:04X}"
    try:
        rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError, OSError):
        return False
    return any(fields[1] == local and fields[3] in states for fields in map(str.split, rows))


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_in(pid: int, namespace: str) -> bool:
    try:
        return Path(f"/proc/{pid}/ns/net").samefile(_NAMES / namespace)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # Denied to root: it has capabilities that we lack, so nobody of the rack's can have started it.
        return False


def _is_marked(pid: int, mark: str) -> bool:
    try:
        return mark.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _ancestry() -> frozenset[int]:
    pids, pid = set(), os.getpid()
    while pid > 1:
        pids.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return frozenset(pids)


def _signal_all(ours: Callable[[int], bool], number: signal.Signals) -> None:
    with ExitStack() as holds:
        ending = []
        for pid in filter(ours, _pids()):
            try:
                hold = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            holds.callback(os.close, hold)
            if ours(pid):
                _send(hold, number)
                ending.append(hold)
        _await_end(ending)


def _send(hold: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(hold, number)
    except ProcessLookupError:
        return


def _await_end(holds: list[int]) -> None:
    """Until all have ended or the grace is over; a pidfd reads as ready once its process has ended."""
    end = time.monotonic() + GRACE
    while holds and (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select(holds, [], [], left)
        holds = [hold for hold in holds if hold not in ready]
