"""Commands of a storage node, as root by sudo, in the C locale."""

import shlex
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from pydantic import JsonValue, TypeAdapter, ValidationError

from drivers.errors import Garbled, Refused
from drivers.wire.ssh import Ran, Ssh

ANSWER = timedelta(minutes=2)  # an emulated node takes half a minute to start what reads all its disks
_ENVIRONMENT = ("env", "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1")  # lvm(8): sshd leaves descriptors open to it
_ROWS = TypeAdapter(list[dict[str, JsonValue]])
_REPORT = TypeAdapter(dict[str, list[dict[str, list[dict[str, str]]]]])
_NOTHING: Mapping[str, JsonValue] = MappingProxyType({})


class Root:
    """Every method raises `Unreachable`, `Busy`, `Refused` or `Garbled`."""

    def __init__(self, shell: Ssh) -> None:
        self._shell = shell
        self.who = shell.who

    def tried(self, *argv: str, within: timedelta = ANSWER, feed: str | None = None) -> Ran:
        """However it ends."""
        return self._shell.run(("sudo", "-n", *_ENVIRONMENT, *argv), within, feed)

    def told(self, *argv: str, within: timedelta = ANSWER, feed: str | None = None) -> str:
        ran = self.tried(*argv, within=within, feed=feed)
        if ran.exit:
            said = " ".join((ran.err or ran.out).split()) or "it gave no reason"
            raise Refused(self.who, f"`{shlex.join(argv)}` ended with {ran.exit}: {said}", "run it there by hand")
        return ran.out

    def rows(self, key: str, *argv: str) -> list[dict[str, JsonValue]]:
        """Of what util-linux prints as JSON; nothing printed is no row."""
        text = self.told(*argv)
        try:
            told = TypeAdapter(dict[str, JsonValue]).validate_json(text) if text.strip() else _NOTHING
            return _ROWS.validate_python(told.get(key, []))
        except ValidationError as error:
            raise self._garbled(argv) from error

    def report(self, kind: str, columns: str, *more: str) -> list[dict[str, str]]:
        """Of lvm: `kind` is pv, vg or lv; sizes in bytes."""
        argv = (f"{kind}s", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", columns, *more)
        try:
            told = _REPORT.validate_json(self.told(*argv))
        except ValidationError as error:
            raise self._garbled(argv) from error
        return [row for part in told.get("report", []) for row in part.get(kind, [])]

    def _garbled(self, argv: tuple[str, ...]) -> Garbled:
        return Garbled(self.who, f"`{shlex.join(argv)}` printed what is not its JSON", "run it there by hand")
