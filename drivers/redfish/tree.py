"""One reading of a Redfish tree: each resource is asked for once, and what is odd becomes a finding."""

from collections.abc import Iterator

from drivers.errors import Busy, Garbled, Refused, Unsupported
from drivers.facts import Finding
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession

_PAGES = 100  # of one collection; the longest met are logs, which we do not read
_MEMBERS = 2000
_REFERENCE_ONLY = frozenset({"@odata.id", "@odata.type", "@odata.etag", "Id", "Name"})


class Tree:
    """Reads what it can. Only a lost BMC or login ends the reading: one bad resource is a finding and reads empty."""

    def __init__(self, session: RedfishSession, known: Resource) -> None:
        """`known` has been read already and is not asked for again."""
        self.findings: list[Finding] = []
        self._session = session
        self._read = {_key(known.path): self._noted(known)}

    def at(self, path: str | None) -> Resource:
        """The resource at a link; an empty one where there is no link, or nothing good behind it."""
        if path is None:
            return Resource("", {})
        key = _key(path)
        if key not in self._read:
            self._read[key] = self._ask(path.partition("#")[0])
        return self._read[key]

    def members(self, path: str | None) -> Iterator[Resource]:
        """The members of a collection, over all its pages, each once; those written out in it are not asked for."""
        seen: set[str] = set()
        for page in self._pages(path):
            for entry in page.objects("Members"):
                link = entry.link()
                if link is None or link in seen:
                    continue
                seen.add(link)
                if len(seen) > _MEMBERS:
                    self.note("too-many-members", page.path, f"stopped after {_MEMBERS} members")
                    return
                written_out = entry.body.keys() - _REFERENCE_ONLY
                yield Resource(link, entry.body, self.findings) if written_out else self.at(link)

    def links(self, path: str | None) -> tuple[str, ...]:
        """Where the members of a collection are, over all its pages, each once; none of them is asked for."""
        return tuple(dict.fromkeys(link for page in self._pages(path) for link in page.links("Members")))

    def _pages(self, path: str | None) -> Iterator[Resource]:
        seen: set[str] = set()
        while path is not None:
            if path in seen or len(seen) >= _PAGES:
                self.note("page-loop", path, f"the pages do not end: stopped after {len(seen)}")
                return
            seen.add(path)
            page = self.at(path)
            yield page
            path = page.text("Members@odata.nextLink")

    def _ask(self, path: str) -> Resource:
        try:
            told = self._session.find(path)
        except (Busy, Garbled, Refused, Unsupported) as error:
            self.note("unreadable", path, error.what)
            return Resource(path, {}, self.findings)
        if told is None:
            self.note("dangling-link", path, "a link leads here and nothing is here")
            return Resource(path, {}, self.findings)
        return self._noted(told)

    def _noted(self, resource: Resource) -> Resource:
        return Resource(resource.path, resource.body, self.findings)

    def note(self, code: str, path: str, says: str) -> None:
        self.findings.append(Finding(code, path, says))


def _key(path: str) -> str:
    return path.partition("#")[0].rstrip("/")
