"""Who a BMC is: the certificate met first, by its SHA-256 fingerprint. And what is open there in our name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivers.sessions import SessionBook


class Pins(Protocol):
    """Where first-met fingerprints are kept. `address` is the BMC's HOST[:PORT]."""

    def fingerprint(self, address: str) -> str | None: ...

    def pin(self, address: str, fingerprint: str) -> None:
        """Remember a first contact. Never replaces a pin."""


@dataclass(frozen=True)
class Trust:
    """How a certificate is judged: by CAs (`ca` or, where None, the system's), or by its pin.

    `book` remembers open sessions through a crash; without it a crash leaves them to the BMC's idle timeout.
    """

    pins: Pins
    verify: bool = False
    ca: Path | None = None
    book: SessionBook | None = None
