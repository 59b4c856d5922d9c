"""What happens on a host as it happens: streamed where the BMC offers it, else seen by looking at its log.

Source: DSP0266 13.5 (server-sent events), DSP0268 (EventService, Event); quirk 27 (how often a BMC may be asked).
"""

import json
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta

from pydantic import JsonValue

from drivers.ability.health import LogEntry
from drivers.errors import Busy, Garbled, Refused, Transient, Unreachable, Unsupported
from drivers.patience import Patience
from drivers.redfish.eventlog import RedfishLog, entry_of
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.sse import Parser, Sent, TooLong

_QUIET = timedelta(minutes=1)  # between two looks at a log in which nothing happens
_GROWTH = 1.6
_LOOKED_AT = 50  # entries; more in one pause are rare, and the oldest of them are lost
_REMEMBERED = 512  # events; a stream that is taken up again repeats some
_EVENTS = 200  # of one record


class RedfishEvents:
    def __init__(self, session: RedfishSession, log: RedfishLog, patience: Patience) -> None:
        self._session = session
        self._log = log
        self._patience = patience
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)

    def within(self, span: timedelta) -> Iterator[LogEntry]:
        """Each event once, until `span` is over. A stream that is not there, or no stream, is no error."""
        ends = time.monotonic() + span.total_seconds()
        place = self._stream()
        if place is not None:
            try:
                yield from self._streamed(place, ends)
            except (Busy, Garbled, Refused, Unsupported):
                pass
            else:
                return
        yield from self._looked(ends)

    def _stream(self) -> str | None:
        link = self._session.root.link("EventService")
        service = self._session.find(link) if link else None
        if service is None or service.flag("ServiceEnabled") is False:
            return None
        return service.text("ServerSentEventUri")

    def _streamed(self, place: str, ends: float) -> Iterator[LogEntry]:
        """Taken up again after each break, from the last event that came, ever less often while none comes."""
        parser = Parser()
        flowed = False
        pause = self._patience.poll.total_seconds() / 10
        while time.monotonic() < ends:
            headers = {"Last-Event-ID": parser.last_id} if parser.last_id else {}
            try:
                for piece in self._session.pieces(place, headers, ends):
                    flowed = True
                    for sent in parser.feed(piece):
                        pause = self._patience.poll.total_seconds() / 10
                        yield from self._new(sent)
            except Unreachable as error:
                if not flowed:
                    raise Busy(error.who, error.what, error.remedy) from error
            except TooLong as error:
                raise Garbled(self._session.who, "an event of its stream does not end", "look at its log") from error
            asked = (parser.retry_ms or 0) / 1000
            parser = Parser(last_id=parser.last_id, retry_ms=parser.retry_ms)
            _rest(max(pause, min(asked, _QUIET.total_seconds())), ends)
            pause = min(pause * _GROWTH, _QUIET.total_seconds())

    def _new(self, sent: Sent) -> Iterator[LogEntry]:
        """The events of one record that were not told yet. What is no record is passed over."""
        try:
            told: JsonValue = json.loads(sent.data)
        except (ValueError, RecursionError):
            return
        record = Resource(f"event {sent.id}", told if isinstance(told, dict) else {})
        for place, one in enumerate(record.objects("Events")):
            name = one.text("EventId") or f"{sent.id or record.text('Id') or ''}.{place}"
            if place < _EVENTS and name not in self._seen:
                self._seen.append(name)
                yield entry_of(one, name)

    def _looked(self, ends: float) -> Iterator[LogEntry]:
        """What is new in the log at each look. The pause grows while nothing is."""
        known: set[str] | None = None
        pause = shortest = self._patience.poll.total_seconds()
        while True:
            try:
                entries = self._log.newest(_LOOKED_AT)
            except Transient:
                entries = ()
            else:
                if known is None and self._log.whole:
                    known = {one.id for one in entries}
                fresh = [one for one in reversed(entries) if known is not None and one.id not in known]
                known = known and {*known, *(one.id for one in fresh)}
                yield from fresh
                pause = shortest if fresh else pause
            if time.monotonic() >= ends:
                return
            _rest(pause, ends)
            pause = min(pause * _GROWTH, _QUIET.total_seconds())


def _rest(seconds: float, ends: float) -> None:
    time.sleep(max(0.0, min(seconds, ends - time.monotonic())))
