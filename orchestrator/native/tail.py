"""How far the log has grown, for those who follow it: looked at once for all of them."""

import threading


class Tail:
    """`newest`: the id of the last event as last seen. `closed`: nobody will look any more."""

    def __init__(self) -> None:
        self.newest = 0
        self.closed = False
        self._lock = threading.Lock()
        self._readers: dict[str, int] = {}

    def enter(self, who: str, most: int) -> bool:
        """Whether there was room for one more reader of his."""
        with self._lock:
            if self._readers.get(who, 0) >= most:
                return False
            self._readers[who] = self._readers.get(who, 0) + 1
            return True

    def leave(self, who: str) -> None:
        with self._lock:
            self._readers[who] -= 1
            if not self._readers[who]:
                del self._readers[who]
