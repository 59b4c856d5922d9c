"""Which of several processes on one PostgreSQL does what is done without being asked; on SQLite there is but one."""

from orchestrator.engine.presence import Presence, enter
from orchestrator.errors import Held
from orchestrator.store import Store

_NAME = "hand-off clerk"


class Turn:
    """`ours`: as last looked at. A PostgreSQL session holds it, so whoever dies is followed by another."""

    def __init__(self, store: Store) -> None:
        self.ours = store.one_process
        self._store = store
        self._presence: Presence | None = None

    def look(self) -> None:
        if self._store.one_process:
            return
        try:
            if self._presence is None:
                self._presence = enter(self._store, _NAME)
            self._presence.stay()
        except Held:
            self.ours = False
        else:
            self.ours = True

    def leave(self) -> None:
        self.ours = False
        if self._presence is not None:
            self._presence.leave()
