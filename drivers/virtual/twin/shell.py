"""The shell of a simulated OS: enough of POSIX sh to chain commands, and nothing that could run on this host.

Source: POSIX.1-2017, Shell Command Language 2.9.3 (lists); exit status 127 for what is not there.
"""

import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.virtual.twin import shell_files, shell_network, shell_time
from drivers.virtual.twin.running import Running
from drivers.virtual.twin.shell_result import Done

_JOINTS = (";", "&&", "||")
_MAX_DEPTH = 5
Program = Callable[[Running, list[str]], Awaitable[Done]]
PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "cat": shell_files.cat,
        "hostname": shell_files.hostname,
        "true": shell_files.true,
        "false": shell_files.false,
        "echo": shell_files.echo,
        "ip": shell_network.ip,
        "ping": shell_network.ping,
        "chronyc": shell_time.chronyc,
        "date": shell_time.date,
    }
)


@dataclass(frozen=True)
class _Command:
    """One simple command and what joins it to the one before."""

    joint: str
    words: list[str]
    quiet: bool  # its stderr is thrown away


class Shell:
    """Runs command lines; every user may do everything here."""

    def __init__(self, running: Running) -> None:
        self._running = running

    async def run(self, line: str, depth: int = 0) -> Done:
        """Output and exit status of the whole line."""
        try:
            commands = _parse(line)
        except ValueError as error:
            return Done("", f"sh: 1: Syntax error: {error}\n", 2)
        done = Done()
        for command in commands:
            if (command.joint == "&&" and done.status) or (command.joint == "||" and not done.status):
                continue
            one = await self._simple(command.words, depth)
            done = Done(done.stdout + one.stdout, done.stderr + ("" if command.quiet else one.stderr), one.status)
        return done

    async def _simple(self, words: list[str], depth: int) -> Done:
        name, arguments = words[0], words[1:]
        name = name.removeprefix("/usr").removeprefix("/bin/").removeprefix("/sbin/")
        if name == "sudo":
            rest = arguments[1:] if arguments[:1] == ["-n"] else arguments
            return await self._simple(rest or ["true"], depth)
        if name in ("sh", "bash") and arguments[:1] == ["-c"] and len(arguments) > 1 and depth < _MAX_DEPTH:
            return await self.run(arguments[1], depth + 1)
        program = PROGRAMS.get(name)
        if program is None:
            return Done("", f"sh: 1: {name}: not found\n", 127)
        return await program(self._running, arguments)


def _parse(line: str) -> list[_Command]:
    """`ValueError` for what this shell does not know: pipes, files to write to, open quotes."""
    lexer = shlex.shlex(line.replace("\n", ";"), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[_Command] = []
    joint, words = ";", list[str]()
    for token in [*lexer, ";"]:
        if token in _JOINTS:
            rest, quiet = _redirected(words)
            if rest:
                commands.append(_Command(joint, rest, quiet))
            joint, words = token, []
        else:
            words.append(token)
    return commands


def _redirected(words: list[str]) -> tuple[list[str], bool]:
    """The words without `2>/dev/null`, and whether it was there."""
    quiet = words[-3:] == ["2", ">", "/dev/null"]
    rest = words[:-3] if quiet else words
    strange = next((word for word in rest if word and set(word) <= set("<>|&()")), None)
    if strange is not None:
        raise ValueError(f'"{strange}" unexpected')
    return rest, quiet
