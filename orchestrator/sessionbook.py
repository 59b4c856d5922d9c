"""Which BMC sessions are open, in the database: the next process ends what a dead one left."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Field, Session, SQLModel, select

from drivers.sessions import LeftOpen
from orchestrator.store import Store, now


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
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"

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

    def left(self, address: str) -> tuple[LeftOpen, ...]:
        with Session(self._store.engine) as session:
            rows = session.exec(select(OpenSession).where(OpenSession.address == address)).all()
            gone = [row for row in rows if _gone(row.owner)]
            return tuple(LeftOpen(row.id or 0, row.location, datetime.fromtimestamp(row.asked, UTC)) for row in gone)

    def addresses(self) -> frozenset[str]:
        """BMCs at which a process that is gone had sessions open."""
        with Session(self._store.engine) as session:
            return frozenset(row.address for row in session.exec(select(OpenSession)) if _gone(row.owner))

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with self._store.begin() as connection, Session(connection) as session:
            yield session
            session.flush()


def _gone(owner: str) -> bool:
    host, pid, began = owner.rsplit(":", 2)
    return host == socket.gethostname() and _began(int(pid)) != began


def _began(pid: int) -> str | None:
    """In clock ticks since the boot (proc(5), stat, field 22); None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
