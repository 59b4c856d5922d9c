"""Which BMC sessions are open, in the database: the next process ends what a dead one left."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlmodel import Field, Session, SQLModel, select

from drivers.sessions import LeftOpen
from orchestrator.processes import gone, here
from orchestrator.store import Store, now

_NOBODY = ""


class OpenSession(SQLModel, table=True):
    """`owner` is HOST:PID:BEGAN of the process that opened it; `location` is None until the BMC has answered."""

    id: int | None = Field(default=None, primary_key=True)
    address: str = Field(index=True)
    owner: str
    location: str | None = None
    asked: float  # seconds since the epoch


class SessionTable:
    """`drivers.sessions.SessionBook`. What a live process of this or another host has open is left alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner = here()

    def asked(self, address: str) -> int:
        with self._write() as session:
            entry = OpenSession(address=address, owner=self._owner, asked=now().timestamp())
            session.add(entry)
            session.flush()
            return entry.id or 0

    def opened(self, entry: int, location: str) -> None:
        with self._write() as session:
            found = session.get(OpenSession, entry)
            if found is not None:
                found.location = location

    def closed(self, entry: int) -> None:
        with self._write() as session:
            found = session.get(OpenSession, entry)
            if found is not None:
                session.delete(found)

    def disown(self, address: str) -> None:
        """What we have open there can no longer be closed there: it counts as left by a process that is gone."""
        with self._write() as session:
            rows = session.exec(select(OpenSession).where(OpenSession.address == address)).all()
            for row in rows:
                if row.owner == self._owner:
                    row.owner = _NOBODY

    def left(self, address: str) -> tuple[LeftOpen, ...]:
        with Session(self._store.engine) as session:
            rows = session.exec(select(OpenSession).where(OpenSession.address == address)).all()
            dead = [row for row in rows if _left(row)]
            return tuple(LeftOpen(row.id or 0, row.location, datetime.fromtimestamp(row.asked, UTC)) for row in dead)

    def addresses(self) -> frozenset[str]:
        """BMCs at which a process that is gone had sessions open."""
        with Session(self._store.engine) as session:
            return frozenset(row.address for row in session.exec(select(OpenSession)) if _left(row))

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with self._store.begin() as connection, Session(connection) as session:
            yield session
            session.flush()


def _left(row: OpenSession) -> bool:
    return row.owner == _NOBODY or gone(row.owner)
