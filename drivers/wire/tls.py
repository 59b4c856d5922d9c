"""Which certificate a BMC shows, and whether it is the one first met."""

import hashlib
import socket
import ssl
from datetime import timedelta

from drivers.errors import IdentityChanged, Unreachable
from drivers.trust import Pins
from inventory.address import HostPort

HTTPS_PORT = 443


def pinned(address: HostPort, pins: Pins, within: timedelta) -> str:
    """The SHA-256 fingerprint (hex, of the DER form) that this BMC must show: its pin, or else what it shows now."""
    who = str(address)
    known = pins.fingerprint(who)
    if known is None:
        known = fingerprint(address, within)
        pins.pin(who, known)
    return known


def fingerprint(address: HostPort, within: timedelta) -> str:
    """Shake hands, send nothing, and fingerprint the certificate. `Unreachable`."""
    target = (address.host, address.port or HTTPS_PORT)
    try:
        with (
            socket.create_connection(target, timeout=within.total_seconds()) as plain,
            by_fingerprint().wrap_socket(plain, server_hostname=address.host) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
    except OSError as error:
        raise Unreachable(str(address), f"no TLS handshake ({error})", "check its power, cable and address") from error
    return hashlib.sha256(shown or b"").hexdigest()


def by_fingerprint() -> ssl.SSLContext:
    """Judges nothing: for who looks at the fingerprint before anything is sent. Loads no CAs, which takes 20 ms."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def changed(address: HostPort, known: str, shown: str) -> IdentityChanged:
    return IdentityChanged(
        str(address),
        f"its certificate is not the one first met (was SHA-256 {known[:16]}..., is {shown[:16]}...)",
        "if it was renewed on purpose, remove the old pin; else find out who answers there. No password was sent",
    )
