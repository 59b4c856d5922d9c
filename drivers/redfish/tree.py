"""One reading of a Redfish tree: each resource asked for once, within a budget, and what is odd made a finding."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drivers.errors import Busy, DriverError, Garbled, Refused, Transient, Unreachable, Unsupported
from drivers.facts import Finding
from drivers.plain import plain
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession

_PAGES = 100  # of one collection; the longest met are logs, which we do not read
_MEMBERS = 2000
_REFERENCE_ONLY = frozenset({"@odata.id", "@odata.type", "@odata.etag", "Id", "Name"})
_LOST = 2  # resources in a row behind which nobody answers: the BMC is gone
_FINDINGS = 200


@dataclass(frozen=True)
class Budget:
    """What one reading may cost a BMC and us. Where it is spent the rest reads as not told, with a finding."""

    requests: int = 600
    span: timedelta = timedelta(minutes=2)
    bytes: int = 64 << 20


class Tree:
    """Reads what it can. Only a lost BMC or login ends the reading: one bad resource is a finding and reads empty."""

    def __init__(
        self, session: RedfishSession, known: Resource, budget: Budget | None = None, *, whole: bool = False
    ) -> None:
        """`known` has been read already and is not asked for again.

        `whole`: a write depends on it, and no member is taken as it is written out at our wish (quirk 49).
        """
        self.findings: list[Finding] = []
        self.bad: set[str] = set()  # what was asked for and could not be read; a path of `_key`
        self.passing: list[Transient] = []  # why some of it could not be read now, and may be at the next reading
        self._session = session
        self._budget = budget or Budget()
        self._ends = time.monotonic() + self._budget.span.total_seconds()
        self._begun = session.cost
        self._whole = whole
        self._spent = False
        self._lost = 0
        self._absent: set[tuple[str, ...]] = set()
        self._read = {_key(known.path): self._noted(known)}
        self._folded: dict[str, str] = {}  # what was found, by its name in small letters

    def at(self, path: str | None, *, guessed: bool = False) -> Resource:
        """The resource at a link; an empty one where there is no link, or nothing good behind it.

        `guessed`: no link leads there, it is only where such a thing always is, and may well be missing.
        """
        if path is None:
            return Resource("", {})
        key = _key(path)
        if key not in self._read:
            self._read[key] = self._ask(path.partition("#")[0], guessed=guessed)
        return self._read[key]

    def failed(self, path: str | None) -> bool:
        """Whether there is a link and what is behind it could not be read: unknown, and not merely absent."""
        return path is not None and _key(path) in self.bad

    def members(self, path: str | None, *needs: str) -> Iterator[Resource]:
        """The members of a collection, over all its pages, each once; those written out in it are not asked for.

        With `needs`, the members' properties that matter, the BMC is asked to write them out where it says it can. A
        member that came without one of them is asked for by itself, until one shows that the tree has no more to tell.
        """
        seen: set[str] = set()
        for page in self._pages(path, needs):
            for entry in page.objects("Members"):
                link = entry.link()
                if link is None:
                    if entry.body.keys() - _REFERENCE_ONLY:
                        yield entry
                    continue
                if _key(link) in seen:
                    continue
                seen.add(_key(link))
                if len(seen) > _MEMBERS:
                    self.note("too-many-members", page.path, f"stopped after {_MEMBERS} members")
                    return
                yield self._member(link, entry, needs)

    def note(self, code: str, path: str, says: str) -> None:
        self.findings.append(Finding(code, path, says))

    def note_old_tls(self) -> None:
        """Where versions that protect little are taken (quirk 38)."""
        if self._session.old_tls:
            says = "it is let in by TLS older than 1.2, which protects neither login nor settings well: update it"
            self.note("old-tls", self._session.root.path, says)

    def note_untold(self, path: str, told: Mapping[str, object]) -> None:
        """One finding for all of these that are unknown: None, or a list in which nothing is.

        What is behind a `path` that could not be read may well be told there.
        """
        untold = [name for name, value in told.items() if value is None or value == ()]
        if untold:
            read = not self.failed(path)
            says = f"this BMC tells no {', '.join(untold)}" if read else f"not read: {', '.join(untold)}"
            self.note("not-told" if read else "not-read", path or self._session.root.path, says)

    def told(self) -> tuple[Finding, ...]:
        """All findings, each once, fit for people, and bounded."""
        every = [Finding(one.code, plain(one.path), plain(one.says)) for one in dict.fromkeys(self.findings)]
        if len(every) <= _FINDINGS:
            return tuple(every)
        last = Finding("more-findings", "", f"{len(every) - _FINDINGS} more findings are not shown")
        return (*every[:_FINDINGS], last)

    def links(self, path: str | None) -> tuple[str, ...]:
        """Where the members of a collection are, over all its pages, each once; none of them is asked for."""
        return tuple(dict.fromkeys(link for page in self._pages(path, ()) for link in page.links("Members")))

    def _member(self, link: str, entry: Resource, needs: tuple[str, ...]) -> Resource:
        """A member as it was written out, or as it reads by itself."""
        key = _key(link)
        if key in self._read or not entry.body.keys() - _REFERENCE_ONLY:
            return self.at(link)
        lacking = tuple(name for name in needs if name not in entry.body)
        if lacking and lacking not in self._absent:
            alone = self.at(link)
            if any(name in alone.body for name in lacking):
                # Quirk 49: some BMCs drop properties from members that they write out.
                self._session.expand = None
                return alone
            self._absent.add(lacking)
        self._read[key] = Resource(link, entry.body, self.findings)
        return self._read[key]

    def _pages(self, path: str | None, needs: tuple[str, ...]) -> Iterator[Resource]:
        seen: set[str] = set()
        while path is not None:
            if path in seen or len(seen) >= _PAGES:
                self.note("page-loop", path, f"the pages do not end: stopped after {len(seen)}")
                return
            page = self._written_out(path) if needs and not seen else None
            seen.add(path)
            page = page or self.at(path)
            yield page
            path = page.text("Members@odata.nextLink")

    def _written_out(self, path: str) -> Resource | None:
        """A collection with its members in it; None where this BMC does not do that, which is remembered."""
        plain_path, query = path.partition("#")[0], self._session.expand
        if self._whole or query is None or "?" in path or _key(path) in self._read or self._over():
            return None
        try:
            told = self._session.find(f"{plain_path}?$expand={query}")
        except (Busy, Garbled, Refused, Unreachable, Unsupported):
            told = None
        if told is None:
            return self._plainly(path)
        collection = Resource(plain_path, told.body, self.findings)
        entries = tuple(collection.objects("Members"))
        if entries and not any(entry.body.keys() - _REFERENCE_ONLY for entry in entries):
            self._session.expand = None
        self._read[_key(path)] = collection
        return collection

    def _plainly(self, path: str) -> Resource:
        """The collection as it always is. If that is there, it was the wish to have it written out that failed."""
        page = self.at(path)
        if page.body:
            self._session.expand = None
        return page

    def _ask(self, path: str, *, guessed: bool) -> Resource:
        if self._over():
            self.bad.add(_key(path))
            return Resource(path, {}, self.findings)
        try:
            told = self._session.find(path, *self._recased(path))
        except (Busy, Garbled, Refused, Unreachable, Unsupported) as error:
            return self._unread(path, error)
        self._lost = 0
        if told is None:
            if not guessed:
                self.bad.add(_key(path))
                self.note("dangling-link", path, "a link leads here and nothing is here")
            return Resource(path, {}, self.findings)
        self._folded.setdefault(_key(path).casefold(), _key(told.path))
        return self._noted(told)

    def _recased(self, path: str) -> tuple[str, ...]:
        """A link below something that was read under the same name in other letters, as there: iLO mixes the two."""
        above = path
        while above := above.rpartition("/")[0]:
            known = self._folded.get(above.casefold())
            if known is not None:
                return () if known == above else (known + path[len(above) :],)
        return ()

    def _unread(self, path: str, error: DriverError) -> Resource:
        self._lost = self._lost + 1 if isinstance(error, Unreachable) else 0
        if self._lost >= _LOST:
            raise error
        if isinstance(error, Transient):
            self.passing.append(error)
        self.bad.add(_key(path))
        self.note("unreadable", path, error.what)
        return Resource(path, {}, self.findings)

    def _over(self) -> bool:
        """Whether the budget is spent; the first time that is noted."""
        if self._spent:
            return True
        cost = self._session.cost
        if cost.requests - self._begun.requests >= self._budget.requests:
            why = f"{self._budget.requests} requests"
        elif cost.bytes - self._begun.bytes >= self._budget.bytes:
            why = f"{self._budget.bytes >> 20} MiB"
        elif time.monotonic() >= self._ends:
            why = f"{self._budget.span.total_seconds():.0f} s"
        else:
            return False
        self._spent = True
        self.note("budget-spent", self._session.root.path, f"stopped reading after {why}; what was not read is unknown")
        return True

    def _noted(self, resource: Resource) -> Resource:
        return Resource(resource.path, resource.body, self.findings, resource.methods)


def _key(path: str) -> str:
    return path.partition("#")[0].rstrip("/")
