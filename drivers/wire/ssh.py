"""Commands over SSH to a host whose key is known beforehand. The only import of paramiko.

Source: RFC 4252 (authentication), 4253 (host keys), 4254 6.5 and 6.10 (commands and their exit).
"""

import base64
import hashlib
import logging
import selectors
import shlex
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko

from drivers.errors import Busy, Denied, Garbled, IdentityChanged, Unreachable
from drivers.trust import Trust
from inventory.address import HostPort
from inventory.quantity import in_words

OUTPUT_BOUND = 1 << 20  # bytes of each stream; the longest answer asked for, `ip -j addr`, is some 10 KiB
SESSIONS = 8  # at one time on one connection; sshd_config(5) MaxSessions is 10

# Without a handler of its own the library's log goes to stderr, tracebacks and all.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Access:
    """Where a host listens, who we are there, and the one key it may show (`ssh-ed25519 AAAA...`)."""

    address: HostPort
    user: str
    host_key: str
    private_key: Path


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
        ours = _private_key(access, who)
        deadline = time.monotonic() + within.total_seconds()
        transport = _transport(access, who, deadline)
        try:
            _meet(transport, access, deadline)
            _log_in(transport, access, ours, deadline)
        except BaseException:
            transport.close()
            raise
        return cls(transport, who)

    def run(self, argv: Sequence[str], within: timedelta) -> Ran:
        """Run one command to its end, each word quoted for the remote shell. Not done in time: `Busy`."""
        return self.run_all([argv], within)[0]

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

    def _abreast(self, commands: Sequence[str], deadline: float) -> list[Ran]:
        with ExitStack() as open_sessions:
            try:
                sessions = [open_sessions.enter_context(closing(self._session(each, deadline))) for each in commands]
                return [session.finish(deadline) for session in sessions]
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise Unreachable(self.who, f"the connection broke while commands ran: {error}", _ALIVE) from error

    def _session(self, command: str, deadline: float) -> "_Session":
        return _Session(self._transport.open_session(timeout=_left(deadline)), command, self.who)


class _Session:
    """One command under way."""

    def __init__(self, channel: paramiko.Channel, command: str, who: str) -> None:
        self._channel = channel
        self._command = command
        self._who = who
        self._out = bytearray()
        self._err = bytearray()
        channel.exec_command(command)

    def finish(self, deadline: float) -> Ran:
        with selectors.DefaultSelector() as readable:
            readable.register(self._channel, selectors.EVENT_READ)
            while self._more():
                if not readable.select(_left(deadline)) or time.monotonic() > deadline:
                    raise self._late()
                self._take()
        if not self._channel.status_event.wait(_left(deadline)):
            raise self._late()
        code = self._channel.recv_exit_status()
        if code < 0:
            raise Unreachable(self._who, f"`{self._command}` ended without an exit status", _ALIVE)
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


_HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256")
_ALIVE = "look whether it is up: power, console, cable"


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _private_key(access: Access, who: str) -> paramiko.Ed25519Key:
    try:
        return paramiko.Ed25519Key.from_private_key_file(str(access.private_key))
    except (OSError, paramiko.SSHException) as error:
        said = f"our key {access.private_key} cannot be read: {error}"
        raise Denied(who, said, "give a file with an ed25519 key") from error


def _transport(access: Access, who: str, deadline: float) -> paramiko.Transport:
    kind = access.host_key.partition(" ")[0]
    if kind not in _HOST_KEYS:
        raise Garbled(who, f"the host key on record is of the kind {kind!r}", f"record one of {', '.join(_HOST_KEYS)}")
    try:
        line = socket.create_connection((access.address.host, access.address.port or 22), timeout=_left(deadline))
    except OSError as error:
        raise Unreachable(who, f"connect: {error.strerror or error}", _ALIVE) from error
    transport = paramiko.Transport(line)
    transport.banner_timeout = _left(deadline)
    # Only the pinned kind is negotiated: a host with several keys then shows the one that is known.
    transport.get_security_options().key_types = (kind,)
    return transport


def _meet(transport: paramiko.Transport, access: Access, deadline: float) -> None:
    """Agree on keys and look at the host's, before anything of ours is sent."""
    who = str(access.address)
    try:
        transport.start_client(timeout=_left(deadline))
        shown = transport.get_remote_server_key()
    except paramiko.SSHException as error:
        if "host key" in str(error):
            raise _other_identity(who, "a host key of another kind") from error
        span = in_words(timedelta(seconds=transport.banner_timeout))
        raise Unreachable(who, f"no SSH within {span}: {error}", "look whether sshd runs there") from error
    except (OSError, EOFError) as error:
        raise Unreachable(who, "it hung up before SSH began", "look whether sshd runs there") from error
    if f"{shown.get_name()} {shown.get_base64()}" != " ".join(access.host_key.split()[:2]):
        raise _other_identity(who, f"the host key SHA256:{shown.fingerprint.removeprefix('SHA256:')}")


def _other_identity(who: str, shown: str) -> IdentityChanged:
    remedy = "another machine answers there, or it was installed anew without us; look at what stands at that address"
    return IdentityChanged(who, f"it shows {shown}, not the one first met", remedy)


def _log_in(transport: paramiko.Transport, access: Access, ours: paramiko.PKey, deadline: float) -> None:
    who = str(access.address)
    transport.auth_timeout = _left(deadline)
    try:
        missing = transport.auth_publickey(access.user, ours)
    except paramiko.AuthenticationException as error:
        if not transport.is_active() or time.monotonic() > deadline:
            raise Unreachable(who, "it hung up during log-in", _ALIVE) from error
        raise _no_entry(who, access) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(who, f"log-in broke off: {error}", _ALIVE) from error
    if missing:
        raise _no_entry(who, access)


def _no_entry(who: str, access: Access) -> Denied:
    remedy = f"look at ~{access.user}/.ssh/authorized_keys there; it must hold {access.private_key.name}.pub"
    return Denied(who, f"log in as {access.user}", remedy)


def shown_key(address: HostPort, within: timedelta) -> str:
    """The key that a host shows now (`ssh-ed25519 AAAA...`), before any login. `Unreachable`."""
    who, deadline = str(address), time.monotonic() + within.total_seconds()
    try:
        line = socket.create_connection((address.host, address.port or 22), timeout=_left(deadline))
    except OSError as error:
        raise Unreachable(who, f"connect: {error.strerror or error}", _ALIVE) from error
    transport = paramiko.Transport(line)
    transport.banner_timeout = _left(deadline)
    try:
        transport.start_client(timeout=_left(deadline))
        shown = transport.get_remote_server_key()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(who, f"no SSH: {error}", "look whether sshd runs there") from error
    finally:
        transport.close()
    return f"{shown.get_name()} {shown.get_base64()}"


def pinned_key(address: HostPort, trust: Trust, within: timedelta) -> str:
    """The only key that this host may show: its pin, or what it shows now, first met.

    `IdentityChanged` where it is to be vouched for: no CA does that for host keys.
    """
    who = str(address)
    known = trust.pins.fingerprint(who)
    if known is not None:
        return known
    shown = shown_key(address, within)
    if trust.verify:
        raise _other_identity(who, f"the host key {fingerprint_of(shown)}, and none is known")
    trust.pins.pin(who, shown)
    return shown


def fingerprint_of(key: str) -> str:
    """As `ssh-keygen -l` writes it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def unlike_pin(address: HostPort, known: str, within: timedelta) -> IdentityChanged | None:
    """After a connection that failed: whether the host's key is why."""
    try:
        shown = shown_key(address, within)
    except Unreachable:
        return None
    return None if shown == known else _other_identity(str(address), f"the host key {fingerprint_of(shown)}")
