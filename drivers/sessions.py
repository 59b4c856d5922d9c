"""Which sessions are open at BMCs, kept where a crash of ours does not reach: a BMC holds few, some for long."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


@dataclass(frozen=True)
class LeftOpen:
    """A session that a process which is gone had asked for. `location` is None where it died before the answer."""

    entry: int
    location: str | None
    asked_at: datetime


class SessionBook(Protocol):
    """`address` is the BMC's HOST[:PORT]."""

    def asked(self, address: str) -> int:
        """Before a login is sent; the entry it has from then on."""

    def opened(self, entry: int, location: str) -> None: ...

    def closed(self, entry: int) -> None: ...

    def left(self, address: str) -> tuple[LeftOpen, ...]: ...


ANSWERS_WITHIN = timedelta(seconds=90)  # by the BMC's clock and ours, which may differ; a login takes a few seconds


def began_with(created: str | None, asked_at: datetime) -> bool:
    """Whether a session's `CreatedTime` fits the login. Unknown does not: it may be somebody else's."""
    try:
        at = datetime.fromisoformat(created or "")
    except ValueError:
        return False
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return abs(at - asked_at) < ANSWERS_WITHIN


class Booked:
    """The book's page for one BMC and the session that is open there now. Without a book nothing is remembered."""

    def __init__(self, book: SessionBook | None, address: str) -> None:
        self._book = book
        self._address = address
        self._entry: int | None = None

    def asked(self) -> None:
        if self._book is not None:
            self._entry = self._book.asked(self._address)

    def opened(self, location: str | None) -> None:
        if self._book is not None and self._entry is not None and location is not None:
            self._book.opened(self._entry, location)

    def closed(self) -> None:
        if self._book is not None and self._entry is not None:
            self._book.closed(self._entry)
            self._entry = None

    def left(self) -> tuple[LeftOpen, ...]:
        return () if self._book is None else self._book.left(self._address)

    def ended(self, left: LeftOpen) -> None:
        if self._book is not None:
            self._book.closed(left.entry)
