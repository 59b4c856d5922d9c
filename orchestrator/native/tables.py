"""What the native API stores: claims of several nodes, what is under way, answers that may be asked for again.

Moments are seconds since the epoch (UTC). Which nodes a claim holds is in `api.tables.ALLOCATION`.
"""

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table

from orchestrator.store import METADATA

CLAIM = Table(
    "claim",
    METADATA,
    Column("uuid", String, primary_key=True),
    Column("state", String, nullable=False),  # waiting, held
    Column("name", String),
    Column("owner", String),
    Column("made_by", String, nullable=False),
    Column("resource_class", String, nullable=False),
    Column("traits", JSON, nullable=False),
    Column("racks", JSON, nullable=False),
    Column("nodes", JSON, nullable=False),  # those it was to choose from; none: any
    Column("count", Integer, nullable=False),
    Column("spread", String, nullable=False),
    Column("extra", JSON, nullable=False),
    Column("lease_seconds", Float),
    Column("ends_at", Float),  # when its lease runs out
    Column("wait_until", Float),  # of a waiting one
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("claim_by_age", "created_at", "uuid"),
    Index("claim_ends", "ends_at"),
)

OPERATION = Table(
    "operation",
    METADATA,
    Column("uuid", String, primary_key=True),
    Column("kind", String, nullable=False),  # claim, power
    Column("state", String, nullable=False),  # waiting, running, done, failed
    Column("subject", String, nullable=False),  # a claim's uuid, a node's name
    Column("asked", JSON, nullable=False),
    Column("owner", String),
    Column("actor", String, nullable=False),
    Column("role", String, nullable=False),
    Column("request", String, nullable=False),
    Column("says", String, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Index("operation_by_age", "created_at", "uuid"),
    Index("operation_by_state", "state"),
)

KEY = Table(  # of the header Idempotency-Key
    "idempotency_key",
    METADATA,
    Column("actor", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", String, nullable=False),
    Column("at", Float, nullable=False, index=True),
)

HOOK = Table(  # a webhook; its place in the log is the id of the last event that was taken there
    "webhook",
    METADATA,
    Column("uuid", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("owner", String),
    Column("made_by", String, nullable=False),
    Column("secret", String, nullable=False),
    Column("former", String),  # the secret before, with which is signed, too, until
    Column("former_until", Float),
    Column("state", String, nullable=False),  # active, failed
    Column("place", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),  # of the next event, without success
    Column("next_at", Float, nullable=False),
    Column("says", String, nullable=False),
    Column("delivered_at", Float),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("webhook_by_age", "created_at", "uuid"),
)
