"""One resource of a Redfish tree, read tolerantly: BMCs leave out, null and mistype whatever they like."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

from drivers.facts import Finding
from drivers.wire.https import Json

_SHOWN = 40  # characters of a wrong value in a finding


@dataclass(frozen=True)
class Resource:
    """A JSON object and where it was. What is absent, null or empty reads as None; a wrong type too, with a finding."""

    path: str
    body: Json
    odd: list[Finding] = field(default_factory=list, compare=False)

    def text(self, *keys: str) -> str | None:
        value = self._at(keys)
        if isinstance(value, str):
            return value.strip() or None
        self._wrong(keys, value, "text")
        return None

    def flag(self, *keys: str) -> bool | None:
        value = self._at(keys)
        if isinstance(value, bool):
            return value
        self._wrong(keys, value, "true or false")
        return None

    def number(self, *keys: str) -> float | None:
        """Not negative: no quantity that we read can be."""
        value = self._at(keys)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
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

    def link(self, *keys: str) -> str | None:
        return self.text(*keys, "@odata.id")

    def links(self, *keys: str) -> tuple[str, ...]:
        """The links of an array of references, each once."""
        return tuple(dict.fromkeys(link for entry in self.objects(*keys) if (link := entry.link())))

    def _at(self, keys: tuple[str, ...]) -> JsonValue:
        value: JsonValue = dict(self.body)
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    def _wrong(self, keys: tuple[str, ...], value: JsonValue, wanted: str) -> None:
        if value is not None:
            where = f"{self.path}#/{'/'.join(keys)}"
            self.odd.append(Finding("wrong-type", where, f"expected {wanted}, was told {str(value)[:_SHOWN]!r}"))
