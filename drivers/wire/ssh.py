"""Commands over SSH to a host whose key is known beforehand, or learned at the first contact.

Source: RFC 4254 6.5 and 6.10 (commands and their exit).
"""

import selectors
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import paramiko

from drivers.errors import Busy, Garbled, Unreachable
from drivers.wire.ssh_login import ALIVE, Access, as_text, left, log_in, meet, private_key_of, transport_to

OUTPUT_BOUND = 1 << 20  # bytes of each stream; the longest answer asked for, `ip -j addr`, is some 10 KiB
_PIECE = 1 << 18  # bytes: the library copies all that is left of what it was given with every packet
SESSIONS = 8  # at one time on one connection; sshd_config(5) MaxSessions is 10


@dataclass(frozen=True)
class Ran:
    """What a command left behind. `exit` is 128 and more where a signal ended it."""

    exit: int
    out: str
    err: str


class Ssh:
    """One connection. Leave it by `with` or `close`, or its thread lives on."""

    def __init__(self, transport: paramiko.Transport, who: str) -> None:
        self._transport = transport
        self.who = who

    @classmethod
    def open(cls, access: Access, within: timedelta) -> Self:
        """Connect, check the host's key, log in.

        Another key: `IdentityChanged`, and the user was not even named. `Unreachable`, `Denied`, `Garbled`.
        """
        who = str(access.address)
        ours = private_key_of(access.private_key, who) if access.private_key is not None else None
        deadline = time.monotonic() + within.total_seconds()
        transport = transport_to(access, who, deadline)
        try:
            meet(transport, access, deadline)
            log_in(transport, access, ours, deadline)
        except BaseException:
            transport.close()
            raise
        return cls(transport, who)

    @property
    def host_key(self) -> str:
        """What the host showed and proved to own, as `Access` takes it."""
        return as_text(self._transport.get_remote_server_key())

    def run(self, argv: Sequence[str], within: timedelta, feed: str | None = None) -> Ran:
        """Run one command to its end, each word quoted for the remote shell. Not done in time: `Busy`.

        `feed` is what it reads from standard input: the place for what must not be seen in a list of processes.
        """
        if feed is None:
            return self.run_all([argv], within)[0]
        deadline = time.monotonic() + within.total_seconds()
        return self._abreast([shlex.join(argv)], deadline, feed)[0]

    def run_all(self, argvs: Sequence[Sequence[str]], within: timedelta) -> tuple[Ran, ...]:
        """Run several commands side by side, all within one bound; the answers stand in the order asked."""
        deadline = time.monotonic() + within.total_seconds()
        ran: list[Ran] = []
        for start in range(0, len(argvs), SESSIONS):
            ran.extend(self._abreast([shlex.join(argv) for argv in argvs[start : start + SESSIONS]], deadline))
        return tuple(ran)

    def close(self) -> None:
        """Hang up. Safe to call twice."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _abreast(self, commands: Sequence[str], deadline: float, feed: str | None = None) -> list[Ran]:
        with ExitStack() as open_sessions:
            try:
                sessions = [open_sessions.enter_context(closing(self._session(each, deadline))) for each in commands]
                if feed is not None:
                    sessions[0].feed(feed, deadline)
                return [session.finish(deadline) for session in sessions]
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise Unreachable(self.who, f"the connection broke while commands ran: {error}", ALIVE) from error

    def _session(self, command: str, deadline: float) -> "_Session":
        return _Session(self._transport.open_session(timeout=left(deadline)), command, self.who)


class _Session:
    """One command under way."""

    def __init__(self, channel: paramiko.Channel, command: str, who: str) -> None:
        self._channel = channel
        self._command = command
        self._who = who
        self._out = bytearray()
        self._err = bytearray()
        channel.exec_command(command)

    def feed(self, text: str, deadline: float) -> None:
        """All of its standard input. What it prints meanwhile must fit the window (RFC 4254 5.2).

        A command that ends before it has read all of it says by its exit what that was about.
        """
        self._channel.settimeout(left(deadline))
        try:
            content = text.encode()
            for start in range(0, len(content), _PIECE):
                self._channel.sendall(content[start : start + _PIECE])
            self._channel.shutdown_write()
        except TimeoutError as error:
            raise self._late() from error
        except OSError:
            if not self._channel.closed:
                raise

    def finish(self, deadline: float) -> Ran:
        with selectors.DefaultSelector() as readable:
            readable.register(self._channel, selectors.EVENT_READ)
            while self._more():
                if not readable.select(left(deadline)) or time.monotonic() > deadline:
                    raise self._late()
                self._take()
        if not self._channel.status_event.wait(left(deadline)):
            raise self._late()
        code = self._channel.recv_exit_status()
        if code < 0:
            raise Unreachable(self._who, f"`{self._command}` ended without an exit status", ALIVE)
        return Ran(code, self._out.decode(errors="replace"), self._err.decode(errors="replace"))

    def close(self) -> None:
        self._channel.close()

    def _more(self) -> bool:
        ended = self._channel.eof_received or self._channel.closed
        return not ended or self._channel.recv_ready() or self._channel.recv_stderr_ready()

    def _take(self) -> None:
        if self._channel.recv_ready():
            self._out += self._channel.recv(1 << 16)
        if self._channel.recv_stderr_ready():
            self._err += self._channel.recv_stderr(1 << 16)
        if max(len(self._out), len(self._err)) > OUTPUT_BOUND:
            raise Garbled(self._who, f"`{self._command}` said more than {OUTPUT_BOUND} bytes", "run it there by hand")

    def _late(self) -> Busy:
        return Busy(self._who, f"`{self._command}` did not end in time", "look at its load: uptime, ps, dmesg")
