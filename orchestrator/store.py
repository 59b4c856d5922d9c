"""The database: one transaction, the event log, signals. SQLite (WAL, synchronous=FULL) or PostgreSQL.

Hot tables use Core statements; nothing here knows what a role is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.events import Event, Recorded

METADATA = MetaData()

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


def now() -> datetime:
    return datetime.now(UTC)


class Store:
    """`url`: `sqlite:///PATH` or `postgresql+psycopg://...`. Creates what is missing."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        METADATA.create_all(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One write transaction; all or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def append(self, connection: Connection, what: Event) -> int:
        """Add to the log within the caller's transaction; the event's id."""
        row: dict[str, JsonValue | datetime] = {
            "at": now(),
            "kind": what.kind,
            "node": what.node,
            "role": what.role,
            "run": what.run,
            "cause": what.cause,
            "says": what.says,
            "data": dict(what.data),
        }
        return int(connection.execute(insert(EVENT).values(row).returning(EVENT.c.id)).scalar_one())

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

    def signal(self, connection: Connection, name: str) -> None:
        """Tell whoever waits for `name` (as `agent:r1-n01`) that it came; counted, so that none is lost."""
        found = connection.execute(update(SIGNAL).where(SIGNAL.c.name == name).values(count=SIGNAL.c.count + 1))
        if found.rowcount == 0:
            connection.execute(insert(SIGNAL).values(name=name, count=1))

    def signals(self, name: str) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(SIGNAL.c.count).where(SIGNAL.c.name == name)).scalar() or 0


def open_engine(url: str) -> Engine:
    """An engine with our durability: SQLite in WAL with synchronous=FULL, writers queueing up to 30 s."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=20, max_overflow=80)
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _immediate)
    return engine


def _durable(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3: we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _immediate(connection: Connection) -> None:
    connection.execute(text("BEGIN IMMEDIATE"))
