"""Which certificate a BMC shows, and whether it is the one first met. And how long any answer over TLS may take."""

import hashlib
import math
import socket
import ssl
import time
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from drivers.errors import IdentityChanged, Unreachable
from drivers.trust import Pins
from inventory.address import HostPort

HTTPS_PORT = 443


class TooMuch(OSError):
    """More came than there was room for."""


class Timed(ssl.SSLSocket):
    """Ends at a time, however slowly it drips, and takes no more than there is room for, however fast it comes.

    A socket's own timeout bounds each wait alone: a peer that sends one byte a second would hold us for ever.
    """

    ends: float = math.inf  # by the monotonic clock
    room: float = math.inf  # bytes

    def recv_into(self, buffer, nbytes=None, flags=0):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  the signature of ssl
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        if left < math.inf:
            self.settimeout(left)
        count = super().recv_into(buffer, nbytes, flags)
        self.room -= count
        if self.room < 0:
            raise TooMuch("more came than was asked for")
        return count


def pinned(address: HostPort, pins: Pins, within: timedelta, *, old: bool = False) -> str:
    """The SHA-256 fingerprint (hex, of the DER form) that this BMC must show: its pin, or else what it shows now."""
    who = str(address)
    known = pins.fingerprint(who)
    if known is None:
        known = fingerprint(address, within, old=old)
        pins.pin(who, known)
    return known


def fingerprint(address: HostPort, within: timedelta, *, old: bool = False) -> str:
    """Shake hands, send nothing, and fingerprint the certificate. `Unreachable`. `old` as in `by_fingerprint`."""
    target = (address.host, address.port or HTTPS_PORT)
    try:
        with (
            socket.create_connection(target, timeout=within.total_seconds()) as plain,
            by_fingerprint(old=old).wrap_socket(plain, server_hostname=address.host) as tls,
        ):
            shown = tls.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        remedy = "look at its TLS settings" if old else "update it; until then bmc.old_tls, or --old-tls, lets it in"
        raise Unreachable(
            str(address), f"no handshake by TLS{'' if old else ' 1.2 or later'} ({error})", remedy
        ) from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(str(address), f"no TLS handshake ({error})", "check its power, cable and address") from error
    return hashlib.sha256(shown or b"").hexdigest()


@lru_cache(maxsize=2)
def by_fingerprint(*, old: bool = False) -> ssl.SSLContext:
    """Judges nothing: for who looks at the fingerprint before anything is sent. Loads no CAs, which takes 20 ms.

    `old`: takes TLS 1.0 and 1.1 too, and the ciphers and keys of their time (quirk 38).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = Timed
    return _aged(context) if old else context


def by_authorities(ca: Path | None, *, old: bool = False) -> ssl.SSLContext:
    """Wants a certificate that `ca`, or one of the system's CAs, vouches for. `OSError` where `ca` cannot be read."""
    system = ssl.get_default_verify_paths()
    place = ca or Path(system.cafile or system.capath or "/etc/ssl/certs")
    return _authorities(place, place.stat().st_mtime_ns, old=old)


@lru_cache(maxsize=4)
def _authorities(place: Path, _changed_ns: int, *, old: bool) -> ssl.SSLContext:
    """Shared by all BMCs that it judges: to load the CAs of a system takes 20 ms."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(**{"capath" if place.is_dir() else "cafile": str(place)})
    context.sslsocket_class = Timed
    return _aged(context) if old else context


def _aged(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # openssl-ciphers(1): SHA-1 in TLS 1.0 and 1.1 needs level 0
    return context


def changed(address: HostPort, known: str, shown: str) -> IdentityChanged:
    return IdentityChanged(
        str(address),
        f"its certificate is not the one first met (was SHA-256 {known[:16]}..., is {shown[:16]}...)",
        "if it was renewed on purpose, remove the old pin; else find out who answers there. No password was sent",
    )
