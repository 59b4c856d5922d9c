"""What the hand-off stores: what clients say of a node, allocations. All else is concluded.

Moments are seconds since the epoch (UTC).
"""

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, String, Table

from orchestrator.store import METADATA

HANDOFF = Table(  # no row: nobody has said anything of that node yet
    "handoff",
    METADATA,
    Column("node", String, primary_key=True),
    Column("instance_uuid", String, unique=True),
    Column("allocation_uuid", String),
    Column("maintenance", Boolean, nullable=False),
    Column("maintenance_reason", String),
    Column("held", Boolean, nullable=False),  # an operator took it out of the pool (`manage`)
    Column("owner", String),
    Column("lessee", String),
    Column("description", String),
    Column("resource_class", String),  # None: by its profile
    Column("traits", JSON),  # None: by its profile, rack and groups
    Column("properties", JSON, nullable=False),
    Column("extra", JSON, nullable=False),
    Column("instance_info", JSON, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("protected_reason", String),
    Column("retired", Boolean, nullable=False),
    Column("retired_reason", String),
    Column("shard", String),
    Column("power_state", String),  # as last read from the BMC by the hand-off
    Column("last_error", String),
    Column("updated_at", Float),
)

ALLOCATION = Table(
    "allocation",
    METADATA,
    Column("uuid", String, primary_key=True),
    Column("name", String, unique=True),
    Column("state", String, nullable=False),  # active, error
    Column("node", String),  # the inventory's name of it
    Column("resource_class", String),
    Column("traits", JSON, nullable=False),
    Column("candidate_nodes", JSON, nullable=False),  # uuids
    Column("owner", String),
    Column("extra", JSON, nullable=False),
    Column("last_error", String),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float),
    Column("claim", String),  # of the native API: whose node it is one of
    Index("allocation_by_node", "node"),
    Index("allocation_by_age", "created_at"),
)

TENURE = Table(  # whose a node was, from the event that says so to the event that says it is over
    "tenure",
    METADATA,
    Column("since", Integer, primary_key=True),
    Column("node", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("until", Integer),
    Index("tenure_by_node", "node", "since"),
)
