"""A file on its way to a BMC: streamed once, its length known before, alone or as a part of a form.

Source: RFC 7578 (multipart/form-data); DSP0266, multipart HTTP push updates.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from io import SEEK_END
from typing import BinaryIO

_CHUNK = 1 << 16  # bytes held at a time
_BYTES = "application/octet-stream"
_UNQUOTED = re.compile(r"[^\w.+-]", re.ASCII)


class Parcel:
    """Bytes before, an open file, bytes after. `kind` is its Content-Type. Read from front to back, once."""

    def __init__(self, file: BinaryIO, kind: str = _BYTES, ends: tuple[bytes, bytes] = (b"", b"")) -> None:
        self.kind = kind
        self._file = file
        self._before, self._after = ends
        self._length = file.seek(0, SEEK_END) + len(self._before) + len(self._after)
        file.seek(0)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK):
            yield chunk

    def read(self, most: int = _CHUNK) -> bytes:
        """Some of what is left; nothing where all of it was read."""
        if self._before:
            told, self._before = self._before[:most], self._before[most:]
            return told
        if told := self._file.read(most):
            return told
        told, self._after = self._after[:most], self._after[most:]
        return told


def form(file: BinaryIO, name: str, parts: Mapping[str, str]) -> Parcel:
    """The file as `UpdateFile` behind JSON `parts`, as DSP0266 has it. `name` is what the BMC sees of its name."""
    edge = secrets.token_hex(16)
    before = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{part}"\r\nContent-Type: application/json\r\n\r\n{text}\r\n'
        for part, text in parts.items()
    )
    shown = _UNQUOTED.sub("_", name)
    before += f'--{edge}\r\nContent-Disposition: form-data; name="UpdateFile"; filename="{shown}"\r\n'
    before += f"Content-Type: {_BYTES}\r\n\r\n"
    return Parcel(file, f"multipart/form-data; boundary={edge}", (before.encode(), f"\r\n--{edge}--\r\n".encode()))
