"""Commands over SSH to a host whose key is known beforehand, or learned at the first contact. The only import of
paramiko.

Source: RFC 4252 (authentication), 4253 (host keys), 4254 6.5 and 6.10 (commands and their exit).
"""

import io
import logging
import selectors
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import paramiko

from drivers.errors import Busy, Denied, Garbled, IdentityChanged, Unreachable
from drivers.trust import Pins
from inventory.address import HostPort
from inventory.quantity import in_words
from inventory.secrets import Secret

OUTPUT_BOUND = 1 << 20  # bytes of each stream; the longest answer asked for, `ip -j addr`, is some 10 KiB
SESSIONS = 8  # at one time on one connection; sshd_config(5) MaxSessions is 10

# Without a handler of its own the library's log goes to stderr, tracebacks and all.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Access:
    """Where a host listens, who we are there, and the one key it may show (`ssh-ed25519 AAAA...`).

    `host_key` None: it is met for the first time, and what it shows is to be pinned. `private_key`: an OpenSSH key or
    the file that holds one. Both it and a password are used where the host wants both.
    """

    address: HostPort
    user: str
    host_key: str | None
    private_key: Path | Secret | None = None
    password: Secret | None = None


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
        ours = _private_key(access.private_key, who) if access.private_key is not None else None
        deadline = time.monotonic() + within.total_seconds()
        transport = _transport(access, who, deadline)
        try:
            _meet(transport, access, deadline)
            _log_in(transport, access, ours, deadline)
        except BaseException:
            transport.close()
            raise
        return cls(transport, who)

    @property
    def host_key(self) -> str:
        """What the host showed and proved to own, as `Access` takes it."""
        return _as_text(self._transport.get_remote_server_key())

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

    def feed(self, text: str, deadline: float) -> None:
        """All of its standard input. What it prints meanwhile must fit the window (RFC 4254 5.2).

        A command that ends before it has read all of it says by its exit what that was about.
        """
        self._channel.settimeout(_left(deadline))
        try:
            self._channel.sendall(text.encode())
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


# By the kind of key, the signatures that may be made with it: RFC 8032, RFC 5656, RFC 8332. In the order of our liking.
_HOST_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ssh-ed25519": ("ssh-ed25519",),
        "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
        "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    }
)
_Transport: type[paramiko.Transport] = paramiko.ServiceRequestingTransport  # type: ignore[attr-defined]  # unstubbed
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_ALIVE = "look whether it is up: power, console, cable"


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _private_key(given: Path | Secret, who: str) -> paramiko.PKey:
    name = f"our key {given}" if isinstance(given, Path) else "our key"
    said = "it is of no kind that is known here"
    for kind in _KEYS:
        try:
            text = given.read_text() if isinstance(given, Path) else given.reveal()
            return kind.from_private_key(io.StringIO(text if text.endswith("\n") else f"{text}\n"))
        except paramiko.PasswordRequiredException as error:
            raise Denied(who, f"{name} is locked by a passphrase", "give one without") from error
        except (OSError, UnicodeDecodeError) as error:
            raise Denied(who, f"{name} cannot be read: {error}", "give an OpenSSH private key") from error
        except (paramiko.SSHException, ValueError):
            continue
    raise Denied(who, f"{name} cannot be read: {said}", "give an OpenSSH private key: ed25519, ecdsa or rsa")


def _as_text(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def _transport(access: Access, who: str, deadline: float) -> paramiko.Transport:
    kinds = tuple(_HOST_KEYS) if access.host_key is None else (access.host_key.partition(" ")[0],)
    kind = kinds[0]
    if kind not in _HOST_KEYS:
        raise Garbled(who, f"the host key on record is of the kind {kind!r}", f"record one of {', '.join(_HOST_KEYS)}")
    try:
        line = socket.create_connection((access.address.host, access.address.port or 22), timeout=_left(deadline))
    except OSError as error:
        raise Unreachable(who, f"connect: {error.strerror or error}", _ALIVE) from error
    # The plain one asks for the service anew with each try to log in, which some servers end the connection for; the
    # other looks for the answer ten times a second and knows no deadline. A key is one try; a password may take two.
    transport = paramiko.Transport(line) if access.password is None else _Transport(line)
    transport.banner_timeout = _left(deadline)
    # Only the pinned kind is negotiated: a host with several keys then shows the one that is known.
    transport.get_security_options().key_types = tuple(name for kind in kinds for name in _HOST_KEYS[kind])
    return transport


def _meet(transport: paramiko.Transport, access: Access, deadline: float) -> None:
    """Agree on keys and look at the host's, before anything of ours is sent."""
    who = str(access.address)
    try:
        transport.start_client(timeout=_left(deadline))
        shown = transport.get_remote_server_key()
    except paramiko.SSHException as error:
        if "host key" in str(error) and access.host_key is not None:
            raise _other_identity(who, "a host key of another kind") from error
        span = in_words(timedelta(seconds=transport.banner_timeout))
        raise Unreachable(who, f"no SSH within {span}: {error}", "look whether sshd runs there") from error
    except (OSError, EOFError) as error:
        raise Unreachable(who, "it hung up before SSH began", "look whether sshd runs there") from error
    if access.host_key is not None and _as_text(shown) != " ".join(access.host_key.split()[:2]):
        raise _other_identity(who, f"the host key SHA256:{shown.fingerprint.removeprefix('SHA256:')}")


def _other_identity(who: str, shown: str) -> IdentityChanged:
    remedy = "another machine answers there, or it was installed anew without us; look at what stands at that address"
    return IdentityChanged(who, f"it shows {shown}, not the one first met", remedy)


def _log_in(transport: paramiko.Transport, access: Access, ours: paramiko.PKey | None, deadline: float) -> None:
    """By the key, by the password, or first one and then the other where the host asks for both (RFC 4252 5.1)."""
    who = str(access.address)
    refused: paramiko.AuthenticationException | None = None
    for means in _means(transport, access, ours):
        transport.auth_timeout = _left(deadline)
        try:
            if not means():
                return
        except paramiko.AuthenticationException as error:
            if not transport.is_active() or time.monotonic() > deadline:
                raise Unreachable(who, "it hung up during log-in", _ALIVE) from error
            refused = error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(who, f"log-in broke off: {error}", _ALIVE) from error
    raise _no_entry(who, access) from refused


def _means(
    transport: paramiko.Transport, access: Access, ours: paramiko.PKey | None
) -> Iterator[Callable[[], Sequence[str]]]:
    """Each gives what the host wants besides: nothing where we are in. A password also answers a question for one."""
    if ours is not None:
        yield partial(transport.auth_publickey, access.user, ours)
    if access.password is not None:
        yield partial(transport.auth_password, access.user, access.password.reveal())


def _no_entry(who: str, access: Access) -> Denied:
    match access.private_key:
        case Path() as file:
            remedy = f"look at ~{access.user}/.ssh/authorized_keys there; it must hold {file.name}.pub"
        case Secret():
            remedy = f"look at its password and its key, and at ~{access.user}/.ssh/authorized_keys there"
        case _:
            remedy = f"check the password of {access.user}, and whether sshd there takes passwords"
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
    return _as_text(shown)


def pinned_key(address: HostPort, pins: Pins, within: timedelta) -> str:
    """The only key that this host may show: its pin, or what it shows now, first met."""
    known = pins.fingerprint(str(address))
    if known is None:
        known = shown_key(address, within)
        pins.pin(str(address), known)
    return known


def unlike_pin(address: HostPort, known: str, within: timedelta) -> IdentityChanged | None:
    """After a connection that failed: whether the host's key is why."""
    try:
        shown = shown_key(address, within)
    except Unreachable:
        return None
    return None if shown == known else _other_identity(str(address), "another host key")
