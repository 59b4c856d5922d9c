"""How an SSH connection begins: which key the host may show, and how it lets us in.

Source: RFC 4252 (authentication), 4253 (host keys).
"""

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST

from drivers.errors import Denied, Garbled, IdentityChanged, Unreachable
from drivers.trust import Pins
from inventory.address import HostPort
from inventory.quantity import in_words
from inventory.secrets import Secret

ALIVE = "look whether it is up: power, console, cable"
_LOOK = 0.02  # seconds between two looks for the leave to log in

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


class _Asking(AuthOnlyHandler):
    """Tries to log in, each of which is listened for before it is sent.

    The library's own sends first, and never hears of an answer that is quicker than its next line.
    """

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[paramiko.Message], None] | None = None
    ) -> list[str]:
        self.username, self.auth_method, self.auth_event = username, method, threading.Event()
        asked = paramiko.Message()
        asked.add_byte(cMSG_USERAUTH_REQUEST)
        for word in (username, "ssh-connection", method):
            asked.add_string(word)
        if finish_message is not None:
            finish_message(asked)
        with self.transport.lock:
            self.transport._send_message(asked)  # type: ignore[attr-defined]  # noqa: SLF001  the library offers no other way
        return self.wait_for_response(self.auth_event)


class _Transport(paramiko.ServiceRequestingTransport):  # type: ignore[name-defined,misc]  # unstubbed
    """Asks for the service once and then tries to log in: the plain one asks anew with each try, which some servers
    end the connection for. Unlike the library's it ends with the connection, and where its time is up.
    """

    def get_auth_handler(self) -> _Asking:
        return _Asking(self)

    def ensure_session(self) -> None:
        if self._service_userauth_accepted:
            return
        end = time.monotonic() + self.auth_timeout
        asked = paramiko.Message()
        asked.add_byte(cMSG_SERVICE_REQUEST)
        asked.add_string("ssh-userauth")
        self._send_message(asked)
        while not self._service_userauth_accepted:
            if not self.is_active():
                raise EOFError("it hung up when it was asked to let us log in")
            if time.monotonic() > end:
                raise paramiko.SSHException("it did not say whether we may log in")
            time.sleep(_LOOK)
        self.auth_handler = self.get_auth_handler()


# By the kind of key, the signatures that may be made with it: RFC 8032, RFC 5656, RFC 8332. In the order of our liking.
_HOST_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ssh-ed25519": ("ssh-ed25519",),
        "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
        "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    }
)
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


def left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def private_key_of(given: Path | Secret, who: str) -> paramiko.PKey:
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


def as_text(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def transport_to(access: Access, who: str, deadline: float) -> paramiko.Transport:
    kinds = tuple(_HOST_KEYS) if access.host_key is None else (access.host_key.partition(" ")[0],)
    kind = kinds[0]
    if kind not in _HOST_KEYS:
        raise Garbled(who, f"the host key on record is of the kind {kind!r}", f"record one of {', '.join(_HOST_KEYS)}")
    try:
        line = socket.create_connection((access.address.host, access.address.port or 22), timeout=left(deadline))
    except OSError as error:
        raise Unreachable(who, f"connect: {error.strerror or error}", ALIVE) from error
    # A key is one try; a password may take two.
    transport = paramiko.Transport(line) if access.password is None else _Transport(line)
    transport.banner_timeout = left(deadline)
    # Only the pinned kind is negotiated: a host with several keys then shows the one that is known.
    transport.get_security_options().key_types = tuple(name for kind in kinds for name in _HOST_KEYS[kind])
    return transport


def meet(transport: paramiko.Transport, access: Access, deadline: float) -> None:
    """Agree on keys and look at the host's, before anything of ours is sent."""
    who = str(access.address)
    try:
        transport.start_client(timeout=left(deadline))
        shown = transport.get_remote_server_key()
    except paramiko.SSHException as error:
        if "host key" in str(error) and access.host_key is not None:
            raise _other_identity(who, "a host key of another kind") from error
        span = in_words(timedelta(seconds=transport.banner_timeout))
        raise Unreachable(who, f"no SSH within {span}: {error}", "look whether sshd runs there") from error
    except (OSError, EOFError) as error:
        raise Unreachable(who, "it hung up before SSH began", "look whether sshd runs there") from error
    if access.host_key is not None and as_text(shown) != " ".join(access.host_key.split()[:2]):
        raise _other_identity(who, f"the host key SHA256:{shown.fingerprint.removeprefix('SHA256:')}")


def _other_identity(who: str, shown: str) -> IdentityChanged:
    remedy = "another machine answers there, or it was installed anew without us; look at what stands at that address"
    return IdentityChanged(who, f"it shows {shown}, not the one first met", remedy)


def log_in(transport: paramiko.Transport, access: Access, ours: paramiko.PKey | None, deadline: float) -> None:
    """By the key, by the password, or first one and then the other where the host asks for both (RFC 4252 5.1)."""
    who = str(access.address)
    refused: paramiko.AuthenticationException | None = None
    for means in _means(transport, access, ours):
        transport.auth_timeout = left(deadline)
        try:
            if not means():
                return
        except paramiko.AuthenticationException as error:
            if not transport.is_active() or time.monotonic() > deadline:
                raise Unreachable(who, "it hung up during log-in", ALIVE) from error
            refused = error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(who, f"log-in broke off: {error}", ALIVE) from error
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
        line = socket.create_connection((address.host, address.port or 22), timeout=left(deadline))
    except OSError as error:
        raise Unreachable(who, f"connect: {error.strerror or error}", ALIVE) from error
    transport = paramiko.Transport(line)
    transport.banner_timeout = left(deadline)
    try:
        transport.start_client(timeout=left(deadline))
        shown = transport.get_remote_server_key()
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(who, f"no SSH: {error}", "look whether sshd runs there") from error
    finally:
        transport.close()
    return as_text(shown)


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
