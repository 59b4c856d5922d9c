"""A set of network files on an installed machine: brought, tried under a timer of the machine's own, kept.

What is tried ends by itself: when the time is up, or at a reboot. It is kept only on a word over a new connection.
The machine's part is the script that is given here; it must answer to `state`, `try`, `keep` and `drop`.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from drivers.errors import Garbled, NotApplied
from drivers.wire.ssh import Ran, Ssh

SCRIPT = "/usr/local/sbin/anneal-network"
HOME = "/var/lib/anneal/network/sets"
_ANSWER = timedelta(seconds=30)  # `keep` waits for a switch-over to end, and that for a bond's carrier
_WENT_BACK = 65
_NOBODY = "none"


@dataclass(frozen=True)
class NetworkSet:
    """`files` by name; `first` are those that go before the rest, so that a bond has one member that bears traffic."""

    digest: str
    renderer: str
    files: Mapping[str, str]
    first: Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """Which set is on trial, by digest, and for how much longer; and which is kept. None: none."""

    trial: str | None
    left: timedelta
    kept: str | None


class NetworkTrial:
    """On one connection, as root by sudo. Every method raises `Unreachable`, `Busy` or `Garbled`."""

    def __init__(self, shell: Ssh) -> None:
        self._shell = shell

    def standing(self, script: str) -> Standing:
        """Nothing at all where the script is not there, or another."""
        if self._shell.run(("cat", SCRIPT), _ANSWER).out != script:
            return Standing(None, timedelta(), None)
        told = self._done((SCRIPT, "state")).out
        found = re.fullmatch(r"trial (\S+) (-?\d+) kept (\S+)\n", told)
        if found is None:
            raise Garbled(self._shell.who, f"`{SCRIPT} state` answered {told.strip()!r}", "run it there by hand")
        trial, left, kept = found.groups()
        return Standing(_none(trial), timedelta(seconds=int(left)), _none(kept))

    def bring(self, wanted: NetworkSet, script: str) -> None:
        """Lay a set and the script down. Nothing comes into force; safe to do again."""
        self._write(f"{SCRIPT}.new", script)
        self._done(("chmod", "0755", f"{SCRIPT}.new"))
        self._done(("mv", "-f", f"{SCRIPT}.new", SCRIPT))
        place, part = f"{HOME}/{wanted.digest}", f"{HOME}/{wanted.digest}.part"
        self._done(("rm", "-rf", place, part))
        self._done(("mkdir", "-p", part, *([f"{part}/first"] if wanted.first else [])))
        files = {**wanted.files, **{f"first/{name}": text for name, text in wanted.first.items()}}
        for name, text in (files | {"renderer": f"{wanted.renderer}\n"}).items():
            self._write(f"{part}/{name}", text)
        self._done(("mv", part, place))

    def begin(self, digest: str, within: timedelta) -> None:
        """Into force shortly after this has answered, and out of it again when the time is up."""
        self._done((SCRIPT, "try", digest, str(int(within.total_seconds()))))

    def keep(self, digest: str) -> None:
        """For good. `NotApplied` where the trial has ended. Asking again for what is kept succeeds."""
        ran = self._run((SCRIPT, "keep", digest))
        if ran.exit == _WENT_BACK:
            raise NotApplied(self._shell.who, "its new network was no longer on trial: it went back", "try it again")
        self._check(ran, (SCRIPT, "keep", digest))

    def drop(self) -> None:
        """End the trial now, if there is one."""
        self._done((SCRIPT, "drop"))

    def _write(self, path: str, text: str) -> None:
        self._check(self._run(("tee", path), text), ("tee", path))

    def _done(self, argv: tuple[str, ...]) -> Ran:
        ran = self._run(argv)
        self._check(ran, argv)
        return ran

    def _run(self, argv: tuple[str, ...], feed: str | None = None) -> Ran:
        return self._shell.run(("sudo", "-n", *argv), _ANSWER, feed)

    def _check(self, ran: Ran, argv: tuple[str, ...]) -> None:
        if ran.exit:
            said = (ran.err.strip() or ran.out.strip()).splitlines()
            what = f"`sudo -n {shlex.join(argv)}` ended with {ran.exit}: {said[-1] if said else 'without a word'}"
            raise Garbled(self._shell.who, what, "run it there by hand")


def _none(word: str) -> str | None:
    return None if word == _NOBODY else word
