"""The newest of what a host and its BMC logged, without downloading logs of thousands.

Source: DSP0268, LogService, LogEntry; DSP0266, $top, $skip and $expand.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from drivers.ability.health import LogEntry
from drivers.errors import Busy, Garbled, Refused, Unsupported
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree

_PAGES = 10  # of one log, where the BMC gives no way to its end
_WHOLE = 500  # entries; a log that says it has no more is asked for written out
_LONGEST = 500  # characters
_REFERENCE_ONLY = frozenset({"@odata.id", "@odata.type", "@odata.etag", "Id", "Name"})
_SKIP = re.compile(r"(\$skip=)(\d+)")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class RedfishLog:
    """The logs of these holders, a system and its manager. `whole`: each of them could be read the last time."""

    def __init__(self, session: RedfishSession, holders: Iterable[Resource]) -> None:
        self._session = session
        self._holders = tuple(holders)
        self.whole = False

    def newest(self, most: int) -> tuple[LogEntry, ...]:
        """Of all logs together. What has no time comes last."""
        found: dict[str, LogEntry] = {}
        self.whole = True
        for holder in self._holders:
            tree = Tree(self._session, holder)
            services = list(tree.members(holder.link("LogServices"), "Entries"))
            logs = [one.link("Entries") for one in services if one.flag("ServiceEnabled") is not False]
            for log in logs:
                found |= {entry.id: entry for entry in self._of(tree, log, most)}
            asked = (holder.link("LogServices"), *(one.path for one in services), *logs)
            self.whole = self.whole and not any(tree.failed(path) for path in asked)
        ordered = sorted(found.values(), key=lambda entry: entry.at or _EARLIEST, reverse=True)
        return tuple(ordered[:most])

    def _of(self, tree: Tree, path: str | None, most: int) -> list[LogEntry]:
        pages = list(self._pages(tree, path, most))
        members = {one.link(): one for page in pages for one in page.objects("Members") if one.link()}
        written = [one for one in members.values() if one.body.keys() - _REFERENCE_ONLY]
        if written or not members:
            return [_entry(one) for one in written]
        # References alone: the newest are those with the highest numbers, and only they are asked for.
        newest = sorted((link for link in members if link), key=_number, reverse=True)[:most]
        return [_entry(one) for link in newest if (one := tree.at(link)).body]

    def _pages(self, tree: Tree, path: str | None, most: int) -> Iterator[Resource]:
        """Enough of a log to have its newest. Of one that rises and shows no way to its end, the first pages alone."""
        page = self._first(tree, path, most)
        yield page
        rises, have = _rises(page), len(page.items("Members"))
        following = page.text("Members@odata.nextLink")
        following = (_end_of(page, following, most) if rises else None) or following
        for _ in range(_PAGES):
            if following is None or (have >= most and not rises):
                return
            page = tree.at(following)
            yield page
            have += len(page.items("Members"))
            following = page.text("Members@odata.nextLink")

    def _first(self, tree: Tree, path: str | None, most: int) -> Resource:
        plain = tree.at(path)
        count = plain.whole("Members@odata.count") or len(plain.items("Members"))
        listed = any(one.body.keys() - _REFERENCE_ONLY for one in plain.objects("Members"))
        if listed or not count or path is None:
            return plain
        features = self._session.root.inner("ProtocolFeaturesSupported")
        skips = features.flag("TopSkipQuery") is True
        query = f"$top={most}&$skip={max(count - most, 0)}" if skips and count > most else None
        if self._session.expand and (query or count <= _WHOLE):
            query = f"$expand={self._session.expand}" + (f"&{query}" if query else "")
        return (self._asked(f"{path}?{query}") if query else None) or plain

    def _asked(self, path: str) -> Resource | None:
        try:
            return self._session.find(path)
        except (Busy, Garbled, Refused, Unsupported):
            return None


def _end_of(first: Resource, following: str | None, most: int) -> str | None:
    """The way to the last `most`, where its own link shows that it skips by number, and it says how many it has."""
    count = first.whole("Members@odata.count")
    if following is None or count is None or not _SKIP.search(following):
        return None
    return _SKIP.sub(lambda found: f"{found[1]}{max(count - most, len(first.items('Members')))}", following, count=1)


def _rises(page: Resource) -> bool:
    """Whether later entries come later in it."""
    times = [at for one in page.objects("Members") if (at := _moment(one)) is not None]
    if len(times) > 1:
        return times[0] < times[-1]
    numbers = [_number(link) for link in page.links("Members")]
    return len(numbers) > 1 and numbers[0] < numbers[-1]


def _number(link: str) -> int:
    digits = re.findall(r"\d+", link.rstrip("/").rpartition("/")[2])
    return int(digits[-1]) if digits else 0


def _moment(one: Resource) -> datetime | None:
    for key in ("Created", "EventTimestamp"):
        try:
            at = datetime.fromisoformat(one.text(key) or "")
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _entry(one: Resource) -> LogEntry:
    return entry_of(one, one.link() or one.path)


def entry_of(one: Resource, name: str) -> LogEntry:
    """A LogEntry, or one of the Events of a record (DSP0268), under this name."""
    args = ", ".join(one.texts("MessageArgs"))
    says = one.label("Message") or " ".join(word for word in (one.label("MessageId"), args) if word)
    severity = one.label("MessageSeverity") or one.label("Severity") or one.label("Oem", "Hpe", "Severity")
    return LogEntry(name, _moment(one), severity, (says or "it says nothing")[:_LONGEST])
