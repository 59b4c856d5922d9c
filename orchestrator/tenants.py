"""What is lent and what comes back, handed to the engine as it is written down; also what a crash or a role that was
still at work left undone."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from orchestrator import tenancies
from orchestrator.annealer import Annealer
from orchestrator.boot.drives import Drives
from orchestrator.engine import status
from orchestrator.engine.status import LastRun
from orchestrator.engine.vertex import ACTIVE, VertexKey
from orchestrator.errors import Held, Impossible
from orchestrator.tenancy import IMAGE, PORTS, READY, WIPED, Phase, Tenancy

_LOG = logging.getLogger("anneal.tenants")
_LOOKS = 1.0  # seconds between two looks at the tables


class Tenants:
    """A context manager: within it, what others wrote down is handed over, too."""

    def __init__(self, works: Annealer) -> None:
        self._works = works
        self._drives = Drives(works.state / "tenants")
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="anneal-tenants", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def keep_drive(self, node: str, drive: str) -> str:
        """A config drive, before the transaction that names it; its digest."""
        return self._drives.keep(node, drive)

    @contextmanager
    def lending(self) -> Iterator[Connection]:
        """One transaction, for `lending.lend` and `take_back` with whatever else is to be true with them."""
        with self._works.store.decide() as connection:
            yield connection
        self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            for told in self._pending():
                self._engage(told)

    def _pending(self) -> list[Tenancy]:
        """What the engine has not been given yet."""
        rows = status.last_runs(self._works.store, {IMAGE, WIPED, PORTS, READY})
        return [told for told in tenancies.read_all(self._works.store).values() if _due(told, rows)]

    def _engage(self, told: Tenancy) -> None:
        if told.phase is Phase.RELEASE:
            self._drives.drop(told.node)
        try:
            self._works.engage(told.node)
        except Held as error:
            _LOG.info("%s is handed over later: %s", told.node, error)
        except Impossible as error:
            _LOG.warning("%s cannot be lent or taken back: %s", told.node, error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hand_over()
            except SQLAlchemyError as error:
                _LOG.warning("the database does not answer, trying again: %s", type(error).__name__)
            self._stopping.wait(_LOOKS)


def _due(told: Tenancy, rows: Mapping[VertexKey, LastRun]) -> bool:
    """What was begun and nobody works on, or is the tenant's and has other VIFs than its ports were moved for."""
    row = rows.get((told.node, told.eraser))
    if row is None or row.inputs.get("claim") != told.consent:
        return True
    ready, carried = rows.get((told.node, READY)), rows.get((told.node, PORTS))
    had = ready is not None and ready.state == ACTIVE and told.phase is Phase.DEPLOY
    return had and carried is not None and carried.inputs.get("changes") != told.changes
