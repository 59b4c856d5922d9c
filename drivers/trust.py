"""Who a BMC is: the certificate met first, by its SHA-256 fingerprint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Pins(Protocol):
    """Where first-met fingerprints are kept. `address` is the BMC's HOST[:PORT]."""

    def fingerprint(self, address: str) -> str | None: ...

    def pin(self, address: str, fingerprint: str) -> None:
        """Remember a first contact. Never replaces a pin."""


@dataclass(frozen=True)
class Trust:
    """How a certificate is judged: by CAs (`ca` or, where None, the system's), or by its pin."""

    pins: Pins
    verify: bool = False
    ca: Path | None = None
