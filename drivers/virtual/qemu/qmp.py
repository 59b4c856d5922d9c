"""QMP, QEMU's own management protocol, on a Unix socket. Source: QEMU 7.2 docs/interop/qmp-spec.txt."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.virtual.errors import CommandFailed

WITHIN = 20.0  # seconds; the monitor answers from QEMU's main loop, which a busy host may hold up


class Qmp:
    """One conversation. QEMU serves one at a time: hold the machine's lock."""

    def __init__(self, path: Path) -> None:
        self._who = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(WITHIN)
        self._lines = self._socket.makefile("rb")
        self._events: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._socket.connect(self._who)
            self._read()
        except OSError as error:
            self._socket.close()
            raise CommandFailed(self._who, f"QEMU's monitor: {error}", "look at the machine's log") from error
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, command: str, arguments: Mapping[str, object] | None = None) -> None:
        """Send one command and wait for its answer. `CommandFailed` where QEMU refuses."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n")
        while True:
            told = self._read()
            if "error" in told:
                raise CommandFailed(self._who, f"{command}: {told['error']}", "look at the machine's log")
            if "return" in told:
                return

    def await_event(self, name: str) -> None:
        while name not in self._events:
            self._read()

    def _read(self) -> dict[str, object]:
        line = self._lines.readline()
        if not line:
            raise CommandFailed(self._who, "QEMU closed its monitor", "look at the machine's log")
        told: dict[str, object] = json.loads(line)
        if "event" in told:
            self._events.append(str(told["event"]))
        return told
