"""Where first-met BMC certificates are remembered."""

from datetime import datetime

from sqlmodel import Field, Session, SQLModel

from orchestrator.events import Event
from orchestrator.store import Store, now


class Pin(SQLModel, table=True):
    """`address` is the BMC's HOST[:PORT], `fingerprint` the SHA-256 of the certificate that it first showed."""

    address: str = Field(primary_key=True)
    fingerprint: str
    at: datetime


class PinTable:
    """`drivers.trust.Pins` in the database; a first contact is an event."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def fingerprint(self, address: str) -> str | None:
        with Session(self._store.engine) as session:
            pin = session.get(Pin, address)
            return pin.fingerprint if pin else None

    def pin(self, address: str, fingerprint: str) -> None:
        """Of two first contacts at one time, the one that comes second finds the address taken, and changes nothing."""
        with self._store.begin() as connection, Session(connection) as session:
            if session.get(Pin, address) is not None:
                return
            session.add(Pin(address=address, fingerprint=fingerprint, at=now()))
            session.flush()
            says = f"{address} shows certificate {fingerprint[:16]} at first contact; no other is trusted now"
            self._store.append(connection, Event("bmc.pinned", says, data={"address": address, "sha256": fingerprint}))
