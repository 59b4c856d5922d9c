"""Sockets that we listen on, bound before anything starts, so that a taken port is one clear error."""

import errno
import socket

from inventory.address import Ip
from orchestrator.boot.errors import CannotServe

BACKLOG = 1024


def tcp(address: Ip, port: int, purpose: str) -> socket.socket:
    """Bound and listening. `CannotServe` names the purpose, and who to ask."""
    listener = _bound(socket.SOCK_STREAM, address, port, purpose)
    listener.listen(BACKLOG)
    return listener


def check_udp(address: Ip, port: int, purpose: str) -> None:
    """Raises as `tcp` does where a datagram service could not be bound now."""
    _bound(socket.SOCK_DGRAM, address, port, purpose).close()


def _bound(kind: socket.SocketKind, address: Ip, port: int, purpose: str) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    stream = kind is socket.SOCK_STREAM
    listener = socket.socket(family, kind, socket.IPPROTO_TCP if stream else 0)  # asyncio turns Nagle off by that
    if stream:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((str(address), port))
    except OSError as error:
        listener.close()
        raise CannotServe(f"{purpose} at {address} port {port}", _says(error), _remedy(error, kind, port)) from error
    return listener


def _says(error: OSError) -> str:
    return f"cannot listen: {error.strerror}"


def _remedy(error: OSError, kind: socket.SocketKind, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        listing = "ss -ltnp" if kind is socket.SOCK_STREAM else "ss -lunp"
        return f"see who has it with `{listing} 'sport = :{port}'`, or choose another port under site.provisioning"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface of this machine has that address: correct site.provisioning.address, or add the address"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "ports below 1024 need root: run as root, or choose a higher port under site.provisioning"
    return "see to what the system says"
