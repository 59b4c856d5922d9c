"""Candidates on a switch that is a Linux host, and the timer there that takes back what is not confirmed.

The scripts run on the switch, so that a commit which cuts its management still comes back, and so that it does when we
are gone. What they need lies in one directory there; `templates/switch/keeper.sh` is the other half of this.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from drivers.errors import Busy, NotApplied, Refused, Transient, UnknownOutcome
from drivers.switch.shell import Shell
from drivers.wire.ssh import Ran

PREFIX = "anneal-"
_BUSY, _BACK, _FAILED, _MOVED = 10, 11, 12, 13
_OPEN = ("staged", "committed", "failed")


@dataclass(frozen=True)
class Candidate:
    """Shell scripts, run by root in a directory that also holds `files`. Each ends in 0 where it did its work.

    `check`: the switch is still as it was. `restore` may run after half an `apply`, and twice. `keep` runs when the
    change is confirmed.
    """

    check: str
    apply: str
    restore: str
    keep: str = ":\n"
    files: Mapping[str, str] | None = None


class Keeper:
    """`room` is a directory on the switch that survives its reboot; one for each switch that the host plays.

    `within`: how long a script may take, where that is longer than an answer of this login.
    """

    def __init__(self, shell: Shell, room: str, within: timedelta | None = None) -> None:
        self._shell = shell
        self._room = room
        self._within = within
        self._ours: set[str] = set()

    def stage(self, candidate: Candidate) -> str:
        """Leave it there; gives the session's name. `Busy` where another change waits for its word."""
        session = f"{PREFIX}{secrets.token_hex(4)}"
        self._ours.add(session)
        scripts = {"check": candidate.check, "apply": candidate.apply, "restore": candidate.restore}
        texts = {**scripts, "keep": candidate.keep, "session": f"{session}\n", "keeper": _program("await")}
        body = "".join(_placed(name, text) for name, text in {**texts, **(candidate.files or {})}.items())
        self._judge(session, self._ask("stage", session, more=f"candidate() {{\n{body}}}\n"))
        return session

    def commit(self, session: str, confirm_within: timedelta) -> None:
        """`UnknownOutcome` where no answer came: it may be in force, and takes itself back. `Refused`: it was not taken
        and the switch is as before. `Busy`: somebody else changed what it builds on."""
        seconds = str(max(1, round(confirm_within.total_seconds())))
        within = None if self._within is None else min(self._within, confirm_within)  # later it is taken back anyway
        try:
            ran = self._run(["commit", session, seconds], _program("commit"), within)
        except Transient as error:
            what = f"whether {session} is in force is not known: {error.what}"
            raise UnknownOutcome(error.who, what, f"it takes itself back within {seconds} s; read it again") from error
        self._judge(session, ran)

    def confirm(self, session: str) -> None:
        self._judge(session, self._ask("confirm", session))
        self._ours.discard(session)

    def roll_back(self, session: str) -> None:
        """Committed or not, and also the last one that was confirmed. One that is gone was taken back."""
        self._judge(session, self._ask("back", session))
        self._ours.discard(session)

    def left(self) -> tuple[str, ...]:
        """Open ones that are not of this login."""
        told = [line.split() for line in self._ask("list", "").out.splitlines()]
        return tuple(name for name, status in told if status in _OPEN and name not in self._ours)

    def _ask(self, verb: str, *words: str, more: str = "") -> Ran:
        return self._run([verb, *words], _program(verb, more), self._within)

    def _run(self, words: Sequence[str], program: str, within: timedelta | None) -> Ran:
        return self._shell.run(["sh", "-s", "--", self._room, *words], program, within)

    def _judge(self, session: str, ran: Ran) -> None:
        who, said = self._shell.who, ran.out.strip() or ran.err.strip() or "nothing"
        match ran.exit:
            case 0:
                return
            case code if code == _BUSY:
                raise Busy(who, said, "it ends by itself; retry")
            case code if code == _BACK:
                raise NotApplied(who, f"{session} was taken back before it was confirmed", "plan it again")
            case code if code == _MOVED:
                raise Busy(who, f"its ports were changed by somebody else since {session} was staged", "retry")
            case code:
                remedy = "correct what it names" if code == _FAILED else "run it there by hand"
                raise Refused(who, f"{session} ended in {code}; it said: {said}", remedy)


@cache
def _functions() -> str:
    return (files("templates") / "switch" / "keeper.sh").read_text()


def _program(verb: str, more: str = "") -> str:
    """Nothing of it runs before all of it has come: a line that breaks in the middle does no half of anything."""
    return f"{_functions()}{more}{verb}\n"


def _placed(name: str, text: str) -> str:
    end = f"END-{secrets.token_hex(8)}"
    whole = text if text.endswith("\n") else f"{text}\n"
    return f"put {name} <<'{end}'\n{whole}{end}\n"
