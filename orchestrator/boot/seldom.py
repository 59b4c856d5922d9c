"""What may be said once an hour and subject, so that a babbling machine cannot fill the log."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

EVERY = timedelta(hours=1)
SUBJECTS = 4096  # the oldest is forgotten first


class Seldom:
    """Remembers, within bounds, what was said when."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, ...], datetime] = OrderedDict()
        self._lock = threading.Lock()

    def due(self, subject: tuple[str, ...], at: datetime) -> bool:
        """True at most once an hour for a subject; asking counts as saying."""
        with self._lock:
            last = self._said.get(subject)
            if last is not None and at - last < EVERY:
                return False
            self._said[subject] = at
            self._said.move_to_end(subject)
            if len(self._said) > SUBJECTS:
                self._said.popitem(last=False)
            return True
