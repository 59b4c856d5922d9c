"""Writes that are sent once, and waits for what nobody signals."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from pydantic import JsonValue

from drivers.errors import Transient
from orchestrator.steps.netboot import again
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
    return job.now() - _began(job, key)


def look_later(job: Job, key: str, what: str, within: timedelta) -> Park:
    """Wait for what nobody signals, `within` that time since this was first asked: soon at first, then less often."""
    began = _began(job, key)
    pause = min(_LATEST, max(_SOONEST, (job.now() - began) / 4))
    return Park("", 0, what, within, again=pause, since=began)


def _began(job: Job, key: str) -> datetime:
    return datetime.fromisoformat(str(job.once(f"{key} since", lambda: job.now().isoformat(), again)))
