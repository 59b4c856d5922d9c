"""Where first-met BMC certificates are remembered."""

from sqlalchemy import Column, DateTime, String, Table, insert, select

from orchestrator.events import Event
from orchestrator.store import METADATA, Store, now

PIN = Table(
    "pin",
    METADATA,
    Column("address", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)


class PinTable:
    """`drivers.trust.Pins` in the database; a first contact is an event."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def fingerprint(self, address: str) -> str | None:
        with self._store.engine.connect() as connection:
            return connection.execute(select(PIN.c.fingerprint).where(PIN.c.address == address)).scalar()

    def pin(self, address: str, fingerprint: str) -> None:
        """A second pin of the same address is refused by the table's key."""
        with self._store.begin() as connection:
            connection.execute(insert(PIN).values(address=address, fingerprint=fingerprint, at=now()))
            says = f"{address} shows certificate {fingerprint[:16]} at first contact; no other is trusted now"
            self._store.append(connection, Event("bmc.pinned", says, data={"address": address, "sha256": fingerprint}))
