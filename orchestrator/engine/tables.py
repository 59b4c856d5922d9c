"""The engine's tables. Each is a projection of the events, written in the same transaction as they are.

Moments are seconds since the epoch (UTC), so that both databases compare them as numbers.
"""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint, text

from orchestrator.store import METADATA

SUBJECT = Table(
    "subject",
    METADATA,
    Column("name", String, primary_key=True),
    Column("document", JSON, nullable=False),  # inventory.model.Node
)

NODE_ROLE = Table(
    "node_role",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String, nullable=False),
    Column("role", String, nullable=False),
    Column("run", String, nullable=False),
    Column("state", String, nullable=False),
    Column("waiting", Integer, nullable=False),  # parents that are not done
    Column("generation", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("phase", String, nullable=False),  # observe, act, verify: where the next segment begins
    Column("says", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("event", Integer, nullable=False),  # the last one that moved it: the cause of the next
    Column("parked", Boolean, nullable=False),
    Column("signal", String),
    Column("seen", Integer),
    Column("waiting_for", String),
    Column("due", Float),  # when a parked row is looked at again, signal or not
    Column("ends", Float),  # when a wait of many looks is over
    Column("act_by", Float),
    Column("verify_by", Float),
    Column("cancelled", Boolean, nullable=False),
    Column("checking", Integer, nullable=False),  # the check under way; 0 where there is none
    Column("checks", Integer, nullable=False),
    Column("evidence", Integer),
    Column("expires", Float),  # when that evidence is too old
    Column("stake", JSON),  # what a gated row would destroy: digest and detail
    Column("inputs", JSON, nullable=False),
    Column("input_hash", String, nullable=False),
    Column("within", Float, nullable=False),  # seconds
    Column("verify_within", Float, nullable=False),
    Column("ttl", Float),
    Column("retries", Integer, nullable=False),
    Column("erases", Boolean, nullable=False),
    Column("idempotent", Boolean, nullable=False),
    UniqueConstraint("node", "role"),
    Index("node_role_by_run", "run", "state"),
    Index("node_role_todo", "id", sqlite_where=text("state = 'todo'"), postgresql_where=text("state = 'todo'")),
    Index("node_role_due", "due", sqlite_where=text("parked"), postgresql_where=text("parked")),
    Index("node_role_signal", "signal", sqlite_where=text("parked"), postgresql_where=text("parked")),
    Index(
        "node_role_expires",
        "expires",
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "node_role_moving",
        "state",
        sqlite_where=text("state IN ('todo', 'transition')"),
        postgresql_where=text("state IN ('todo', 'transition')"),
    ),
    Index("node_role_checking", "run", sqlite_where=text("checking > 0"), postgresql_where=text("checking > 0")),
)

EDGE = Table(
    "edge",
    METADATA,
    Column("parent", ForeignKey("node_role.id"), primary_key=True),
    Column("child", ForeignKey("node_role.id"), primary_key=True),
    Index("edge_by_child", "child"),
)

NEED = Table(  # what a node role must hold while it is in transition
    "need",
    METADATA,
    Column("node_role", ForeignKey("node_role.id"), primary_key=True),
    Column("resource", String, primary_key=True),
    Column("capacity", Integer, nullable=False),
    Index("need_by_resource", "resource"),
)

LEASE = Table(
    "lease",
    METADATA,
    Column("resource", String, primary_key=True),
    Column("holder", String, primary_key=True),
    Column("until", Float, nullable=False),
    Index("lease_by_holder", "holder"),
)

INTENT = Table(
    "intent",
    METADATA,
    Column("key", String, primary_key=True),
    Column("node_role", ForeignKey("node_role.id"), nullable=False),
    Column("state", String, nullable=False),  # open, closed
    Column("outcome", JSON),
    Column("opened", Float, nullable=False),
    Column("closed", Float),
)

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String, nullable=False),
    Column("role", String, nullable=False),
    Column("says", String, nullable=False),
    Column("witness", String, nullable=False),
    Column("value", JSON, nullable=False),
    Column("digest", String, nullable=False),  # sha256 of the canonical JSON of all of the above
    Column("at", Float, nullable=False),
    Column("ttl", Float),
    Index("evidence_by_node", "node", "role"),
)

CONSENT = Table(
    "consent",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("node", String, nullable=False),
    Column("role", String, nullable=False),
    Column("given_by", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("bound_to", String, nullable=False),  # digest of what is at stake, or "unknown": whatever is there
    Column("consumed", Float),
    Column("consumed_by", String),
    Index("consent_by_node", "node", "role"),
)
