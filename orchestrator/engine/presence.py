"""Which engines are alive. On SQLite one process has the database to itself; on PostgreSQL each shows that it lives."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import Held
from orchestrator.store import Store

_SESSION = text("SELECT pg_backend_pid()")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")


class Presence(Protocol):
    def dead(self, executor: str) -> AbstractContextManager[bool]:
        """Whether that executor is dead; true for one caller at a time."""

    def stay(self) -> None:
        """Make sure that others still see this one."""

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

    def stay(self) -> None:
        """The kernel keeps the lock."""

    def leave(self) -> None:
        self._file.close()


class AmongMany:
    """A PostgreSQL session lock under the executor's name, held as long as its connection lives."""

    def __init__(self, store: Store, executor: str) -> None:
        self._store = store
        self._executor = executor
        self._connection = self._enter()

    @contextmanager
    def dead(self, executor: str) -> Iterator[bool]:
        """Whether `executor` is dead; while in here nobody else finds it so."""
        got = _try(self._connection, executor)
        try:
            yield got
        finally:
            if got:
                self._connection.execute(_UNLOCK, {"key": _key(executor)})

    def stay(self) -> None:
        """Enter again where the session was lost, and the lock with it. `Held` where another took the name, and while
        the server still keeps the old session."""
        if not self._lives():
            self.leave()
            self._connection = self._enter()

    def leave(self) -> None:
        """The lock is given back and not only left to the server, which notices by and by that we are gone."""
        if not self._connection.closed:
            with suppress(SQLAlchemyError):  # a session that was lost has lost its lock
                self._connection.execute(_UNLOCK, {"key": _key(self._executor)})
            self._connection.invalidate()  # a closed connection would go back to the pool with whatever it holds
            self._connection.close()

    def _lives(self) -> bool:
        try:
            return bool(self._connection.scalar(_SESSION) == self._session)
        except SQLAlchemyError:
            return False

    def _enter(self) -> Connection:
        connection = self._store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not _try(connection, self._executor):
            connection.close()
            raise Held(f"executor {self._executor}: another process runs under this name. Give each a name of its own")
        self._session = connection.scalar(_SESSION)
        return connection


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
