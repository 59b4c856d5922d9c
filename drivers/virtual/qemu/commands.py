"""Programs that a rack runs: to the end, or as services that outlive us."""

import subprocess
import time
from collections.abc import Callable, Sequence

from drivers.virtual.errors import CommandFailed, NotStarted
from drivers.virtual.qemu.layout import Layout

WITHIN = 60.0  # seconds; these programs take a fraction of one on an idle machine
TAIL_BYTES = 2000


def run(argv: Sequence[str], layout: Layout | None = None) -> str:
    """What the program printed. `CommandFailed` with what it said where it ends in anything but 0.

    With a layout it bears the rack's mark: whoever takes the rack down after we were killed ends it too.
    """
    env = layout.environment if layout else None
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=WITHIN, env=env, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(argv[0], f"no end after {WITHIN:.0f} s: {' '.join(argv)}", "run it by hand") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(argv[0], f"ended in {done.returncode}: {' '.join(argv)}: {said}", "correct what it names")
    return done.stdout


def inside(namespace: str, argv: Sequence[str]) -> list[str]:
    """The command, run in a network namespace."""
    return ["ip", "netns", "exec", namespace, *argv]


class Daemon:
    """A program that goes on after us in a namespace, in a session of its own; its output is a log of its name."""

    def __init__(self, layout: Layout, namespace: str, name: str, argv: Sequence[str]) -> None:
        self._who = f"{layout.name}: {name}"
        self._log = layout.logs / f"{name}.log"
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                inside(namespace, argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=layout.environment,
            )
        layout.pidfile(name).write_text(str(self.pid))

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_that(self, ready: Callable[[], bool], within: float = WITHIN) -> None:
        """Return once it is ready. `NotStarted` with the end of its log where it dies or takes longer, in seconds."""
        end = time.monotonic() + within
        while not ready():
            if self._process.poll() is not None:
                raise NotStarted(self._who, f"ended in {self._process.returncode}", self._tail())
            if time.monotonic() > end:
                raise NotStarted(self._who, f"not ready after {within:.0f} s", self._tail())
            time.sleep(0.02)

    def _tail(self) -> str:
        text = self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
        return f"the end of its log: {text or '(empty)'}"
