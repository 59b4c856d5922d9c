"""A login on a switch that is a Linux host: its commands, and the right to run them."""

from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from drivers.errors import Denied, Refused
from drivers.patience import Patience
from drivers.trust import Pins
from drivers.wire.ssh import Ran, Ssh
from drivers.wire.ssh_login import Access

_NOT_FOUND = 127  # POSIX.1-2017, Shell Command Language 2.8.2
_SUDO = ("sudo", "-n", "--")


class Shell:
    """Root's commands, by `sudo` where the login is somebody else's."""

    def __init__(self, ssh: Ssh, patience: Patience, prefix: Sequence[str] = ()) -> None:
        self._ssh = ssh
        self._patience = patience
        self._prefix = tuple(prefix)
        self.who = ssh.who

    @classmethod
    def open(cls, access: Access, patience: Patience) -> Self:
        """`Denied` where the login may not become root without a question; the rest as `Ssh.open`."""
        ssh = Ssh.open(access, patience.connect)
        try:
            return cls(ssh, patience, _rights(ssh, access.user, patience))
        except BaseException:
            ssh.close()
            raise

    def run(self, argv: Sequence[str], feed: str | None = None, within: timedelta | None = None) -> Ran:
        """`Busy` where it does not end in time, `Unreachable` where the line breaks."""
        return self._ssh.run([*self._prefix, *argv], within or self._patience.answer, feed)

    def told(self, argv: Sequence[str]) -> str:
        """What it prints; `Refused`, with its words, where it does not end in 0."""
        return self._judged(argv, self.run(argv))

    def told_all(self, argvs: Sequence[Sequence[str]]) -> tuple[str, ...]:
        """Of several side by side."""
        every = self._ssh.run_all([[*self._prefix, *argv] for argv in argvs], self._patience.answer)
        return tuple(self._judged(argv, ran) for argv, ran in zip(argvs, every, strict=True))

    def close(self) -> None:
        """Safe to call twice."""
        self._ssh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _judged(self, argv: Sequence[str], ran: Ran) -> str:
        if ran.exit == 0:
            return ran.out
        said = (ran.err or ran.out).strip() or "nothing"
        name = next(word for word in argv if word != "env" and "=" not in word)
        remedy = f"install {name} there" if ran.exit == _NOT_FOUND else "run it there by hand"
        raise Refused(self.who, f"`{name}` ended in {ran.exit} and said: {said}", remedy)


def _rights(ssh: Ssh, user: str, patience: Patience) -> tuple[str, ...]:
    if ssh.run(["id", "-u"], patience.answer).out.strip() == "0":
        return ()
    if ssh.run([*_SUDO, "true"], patience.answer).exit != 0:
        raise Denied(ssh.who, f"{user} is not root and may not become it", f"let {user} run sudo without a password")
    return _SUDO


def first_met(access: Access, pins: Pins, patience: Patience) -> Access:
    """The same with the host key on record. One that is met now is put on record, once it let us in."""
    page = f"ssh://{access.address}"
    known = pins.fingerprint(page)
    if known is None:
        with Ssh.open(access, patience.connect) as ssh:
            known = ssh.host_key
        pins.pin(page, known)
    return Access(access.address, access.user, known, access.private_key, access.password)
