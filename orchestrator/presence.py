"""Which engines are alive. On SQLite one process has the database to itself; on PostgreSQL each shows that it lives."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text

from orchestrator.errors import Held
from orchestrator.store import Store


class Presence(Protocol):
    def dead(self, executor: str) -> AbstractContextManager[bool]:
        """Whether that executor is dead; true for one caller at a time."""

    def leave(self) -> None:
        """Let another take this one's place."""


class Alone:
    """A lock on a file beside the SQLite database; the kernel drops it with the process."""

    def __init__(self, database: Path) -> None:
        self._file = database.with_name(database.name + ".lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Held(f"{database}: another Anneal works with it. Stop that one, or ask it instead") from error

    @contextmanager
    def dead(self, executor: str) -> Iterator[bool]:
        """Whoever left work behind under another name is dead, since the database is ours."""
        del executor
        yield True

    def leave(self) -> None:
        self._file.close()


class AmongMany:
    """A PostgreSQL session lock under the executor's name, held as long as its connection lives."""

    def __init__(self, store: Store, executor: str) -> None:
        self._connection = store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not _try(self._connection, executor):
            self._connection.close()
            raise Held(f"executor {executor}: another process runs under this name. Give each a name of its own")

    @contextmanager
    def dead(self, executor: str) -> Iterator[bool]:
        """Whether `executor` is dead; while in here nobody else finds it so."""
        got = _try(self._connection, executor)
        try:
            yield got
        finally:
            if got:
                self._connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _key(executor)})

    def leave(self) -> None:
        self._connection.invalidate()  # a closed connection would go back to the pool with its lock
        self._connection.close()


def enter(store: Store, executor: str) -> Presence:
    """`Held` where somebody else is there already."""
    if store.one_process:
        return Alone(Path(str(store.engine.url.database)))
    return AmongMany(store, executor)


def _try(connection: Connection, executor: str) -> bool:
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(executor)}))


def _key(executor: str) -> int:
    digest = hashlib.sha256(f"anneal executor {executor}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
