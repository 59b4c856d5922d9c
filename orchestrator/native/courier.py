"""Taking events to webhooks: each hook's in the order of the log, one at a time, again and again until it is enough.

What is kept of a hook is its place in the log. It moves on when the other end has said 2xx, so an event may come twice,
by the same id, and none is left out.
"""

import logging
import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import RowMapping, select, update
from sqlalchemy.exc import OperationalError

from orchestrator.events import Event as Happened
from orchestrator.native import events, message
from orchestrator.native.ask import Front
from orchestrator.native.outside import Answered, NoAnswer, NotOutside
from orchestrator.native.tables import HOOK
from orchestrator.native.turn import Turn
from orchestrator.store import Store, now

ACTIVE, FAILED = "active", "failed"
# Waits after the first, second ... failure: the schedule that Standard Webhooks proposes. After the last: given up.
WAITS = tuple(
    timedelta(seconds=one) for one in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)  # fmt: skip
_LONGEST = timedelta(days=1)  # that a receiver may ask for
_JITTER = 0.1
_AT_ONCE = 8  # hooks
_BATCH = 50  # events of one hook, before others have their turn
_LOOK_SECONDS = 0.2
_GONE = 410  # by Standard Webhooks: no more of this
_LOG = logging.getLogger("anneal.native")


class Courier(AbstractContextManager["Courier"]):
    """Works within its `with`, while it is this process's turn."""

    def __init__(self, site: str, store: Store, front: Front, turn: Turn) -> None:
        self._site = site
        self._store = store
        self._tail = front.tail
        self._turn = turn
        self._outside = front.outside
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="native-courier", daemon=True)
        self._hands = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="native-hook")
        self._busy: dict[str, Future[None]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._hands.shutdown(wait=False, cancel_futures=True)  # what is under way is sent again: it was not noted

    def _work(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                for ident in self._due() if self._turn.ours else ():
                    if ident not in self._busy or self._busy[ident].done():
                        self._busy[ident] = self._hands.submit(self._serve, ident)
            except OperationalError as error:
                _LOG.warning("the database failed: %s", error.orig)

    def _due(self) -> list[str]:
        behind = (HOOK.c.state == ACTIVE, HOOK.c.place < self._tail.newest, HOOK.c.next_at <= now().timestamp())
        with self._store.engine.connect() as connection:
            return list(connection.scalars(select(HOOK.c.uuid).where(*behind).order_by(HOOK.c.next_at)))

    def _serve(self, ident: str) -> None:
        try:
            for _ in range(_BATCH):
                with self._store.engine.connect() as connection:
                    hook = connection.execute(select(HOOK).where(HOOK.c.uuid == ident)).mappings().one_or_none()
                if hook is None or hook["state"] != ACTIVE or self._stop.is_set() or not self._one(hook):
                    return
        except OperationalError as error:
            _LOG.warning("webhook %s: the database failed: %s", ident, error.orig)

    def _one(self, hook: RowMapping) -> bool:
        """Whether an event was taken there."""
        event, place = events.following(self._store, hook["owner"], hook["kinds"], hook["place"])
        if event is None:
            self._moved(hook, place, {})
            return False
        try:
            answer = self._sent(hook, event)
        except (NotOutside, NoAnswer) as error:
            self._failed(hook, str(error), None)
            return False
        if 200 <= answer.status < 300:
            says = f"{event.kind} was taken: status {answer.status}"
            self._moved(hook, place, {"attempts": 0, "says": says, "delivered_at": now().timestamp()})
            return True
        self._failed(hook, f"it answered with status {answer.status}", answer)
        return False

    def _sent(self, hook: RowMapping, event: events.Event) -> Answered:
        at = now().timestamp()
        keys = [hook["secret"], *([hook["former"]] if at < (hook["former_until"] or 0) else [])]
        content = message.body(self._site, event)
        return self._outside.post(hook["url"], content, message.headers(event.cursor, content, int(at), keys))

    def _moved(self, hook: RowMapping, place: int, values: dict[str, object], told: Happened | None = None) -> None:
        """Unless it was put elsewhere meanwhile."""
        here = (HOOK.c.uuid == hook["uuid"], HOOK.c.place == hook["place"], HOOK.c.updated_at == hook["updated_at"])
        with self._store.begin() as connection:
            done = connection.execute(update(HOOK).where(*here).values({"place": place, **values}))
            if told is not None and done.rowcount == 1:
                self._store.append(connection, told)

    def _failed(self, hook: RowMapping, says: str, answer: Answered | None) -> None:
        attempts = hook["attempts"] + 1
        if attempts > len(WAITS) or (answer is not None and answer.status == _GONE):
            self._given_up(hook, attempts, says)
            return
        wait = WAITS[attempts - 1].total_seconds() * random.uniform(1, 1 + _JITTER)  # noqa: S311  no secret hangs on it
        if answer is not None and answer.again is not None:
            wait = max(wait, min(answer.again, _LONGEST.total_seconds()))
        self._moved(hook, hook["place"], {"attempts": attempts, "says": says, "next_at": now().timestamp() + wait})

    def _given_up(self, hook: RowMapping, attempts: int, says: str) -> None:
        text = f"webhook {hook['uuid']} is given up after {attempts} attempts: {says}"
        data = {} if hook["owner"] is None else {"tenant": hook["owner"]}
        told = Happened("handoff.webhook_failed", text, data=data)
        self._moved(hook, hook["place"], {"state": FAILED, "attempts": attempts, "says": says}, told)
