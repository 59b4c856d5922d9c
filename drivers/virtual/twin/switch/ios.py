"""Cisco IOS XE on a Catalyst: lines take effect at once; a file to go back to, and a revert timer by its archive.

Source: Cisco IOS XE 17 configuration management guide, "Configuration Replace and Configuration Rollback" (`configure
terminal revert timer`, `configure confirm`, `configure replace`: the timer wants `archive`, is one for the whole switch
and goes back to what ran as it began), "Exclusive Configuration Change Access" (`configuration mode exclusive`; the
words for who comes second are as Cisco's own test doubles have them); napalm's ios.py for what is asked of the timer.
"""

import time
from collections.abc import Mapping

from drivers.virtual.twin.faults import Strike
from drivers.virtual.twin.switch import ios_text
from drivers.virtual.twin.switch.chassis import Chassis
from drivers.virtual.twin.switch.command_line import Config, Grammar, copied, rendered
from drivers.virtual.twin.switch.immediate import OTHERS, Immediate, Invalid, blank

VERSION = "17.9.4a"
GRAMMAR = Grammar(
    lag="Port-channel",
    indent=" ",
    single=(
        "switchport trunk native vlan", "switchport trunk allowed vlan", "switchport access vlan", "switchport mode",
        "spanning-tree portfast", "channel-group", "description", "mtu", "name", "shutdown",
    ),
    defaults=("switchport access vlan 1", "switchport trunk native vlan 1", "mtu 1500"),
    fallback="no port-channel standalone-disable",
    edge_everywhere="spanning-tree portfast default",
    edge_on_trunk="spanning-tree portfast trunk",
    negative=("switchport", "port-channel standalone-disable"),
)  # fmt: skip
_ARCHIVE: Config = {"archive": ["path flash:before"], "lldp run": []}
_NO_FILE = "%Error opening flash:{} (No such file or directory)\n"


class Ios(Immediate):
    """`Switch` of Cisco IOS. `kept`: files on its flash; `ends`: when its revert timer goes off (monotonic)."""

    def __init__(self, chassis: Chassis, startup: Config | None = None) -> None:
        self.version = chassis.spec.version or VERSION
        self.ends: float | None = None
        self.timed_by, self.minutes = "", 0
        first = startup if startup is not None else blank(chassis, "GigabitEthernet0/0", copied(_ARCHIVE))
        super().__init__(chassis, GRAMMAR, first)

    def reload(self) -> None:
        super().reload()
        self.ends = None

    def heed(self, fault: Strike, *, on: bool) -> None:
        super().heed(fault, on=on)
        if fault.code == "F34" and fault.word == "waits":
            self.before, self.ends = copied(self.running), float("inf") if on else None
            self.timed_by, self.minutes = OTHERS, 120

    def counters(self) -> Mapping[str, object]:
        return {**super().counters(), "timed": "revert timer" if self.ends is not None else None}

    def tick(self) -> None:
        if self.ends is not None and time.monotonic() >= self.ends:
            self.go_back(self.before)
            self.ends = None

    def archives(self) -> bool:
        return any(line.startswith("path ") for line in self.running.get("archive", ()))

    def enter(self, words: list[str]) -> str:
        """What `configure terminal` says, with a timer or without; `Invalid` where it is not entered by it."""
        if self.locked_by is not None:
            raise Invalid(ios_text.locked(self.locked_by))
        if words[:2] == ["revert", "timer"]:
            self._start_timer(words[2:])
        elif words:
            raise Invalid(ios_text.INVALID)
        return "Enter configuration commands, one per line.  End with CNTL/Z.\n"

    def _start_timer(self, words: list[str]) -> None:
        if not self.archives():
            raise Invalid("%Turn config archive on before using Rollback Confirmed Change\n")
        if len(words) != 1 or not words[0].isdigit() or int(words[0]) not in range(1, 121):
            raise Invalid(ios_text.INVALID)
        self.before = copied(self.running)
        if not self.chassis.on("F17", "timer"):
            self.timed_by, self.minutes = self.chassis.spec.user, int(words[0])
            self.ends = time.monotonic() + 60 * self.minutes

    def line(self, head: str, line: str) -> str:
        """As `configure`; each line is a write of its own."""
        try:
            told = self.configure(head, line)
        except Invalid:
            raise Invalid(ios_text.INVALID) from None
        self.written("commit")
        return told

    def changed(self) -> None:
        super().changed()
        path = self.chassis.on("F33", "path")
        if not self.in_force:
            self.ends = None
        elif path is not None and self.ends is not None and path.seconds:
            self.ends = time.monotonic() + path.lasting()

    def answer(self, command: str) -> str:
        """In EXEC mode. `Lost` where none comes."""
        words = command.split()
        if words[0] in ("show", "dir"):
            return ios_text.told(self, command) or self._config(command)
        match words:
            case ["configure", "confirm"]:
                return self._confirmed()
            case ["configure", "replace", file, "force"]:
                return self._replaced(_name(file))
            case ["write", "memory"]:
                self.save()
                return "Building configuration...\n[OK]\n"
        return self._of_file(words)

    def _of_file(self, words: list[str]) -> str:
        match words:
            case ["terminal", *_]:
                return ""
            case ["more", file]:
                return self._more(_name(file))
            case ["delete", "/force", file]:
                return "" if self.kept.pop(_name(file), None) is not None else _NO_FILE.format(_name(file))
        raise Invalid(ios_text.INVALID)

    def copied_to(self, file: str) -> str:
        """The running configuration, to a file."""
        if self.chassis.take("F16", "commit"):
            return f"%Error opening flash:{file} (No space left on device)\n"
        self.keep(file)
        return "5592 bytes copied in 0.541 secs (10336 bytes/sec)\n"

    def _config(self, command: str) -> str:
        size = len(rendered(GRAMMAR, self.running))
        if command == "show running-config":
            heading = f"Building configuration...\n\nCurrent configuration : {size} bytes\n!\n"
            return (
                f"{heading}! Last configuration change at 13:00:00 UTC Thu Nov 26 2026\n!\n{self._text(self.running)}"
            )
        if command == "show startup-config":
            return f"Using {size} out of 33554432 bytes\n!\n{self._text(self.startup)}"
        raise Invalid(ios_text.INVALID)

    def _text(self, config: Config) -> str:
        return f"version {'.'.join(self.version.split('.')[:2])}\n{rendered(GRAMMAR, config)}\n"

    def _more(self, file: str) -> str:
        return self._text(self.kept[file]) if file in self.kept else _NO_FILE.format(file)

    def _confirmed(self) -> str:
        if self.ends is None:
            return "%No Rollback Confirmed Change pending\n"
        self.ends = None
        self.agreed()
        self.written("confirm")
        return ""

    def _replaced(self, file: str) -> str:
        if self.locked_by is not None:
            return ios_text.locked(self.locked_by)
        if file not in self.kept:
            return _NO_FILE.format(file)
        passes = int(self.running != self.kept[file])
        if not self.chassis.on("F17", "lines"):
            self.go_back(self.kept[file])
        self.written("abort")
        return f"\nTotal number of passes: {passes}\nRollback Done\n\n"


def _name(file: str) -> str:
    return file.removeprefix("flash:").removeprefix("/")
