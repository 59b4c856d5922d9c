"""A machine's power wire: it is on while its QEMU process exists. What every BMC of the rack is wired to.

Calls for one machine exclude each other across processes. The boot override holds for one start: QEMU reads the boot
order anew at each reset, so the default order is put back as soon as a start has taken the override.
"""

import fcntl
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.virtual.errors import CommandFailed, PoweredOff
from drivers.virtual.qemu.board import ABSENT, Board, Boot
from drivers.virtual.qemu.commands import run
from drivers.virtual.qemu.netns import command_line
from drivers.virtual.qemu.qmp import Qmp

GRACE = 5.0  # seconds; QEMU ends in a fraction of one on SIGTERM, which is no ACPI event to the guest


def process(board: Board) -> int | None:
    """QEMU's process id while the machine is on. A pid file whose process is not this QEMU counts for nothing."""
    try:
        pid = int(board.pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(board.pidfile) in command_line(pid) else None


def override(board: Board) -> Boot | None:
    """What the next start will try first, where that was asked for."""
    try:
        return Boot(board.override.read_text())
    except FileNotFoundError:
        return None


def boot_once(board: Board, boot: Boot | None) -> None:
    """Ask it of the next start by the BMC: on, cycle or reset. A restart by the guest itself does not take it."""
    with _held(board):
        if boot is None:
            board.override.unlink(missing_ok=True)
        else:
            board.override.write_text(boot)


def turn_on(board: Board) -> None:
    """A machine that is on stays as it is."""
    with _held(board):
        if process(board) is None:
            _start(board)


def turn_off(board: Board) -> None:
    """At once, without asking the guest. A machine that is off stays as it is."""
    with _held(board):
        _stop(board)


def cycle(board: Board) -> None:
    with _held(board):
        _require(board, "cycle")
        _stop(board)
        _start(board)


def reset(board: Board) -> None:
    """A warm reset, without asking the guest."""
    with _held(board):
        _require(board, "reset")
        with Qmp(board.monitor) as qmp:
            _arrange(qmp, board, _take(board))
            qmp.ask("system_reset")
            qmp.await_event("RESET")
            _arrange(qmp, board, Boot.DISK)


def shut_down(board: Board) -> None:
    """Press the ACPI power button; what follows is the guest's affair."""
    _tell(board, "system_powerdown")


def interrupt(board: Board) -> None:
    _tell(board, "inject-nmi")


def _tell(board: Board, command: str) -> None:
    with _held(board):
        _require(board, command)
        with Qmp(board.monitor) as qmp:
            qmp.ask(command)


def _start(board: Board) -> None:
    boot = _take(board)
    run(board.argv(boot))
    bare = [f"net{index}" for index, port in enumerate(board.ports) if port.backend is None]
    if boot is Boot.DISK and not bare:
        return
    with Qmp(board.monitor) as qmp:
        for backend in bare:
            qmp.ask("set_link", {"name": backend, "up": False})
        if boot is not Boot.DISK:
            _arrange(qmp, board, Boot.DISK)


def _stop(board: Board) -> None:
    pid = process(board)
    if pid is None:
        return
    try:
        hold = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process(board) is None:
                return
            signal.pidfd_send_signal(hold, number)
            if select.select([hold], [], [], GRACE)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(hold)
    raise CommandFailed(board.name, f"QEMU, process {pid}, does not end", "look at it with ps")


def _arrange(qmp: Qmp, board: Board, boot: Boot) -> None:
    order = board.order(boot)
    # Two devices never share a place, not even while they change it.
    for device, place in [*((device, ABSENT) for device in order), *order.items()]:
        path = f"/machine/peripheral/{device}"
        qmp.ask("qom-set", {"path": path, "property": "bootindex", "value": place})


def _take(board: Board) -> Boot:
    boot = override(board)
    board.override.unlink(missing_ok=True)
    return boot or Boot.DISK


def _require(board: Board, what: str) -> None:
    if process(board) is None:
        raise PoweredOff(board.name, f"{what}: the machine is off", "turn it on first")


@contextmanager
def _held(board: Board) -> Iterator[None]:
    with board.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
