"""Server-sent events taken apart, whatever pieces they come in.

Source: WHATWG HTML living standard 9.2 (server-sent events).
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LARGEST = 1 << 20  # characters of one event, and of one line
_END = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"
_UTF8 = codecs.getincrementaldecoder("utf-8")


class TooLong(ValueError):
    """An event that does not end."""


@dataclass(frozen=True)
class Sent:
    """One event; `id` is where to go on from after a break, `retry_ms` what the server wants waited before."""

    id: str
    data: str
    retry_ms: int | None = None


@dataclass
class Parser:
    """Keeps what a piece leaves unfinished for the next. `last_id` holds until another comes."""

    last_id: str = ""
    retry_ms: int | None = None
    _rest: str = ""
    _data: list[str] = field(default_factory=list)
    _begun: bool = False
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def feed(self, piece: bytes) -> Iterator[Sent]:
        """The events that end in this piece. `TooLong`."""
        text = self._rest + self._decoder.decode(piece)
        if not self._begun and text:
            text, self._begun = text.removeprefix(_BOM), True
        # A carriage return at the end may be the first half of an end of line.
        held = text.endswith("\r")
        *lines, rest = _END.split(text[:-1] if held else text)
        self._rest = rest + "\r" if held else rest
        if len(self._rest) > _LARGEST:
            raise TooLong
        for line in lines:
            yield from self._line(line)

    def _line(self, line: str) -> Iterator[Sent]:
        if not line:
            data, self._data = "\n".join(self._data), []
            if data:
                yield Sent(self.last_id, data, self.retry_ms)
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            if sum(map(len, self._data)) > _LARGEST:
                raise TooLong
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value[:9])
