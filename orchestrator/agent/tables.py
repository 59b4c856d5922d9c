"""Tables of the agent protocol: what an agent found, and how it is reached. One row of each a boot."""

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from orchestrator.boot.tables import Utc
from orchestrator.store import METADATA

INSPECTION = Table(
    "inspection",
    METADATA,
    Column("boot", Integer, primary_key=True, autoincrement=False),
    Column("node", String, nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("body", JSON, nullable=False),
)

# `token` is kept as it is: we have to show it to the agent with each command, also after a restart of ours.
AGENT = Table(
    "agent",
    METADATA,
    Column("boot", Integer, primary_key=True, autoincrement=False),
    Column("node", String, nullable=False, index=True),
    Column("token", String, nullable=False),
    Column("source", String, nullable=False),
    Column("looked_up_at", Utc, nullable=False),
    Column("callback_url", String),
    Column("certificate", Text),
    Column("version", String),
    Column("heartbeat_at", Utc),
    Column("lost_at", Utc),
    Column("gone", Text),  # why this boot's agent is waited for in vain, in words
)
