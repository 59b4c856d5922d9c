"""One process changes a switch at a time: the engine's leases, kept while the change lasts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.engine import leases
from orchestrator.engine.tables import LEASE
from orchestrator.processes import gone, here
from orchestrator.store import Store

_RENEWED = leases.TERM.total_seconds() / 6
_KIND, _WHO = "switch:", "a change by "


@contextmanager
def changing(store: Store, switch: str) -> Iterator[None]:
    """Have the switch to ourselves, however long it takes. `Held` says who has it."""
    whose, over = f"{_WHO}{here()}", threading.Event()

    def renew() -> None:
        """A database that does not answer is asked again the next time; the lease outlasts some of these."""
        while not over.wait(_RENEWED):
            with suppress(SQLAlchemyError), store.decide() as connection:
                leases.renew(connection, [whose])

    with leases.hold(store, f"{_KIND}{switch}", whose, leases.TERM):
        keeper = threading.Thread(target=renew, name=f"lease-{switch}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()


def left(store: Store) -> tuple[str, ...]:
    """Switches that a process which is gone was changing."""
    with store.engine.connect() as connection:
        ours = (LEASE.c.resource.startswith(_KIND), LEASE.c.holder.startswith(_WHO))
        rows = connection.execute(select(LEASE.c.resource, LEASE.c.holder).where(*ours))
        return tuple(row.resource.removeprefix(_KIND) for row in rows if gone(row.holder.removeprefix(_WHO)))


def free(store: Store, switch: str) -> None:
    """Drop the lease that a dead process left."""
    with store.decide() as connection:
        connection.execute(delete(LEASE).where(LEASE.c.resource == f"{_KIND}{switch}"))
