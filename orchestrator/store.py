"""The database: one transaction, the event log, signals. SQLite (WAL, synchronous=FULL) or PostgreSQL.

Hot tables use Core statements; nothing here knows what a role is.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateColumn
from sqlmodel import SQLModel

from orchestrator.events import Event, Recorded

METADATA = SQLModel.metadata  # small tables are SQLModel classes, hot ones Core tables

EVENT = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", String, nullable=False, index=True),
    Column("node", String, index=True),
    Column("role", String),
    Column("run", String),
    Column("cause", Integer),
    Column("says", String, nullable=False),
    Column("data", JSON, nullable=False),
)

SIGNAL = Table(
    "signal",
    METADATA,
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
)


SEND = text(
    "INSERT INTO signal (name, count) VALUES (:name, 1) ON CONFLICT (name) DO UPDATE SET count = signal.count + 1"
)
_WRITES = re.compile(r"\s*(BEGIN|INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
DECIDING = 0x616E6E6C  # a PostgreSQL advisory lock's key: "annl"
SignalListener = Callable[[Connection, str], None]


_APPENDED = insert(EVENT).returning(EVENT.c.id, sort_by_parameter_order=True)


def now() -> datetime:
    return datetime.now(UTC)


class Store:
    """`url`: `sqlite:///PATH` or `postgresql+psycopg://...`. Creates what is missing.

    That is also a column that may be empty: an older release made its tables without it.
    """

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.one_process = self.engine.dialect.name == "sqlite"
        self._listeners: list[SignalListener] = []
        METADATA.create_all(self.engine)
        if _lacking(self.engine):
            self._add_columns()

    def _add_columns(self) -> None:
        with self.decide() as connection:
            for column in _lacking(connection):  # looked at anew: another process may have been faster
                made = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {made}")

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction; all or nothing.

        On SQLite it locks the database from its first line, so that what it reads stays true until it commits.
        """
        with self.engine.begin() as connection:
            if self.one_process:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def decide(self) -> Iterator[Connection]:
        """A write transaction of which one runs at a time, over all processes: what it counts nobody else changes."""
        with self.begin() as connection:
            if not self.one_process:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": DECIDING})
            yield connection

    def append(self, connection: Connection, what: Event) -> int:
        """Add to the log within the caller's transaction; the event's id."""
        return self.append_all(connection, [what])[0]

    def append_all(self, connection: Connection, what: Sequence[Event]) -> list[int]:
        """As `append`, many at once; their ids in the same order."""
        if not what:
            return []
        at = now()
        rows = [
            {
                "at": at,
                "kind": one.kind,
                "node": one.node,
                "role": one.role,
                "run": one.run,
                "cause": one.cause,
                "says": one.says,
                "data": dict(one.data),
            }
            for one in what
        ]
        return list(connection.scalars(_APPENDED, rows).all())

    def record(self, what: Event) -> int:
        """Add to the log in a transaction of its own."""
        with self.begin() as connection:
            return self.append(connection, what)

    def events(self, after: int = 0, node: str | None = None) -> Iterator[Recorded]:
        """The log after an id, oldest first."""
        wanted = select(EVENT).where(EVENT.c.id > after).order_by(EVENT.c.id)
        if node is not None:
            wanted = wanted.where(EVENT.c.node == node)
        with self.engine.connect() as connection:
            rows = connection.execute(wanted).all()
        for row in rows:
            at = row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC)
            happened = Event(row.kind, row.says, row.node, row.role, row.run, row.cause, row.data)
            yield Recorded(row.id, at, happened)

    def listen(self, listener: SignalListener) -> None:
        """Call `listener` in the transaction of every signal that this process sends."""
        self._listeners.append(listener)

    def unlisten(self, listener: SignalListener) -> None:
        self._listeners.remove(listener)

    def signal(self, connection: Connection, name: str) -> None:
        """Tell whoever waits for `name` (as `agent:r1-n01`) that it came; counted, so that none is lost."""
        connection.execute(SEND, {"name": name})
        for listener in self._listeners:
            listener(connection, name)

    def signals(self, name: str) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(SIGNAL.c.count).where(SIGNAL.c.name == name)).scalar() or 0


def _lacking(bind: Engine | Connection) -> list[Column[object]]:
    look = inspect(bind)
    present = {table: {one["name"] for one in look.get_columns(table)} for table in look.get_table_names()}
    return [
        column
        for table in METADATA.sorted_tables
        for column in table.columns
        if column.nullable and column.name not in present.get(table.name, {column.name})
    ]


def open_engine(url: str) -> Engine:
    """An engine with our durability: SQLite in WAL with synchronous=FULL, writers queueing up to 30 s."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=20, max_overflow=80)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=20, max_overflow=80)
    event.listen(engine, "connect", _durable)
    writers = _Writers()
    event.listen(engine, "before_cursor_execute", writers.enter)
    event.listen(engine, "checkin", writers.leave)
    return engine


class _Writers:
    """Whoever writes to the SQLite file from this process waits here, in memory: SQLite's own waiting is sleeping in
    steps of up to 100 ms, which costs half of the throughput as soon as two threads write."""

    def __init__(self) -> None:
        self._turn = threading.RLock()

    def enter(self, connection: Connection, _cursor: DBAPICursor, statement: str, *_: object) -> None:
        if _WRITES.match(statement) and not connection.info.get("writing"):
            self._turn.acquire()
            connection.info["writing"] = True

    def leave(self, _connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        if record.info.pop("writing", False):
            self._turn.release()


def _durable(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.isolation_level = "IMMEDIATE"  # sqlite3: a read takes no lock, a write takes it at once
