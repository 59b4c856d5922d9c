"""The programs that a build runs: found beforehand, run with our life as theirs."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from orchestrator.image.errors import BuildFailed, NotRoot, Unprepared

Progress = Callable[[str], None]

# 2026-01-01, the one date in an image: a build must not show when it ran.
EPOCH = 1767225600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAST_LINES = 6


def require_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot("image build", "needs root, to own and to chroot into what it builds", "run it with sudo")


def require_packages(packages: Mapping[str, str]) -> None:
    """Check for every program or file of `packages`, which maps it to the Debian package it comes in."""
    missing = " ".join(sorted({package for program, package in packages.items() if not _there(program)}))
    if missing:
        raise Unprepared("this machine", f"Debian packages are missing: {missing}", f"apt-get install {missing}")


def require_room(directory: Path, need_bytes: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < need_bytes:
        raise Unprepared(
            str(directory),
            f"{free >> 20} MiB are free and the build takes up to {need_bytes >> 20}",
            "make room, or name another directory with --store",
        )


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=PATH) is not None


def command(argv: list[str]) -> list[str]:
    """The same command, in the care of others that end it when we do, whatever it has started and mounted."""
    return ["setpriv", "--pdeathsig", "KILL", *_apart(), *argv]


@cache
def _apart() -> tuple[str, ...]:
    """Process and mount name spaces, which end with the command: mmdebstrap catches signals and goes on, and what it
    mounts inside a root (/sys, /dev) must never be seen by who deletes that root. Who may not have them may not mount.
    """
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    tried = subprocess.run([*apart, "true"], env=environment(), capture_output=True, check=False)
    return apart if tried.returncode == 0 else ()


def environment(**more: str) -> dict[str, str]:
    """Ours, with what makes the tools' output the same each time."""
    return {
        **os.environ,
        "PATH": PATH,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "PYTHONHASHSEED": "0",
        "PERL_HASH_SEED": "0",
        "PERL_PERTURB_KEYS": "0",
        "DEBIAN_FRONTEND": "noninteractive",
        **more,
    }


def run(argv: list[str], **more: str) -> str:
    """Run to the end and give what it printed; `more` goes into its environment. Raises BuildFailed."""
    ended = subprocess.run(
        command(argv),
        env=environment(**more),
        umask=0o022,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-LAST_LINES:]
        raise BuildFailed(
            argv[0], f"ended with {ended.returncode}", "\n  ".join(["Mend what it names, then build again:", *last])
        )
    return ended.stdout


def chroot(root: Path, argv: list[str], **more: str) -> str:
    return run(["chroot", str(root), *argv], **more)
