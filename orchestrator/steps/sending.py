"""Writes that are sent once, and waits for what nobody signals."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from pydantic import JsonValue

from drivers.errors import Transient
from orchestrator.steps.netboot import again
from orchestrator.store import now
from orchestrator.work import Job, Park

_NOT_SENT = "nothing was sent"
# Between two looks. Quirk 27: no faster than once a minute on the long run.
_SOONEST, _LATEST = timedelta(seconds=2), timedelta(seconds=60)


def sent(job: Job, key: str, send: Callable[[], JsonValue], seen: Callable[[], bool | None]) -> JsonValue:
    """What came of it, done once. A try that provably sent nothing is followed by another, in a later attempt."""
    for number in count(1):
        failed: list[Transient] = []

        def attempt(failed: list[Transient] = failed) -> JsonValue:
            try:
                return send()
            except Transient as error:
                failed.append(error)
                return _NOT_SENT

        told = job.once(f"{key}, try {number}", attempt, seen)
        if failed:
            raise failed[0]
        if told != _NOT_SENT:
            return told
    raise AssertionError(key)


def waited(job: Job, key: str) -> timedelta:
    """How long it is since this was first asked, across restarts."""
    began = job.once(f"{key} since", lambda: now().isoformat(), again)
    return now() - datetime.fromisoformat(str(began))


def look_later(job: Job, key: str, what: str, within: timedelta) -> Park:
    """Wait for what nobody signals: soon at first, then less often. `2 of 15 min` stands in the wait's text."""
    spent = waited(job, key)
    told = f"{what}, {spent.total_seconds() / 60:.0f} of {within.total_seconds() / 60:.0f} min"
    pause = min(_LATEST, max(_SOONEST, spent / 4))
    return Park("", 0, told, max(within - spent, timedelta()), again=pause)
