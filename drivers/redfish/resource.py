"""One resource of a Redfish tree, read tolerantly: BMCs leave out, null and mistype whatever they like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import JsonValue

from drivers.facts import Finding
from drivers.plain import plain
from drivers.wire.https import Json

_UNREADABLE = "\ufffd"  # what stands for bytes that were no UTF-8
_SHOWN = 40  # characters of a wrong value in a finding
_LONGEST_LINK = 2048
_HIGHEST = 2**63  # no quantity that we read is larger; what is would overflow whoever reckons with it


@dataclass(frozen=True)
class Resource:
    """A JSON object and where it was. What is absent, null or empty reads as None; a wrong type too, with a finding.

    `methods` are those that the service said it takes there (RFC 9110, Allow); empty where it did not say.
    """

    path: str
    body: Json
    odd: list[Finding] = field(default_factory=list, compare=False)
    methods: frozenset[str] = field(default=frozenset(), compare=False)

    def text(self, *keys: str) -> str | None:
        """As it was told, but for the white space around it. Not fit for a terminal: that is `label`."""
        value = self._at(keys)
        if isinstance(value, str) and _UNREADABLE not in value:
            return value.strip() or None
        self._wrong(keys, value, "text")
        return None

    def flag(self, *keys: str) -> bool | None:
        value = self._at(keys)
        if isinstance(value, bool):
            return value
        self._wrong(keys, value, "true or false")
        return None

    def label(self, *keys: str) -> str | None:
        """A text for people: one line, bounded, without control characters."""
        value = self.text(*keys)
        return (plain(value).strip() or None) if value is not None else None

    def number(self, *keys: str) -> float | None:
        """Not negative and finite: any quantity that we read is."""
        value = self._at(keys)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _HIGHEST:
            return value
        self._wrong(keys, value, "a number")
        return None

    def whole(self, *keys: str) -> int | None:
        value = self.number(*keys)
        return None if value is None else round(value)

    def inner(self, *keys: str) -> "Resource":
        """An object inside; an empty one where there is none."""
        value = self._at(keys)
        if not isinstance(value, dict):
            self._wrong(keys, value, "an object")
        return Resource(f"{self.path}#/{'/'.join(keys)}", value if isinstance(value, dict) else {}, self.odd)

    def items(self, *keys: str) -> tuple[JsonValue, ...]:
        """The entries of an array; none where there is none."""
        value = self._at(keys)
        if isinstance(value, list):
            return tuple(value)
        self._wrong(keys, value, "an array")
        return ()

    def objects(self, *keys: str) -> Iterator["Resource"]:
        for place, entry in enumerate(self.items(*keys)):
            if isinstance(entry, dict):
                yield Resource(f"{self.path}#/{'/'.join(keys)}/{place}", entry, self.odd)
            else:
                self._wrong((*keys, str(place)), entry, "an object")

    def texts(self, *keys: str) -> tuple[str, ...]:
        return tuple(entry for entry in self.items(*keys) if isinstance(entry, str))

    def labels(self, *keys: str) -> tuple[str, ...]:
        """Texts for people, each once."""
        return tuple(dict.fromkeys(word for text in self.texts(*keys) if (word := plain(text).strip())))

    def link(self, *keys: str) -> str | None:
        """A path from the root; of a link that names a host too, whichever, what follows it."""
        path = self.text(*keys, "@odata.id")
        if path is not None and (len(path) > _LONGEST_LINK or not path.isprintable()):
            self._wrong((*keys, "@odata.id"), path, "a link")
            return None
        return _from_root(path) if path is not None and not path.startswith("/") else path

    def links(self, *keys: str) -> tuple[str, ...]:
        """The links of an array of references, each once; a lone reference counts as an array of one."""
        if isinstance(self._at(keys), dict):
            alone = self.link(*keys)
            return (alone,) if alone else ()
        return tuple(dict.fromkeys(link for entry in self.objects(*keys) if (link := entry.link())))

    def _at(self, keys: tuple[str, ...]) -> JsonValue:
        inside: Mapping[str, JsonValue] = self.body
        for key in keys[:-1]:
            value = inside.get(key)
            if not isinstance(value, dict):
                return None
            inside = value
        return inside.get(keys[-1])

    def _wrong(self, keys: tuple[str, ...], value: JsonValue, wanted: str) -> None:
        if value is not None:
            where = f"{self.path}#/{'/'.join(keys)}"
            # A compound is named, not shown: it may be as large as the whole answer, or too deep to print.
            kinds = {dict: "an object", list: "an array"}
            told = next((name for kind, name in kinds.items() if isinstance(value, kind)), None)
            told = told or repr(plain(str(value), _SHOWN))
            self.odd.append(Finding("wrong-type", where, f"expected {wanted}, was told {told}"))


def _from_root(link: str) -> str:
    """As it is, where it is no link to a service of this kind: whoever follows it says so."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    told = link if not parts.netloc else link[link.index(parts.netloc) + len(parts.netloc) :]
    return f"/{told}" if told.startswith("redfish/") else told or link
