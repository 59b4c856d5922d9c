"""Who a BMC is: the certificate met first, by its SHA-256 fingerprint. And what is open there in our name."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drivers.sessions import SessionBook


class Pins(Protocol):
    """Where first-met fingerprints are kept. `address` is the BMC's HOST[:PORT]."""

    def fingerprint(self, address: str) -> str | None: ...

    def pin(self, address: str, fingerprint: str) -> None:
        """Remember a first contact. Never replaces a pin."""


class Suites:
    """The IPMI cipher suite that each BMC took, so that none is offered twice what it cannot do. By HOST[:PORT]."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def known(self, address: str) -> int | None:
        return self._taken.get(address)

    def learned(self, address: str, suite: int) -> None:
        self._taken[address] = suite


@dataclass(frozen=True)
class Trust:
    """How a certificate is judged: by CAs (`ca` or, where None, the system's), or by its pin.

    `book` remembers open sessions through a crash; without it a crash leaves them to the BMC's idle timeout. `suites`
    live as long as this does. `old_tls`: versions before 1.2 will do (quirk 38).
    """

    pins: Pins
    verify: bool = False
    ca: Path | None = None
    book: SessionBook | None = None
    suites: Suites = field(default_factory=Suites, compare=False)
    old_tls: bool = False
