"""Tables of booting: intents, netboots without progress, awaited phone-homes. Tokens are kept as digests."""

from datetime import UTC, datetime

from sqlalchemy import JSON, Column, DateTime, Dialect, Integer, String, Table, TypeDecorator

from orchestrator.store import METADATA


class Utc(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, this puts it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


BOOT = Table(
    "boot",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String, nullable=False, index=True),
    Column("mac", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("armed_at", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("fetches", Integer, nullable=False, default=0),
    Column("fetched_at", Utc),
    Column("source", String),
    Column("digest", String, unique=True),
    Column("consumed_at", Utc),
    Column("called_at", Utc),
    Column("ended_at", Utc),
)

NETBOOTS = Table(
    "netboots",
    METADATA,
    Column("node", String, primary_key=True),
    Column("without_progress", Integer, nullable=False),
    Column("quarantined_at", Utc),
)

PHONE_HOME = Table(
    "phone_home",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String, nullable=False, index=True),
    Column("instance_id", String, nullable=False),
    Column("image", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),
    Column("until", Utc, nullable=False),
    Column("called_at", Utc),
    Column("source", String),
    Column("told", JSON),
)
