"""Terminals of a simulated IOS over SSH: prompts, the echo of what is typed, modes, and a question.

Source: Cisco IOS configuration fundamentals, "Using the Command-Line Interface": a prompt shows the mode; `end` leaves
configuration mode from wherever it is.
"""

from dataclasses import dataclass

from drivers.virtual.twin.switch.chassis import Lost
from drivers.virtual.twin.switch.immediate import Invalid
from drivers.virtual.twin.switch.ios import Ios
from drivers.virtual.twin.switch.ssh_door import Process


@dataclass
class _At:
    """Where one session is. `asked`: the file whose name it is asked to confirm."""

    configuring: bool = False
    head: str = ""
    lines: int = 0
    asked: str = ""


class Terminals:
    """`talk` for each session."""

    def __init__(self, switch: Ios) -> None:
        self._switch = switch

    async def talk(self, process: Process) -> None:
        at, held = _At(), ""
        _say(process, f"\n{self._prompt(at)}")
        while some := await process.stdin.read(65536):
            held = (held + some).replace("\r\n", "\n").replace("\r", "\n")
            *lines, held = held.split("\n")
            for line in map(str.strip, lines):
                if not self._heard(process, line, at):
                    return

    def _heard(self, process: Process, line: str, at: _At) -> bool:
        """False where the session ends by this."""
        if self._switch.unreachable() or (line == "exit" and not at.configuring):
            return False
        try:
            said = self._does(line, at)
        except Lost:
            return False
        except Invalid as error:
            said = str(error)
        if self._switch.unreachable():
            return False
        if self._switch.chassis.take("F5"):
            _say(process, f"{line}\n{said[: len(said) // 2]}")
            return False
        _say(process, f"{line}\n{said}{'' if at.asked else self._prompt(at)}")
        return True

    def _does(self, line: str, at: _At) -> str:
        if line:
            self._switch.chassis.heard.append(line)
        if at.asked:
            file, at.asked = at.asked, ""
            return self._switch.copied_to(line or file)
        if at.configuring:
            return self._configures(line, at)
        words = line.split()
        if words[:2] == ["configure", "terminal"]:
            said = self._switch.enter(words[2:])
            at.configuring, at.head, at.lines = True, "", 0
            return said
        if words[:2] == ["copy", "running-config"] and len(words) == 3:
            at.asked = words[2].removeprefix("flash:")
            return f"Destination filename [{at.asked}]? "
        return self._switch.answer(line) if words else ""

    def _configures(self, line: str, at: _At) -> str:
        if line == "end" or (line == "exit" and not at.head):
            at.configuring, at.head = False, ""
            if at.lines:
                self._switch.changed()
        elif line:
            at.head = self._switch.line(at.head, line)
            at.lines += 1
        return ""

    def _prompt(self, at: _At) -> str:
        kind = at.head.partition(" ")[0]
        mode = f"(config{({'interface': '-if', 'vlan': '-vlan'}).get(kind, '')})" if at.configuring else ""
        return f"{self._switch.hostname()[:20]}{mode}#"


def _say(process: Process, text: str) -> None:
    process.stdout.write(text.replace("\n", "\r\n"))
