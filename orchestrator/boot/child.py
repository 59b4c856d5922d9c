"""A program that must run as long as we do, and not a moment longer: started anew when it dies, killed when we die."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from orchestrator.boot.errors import CannotServe

STOPS_WITHIN = timedelta(seconds=5)
PAUSE = timedelta(seconds=1)  # between a death and the next start


class Child:
    """Runs `argv`. Each line that it writes goes to `heard`; how it died, with its last line, to `died`.

    A thread of its own starts it, because the kernel kills the child when that very thread ends (prctl(2),
    PR_SET_PDEATHSIG), and it ends with this object only. `fds` stay open in the child.
    """

    def __init__(
        self, argv: Sequence[str], heard: Callable[[str], None], died: Callable[[str], None], fds: Sequence[int] = ()
    ) -> None:
        self._argv = ["setpriv", "--pdeathsig", "KILL", *argv]
        self._heard = heard
        self._died = died
        self._fds = tuple(fds)
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name=f"boot-{argv[0]}", daemon=True)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise CannotServe(
                self._argv[3], f"does not start: {self._failure}", "install util-linux"
            ) from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._process is not None:
            _stop(self._process)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._process = self._spawn()
            except OSError as error:
                self._failure = error
                return
            finally:
                self._started.set()
            self._follow(self._process)
            self._stopping.wait(PAUSE.total_seconds())

    def _spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=self._fds,
        )

    def _follow(self, process: subprocess.Popen[str]) -> None:
        with process:
            if self._stopping.is_set():
                process.kill()
            last = "it said nothing"
            for line in process.stdout or ():
                last = line.rstrip("\n")
                self._heard(last)
        if not self._stopping.is_set():
            self._died(f"ended with {process.returncode}: {last}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN.total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
