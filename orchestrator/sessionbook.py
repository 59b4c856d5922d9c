"""Which BMC sessions are open, in the database: the next process ends what a dead one left."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Column, Float, Integer, String, Table, delete, insert, select, update

from drivers.sessions import LeftOpen
from orchestrator.store import METADATA, Store, now

OPEN_SESSION = Table(
    "open_session",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("address", String, nullable=False, index=True),
    Column("owner", String, nullable=False),  # HOST:PID:BEGAN of the process that opened it
    Column("location", String),
    Column("asked", Float, nullable=False),
)


class SessionTable:
    """`drivers.sessions.SessionBook`. What a live process of this or another host has open is left alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"

    def asked(self, address: str) -> int:
        with self._store.begin() as connection:
            row = {"address": address, "owner": self._owner, "asked": now().timestamp()}
            return int(connection.execute(insert(OPEN_SESSION).values(row).returning(OPEN_SESSION.c.id)).scalar_one())

    def opened(self, entry: int, location: str) -> None:
        with self._store.begin() as connection:
            connection.execute(update(OPEN_SESSION).where(OPEN_SESSION.c.id == entry).values(location=location))

    def closed(self, entry: int) -> None:
        with self._store.begin() as connection:
            connection.execute(delete(OPEN_SESSION).where(OPEN_SESSION.c.id == entry))

    def left(self, address: str) -> tuple[LeftOpen, ...]:
        with self._store.engine.connect() as connection:
            rows = connection.execute(select(OPEN_SESSION).where(OPEN_SESSION.c.address == address)).all()
        return tuple(
            LeftOpen(row.id, row.location, datetime.fromtimestamp(row.asked, UTC)) for row in rows if _gone(row.owner)
        )

    def addresses(self) -> frozenset[str]:
        """BMCs at which a process that is gone had sessions open."""
        with self._store.engine.connect() as connection:
            rows = connection.execute(select(OPEN_SESSION.c.address, OPEN_SESSION.c.owner).distinct()).all()
        return frozenset(row.address for row in rows if _gone(row.owner))


def _gone(owner: str) -> bool:
    host, pid, began = owner.rsplit(":", 2)
    return host == socket.gethostname() and _began(int(pid)) != began


def _began(pid: int) -> str | None:
    """In clock ticks since the boot (proc(5), stat, field 22); None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
