"""iPXE's script language, as far as boot scripts use it.

Source: ipxe.org/scripting and ipxe.org/cmd. A command that fails ends the script unless `||` follows it.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol
from urllib.parse import quote, urljoin

MAX_STEPS = 1000  # a script that loops for ever is a fault of the script
MAX_CHAIN = 8


@dataclass(frozen=True)
class Kernel:
    """What `boot` starts: URLs as fetched, and the command line."""

    url: str
    cmdline: str
    initrds: tuple[str, ...]


@dataclass(frozen=True)
class LocalBoot:
    """The script gave the boot back to the firmware: `exit` or `sanboot`."""


@dataclass(frozen=True)
class PowerDown:
    """`poweroff`, or with `again` `reboot`."""

    again: bool


@dataclass(frozen=True)
class Stopped:
    """The script came to its end, or to an error, without booting anything."""

    says: str


Outcome = Kernel | LocalBoot | PowerDown | Stopped


class ScriptFault(Exception):
    """A command that failed."""


class Loader(Protocol):
    """The machine's network; each raises ScriptFault where the server does not give the file."""

    async def script(self, url: str) -> str: ...

    async def image(self, url: str) -> None:
        """A kernel or an initrd."""


@dataclass
class _State:
    variables: dict[str, str]
    base: str
    kernel: tuple[str, str] | None = None  # URL, command line
    initrds: dict[str, str] = field(default_factory=dict)  # name to URL
    outcome: Outcome | None = None
    goto: str | None = None
    depth: int = 0


class Ipxe:
    """One run of iPXE on one machine. `variables` are the built-in settings: net0/mac, ip, platform, ..."""

    def __init__(self, variables: Mapping[str, str], loader: Loader, pause: Callable[[float], Awaitable[None]]) -> None:
        self._variables = variables
        self._loader = loader
        self._pause = pause
        self._steps = 0

    async def run(self, url: str) -> Outcome:
        """Chain to a script's URL."""
        state = _State(dict(self._variables), url)
        try:
            await self._script(state, await self._loader.script(url))
        except ScriptFault as fault:
            return Stopped(str(fault))
        return state.outcome or Stopped("the script ended without booting anything")

    async def _script(self, state: _State, text: str) -> None:
        lines = text.splitlines()
        if not lines or not lines[0].startswith("#!ipxe"):
            raise ScriptFault("not an iPXE script: its first line is not #!ipxe")
        number = 1
        while number < len(lines) and state.outcome is None:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise ScriptFault(f"more than {MAX_STEPS} steps; the script loops")
            await self._line(state, lines[number])
            number += 1
            if state.goto is not None:
                number = _label(lines, state.goto)
                state.goto = None

    async def _line(self, state: _State, line: str) -> None:
        fault: ScriptFault | None = None
        for joint, command in _split(line):
            if (joint == "&&" and fault) or (joint == "||" and not fault):
                continue
            fault = None
            try:
                await self._command(state, _expand(command, state.variables).split())
            except ScriptFault as raised:
                fault = raised
            if state.outcome is not None or state.goto is not None:
                return
        if fault:
            raise fault

    async def _command(self, state: _State, words: list[str]) -> None:
        if not words:
            return
        name, arguments = words[0], words[1:]
        if name == "chain":
            await self._chain(state, arguments)
        elif name in ("sleep", "prompt"):
            await self._pause(float(arguments[-1]) if name == "sleep" and arguments else 0.0)
        elif name in _LOADS:
            await self._loader.image(_LOADS[name](state, arguments))
        elif name in _COMMANDS:
            _COMMANDS[name](state, arguments)
        else:
            raise ScriptFault(f"{name}: command not found")

    async def _chain(self, state: _State, arguments: list[str]) -> None:
        words = _positional(arguments)
        if not words:
            raise ScriptFault("chain: no URI")
        if state.depth >= MAX_CHAIN:
            raise ScriptFault(f"chain: more than {MAX_CHAIN} scripts deep")
        url = urljoin(state.base, words[0])
        before, state.base, state.depth = state.base, url, state.depth + 1
        try:
            await self._script(state, await self._loader.script(url))
        finally:
            state.base, state.depth = before, state.depth - 1


def _split(line: str) -> list[tuple[str, str]]:
    """Commands with the joint before each: "", && or ||. A line that is a label or a comment is none."""
    bare = line.strip()
    if not bare or bare.startswith(("#", ":")):
        return []
    parts = re.split(r"\s(\|\||&&)(?:\s|$)", bare)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def _expand(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, _, kind = found[1].partition(":")
        told = variables.get(name, "")
        match kind:
            case "hexhyp":
                return told.replace(":", "-")
            case "hexraw":
                return told.replace(":", "")
            case "uristring":
                return quote(told, safe="")
            case _:
                return told

    return re.sub(r"\$\{([^{}]*)\}", value, text)


def _label(lines: list[str], label: str) -> int:
    for number, line in enumerate(lines):
        if line.strip() == f":{label}":
            return number
    raise ScriptFault(f"goto: no label {label}")


def _positional(arguments: list[str]) -> list[str]:
    """Arguments from the first that is no option on."""
    for index, word in enumerate(arguments):
        if not word.startswith("-"):
            return arguments[index:]
    return []


def _named(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The value of `--name`, and the words after the options."""
    name = None
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        option, _, value = rest.pop(0).partition("=")
        if option in ("--name", "-n"):
            name = value or (rest.pop(0) if rest else None)
    return name, rest


def _set(state: _State, arguments: list[str]) -> None:
    if not arguments:
        raise ScriptFault("set: no setting")
    state.variables[arguments[0]] = " ".join(arguments[1:])


def _kernel(state: _State, arguments: list[str]) -> str:
    _, words = _named(arguments)
    if not words:
        raise ScriptFault("kernel: no URI")
    url = urljoin(state.base, words[0])
    state.kernel = (url, " ".join(words[1:]))
    return url


def _initrd(state: _State, arguments: list[str]) -> str:
    name, words = _named(arguments)
    if not words:
        raise ScriptFault("initrd: no URI")
    url = urljoin(state.base, words[0])
    state.initrds[name or f"{len(state.initrds)}:{url}"] = url
    return url


def _imgargs(state: _State, arguments: list[str]) -> None:
    if state.kernel is None or not arguments:
        raise ScriptFault("imgargs: no such image")
    state.kernel = (state.kernel[0], " ".join(arguments[1:]))


def _imgfree(state: _State, _: list[str]) -> None:
    state.kernel, state.initrds = None, {}


def _boot(state: _State, arguments: list[str]) -> None:
    words = _positional(arguments)
    if words and words[0].partition(":")[0] in ("http", "https"):
        state.kernel = (words[0], " ".join(words[1:]))
    if state.kernel is None:
        raise ScriptFault("boot: no kernel was loaded")
    state.outcome = Kernel(state.kernel[0], state.kernel[1], tuple(state.initrds.values()))


def _local(state: _State, _: list[str]) -> None:
    state.outcome = LocalBoot()


def _goto(state: _State, arguments: list[str]) -> None:
    state.goto = arguments[0] if arguments else ""


def _isset(_: _State, arguments: list[str]) -> None:
    if not arguments:
        raise ScriptFault("isset: empty")


def _iseq(_: _State, arguments: list[str]) -> None:
    if len(arguments) != 2 or arguments[0] != arguments[1]:
        raise ScriptFault("iseq: not equal")


def _power(state: _State, *, again: bool) -> None:
    state.outcome = PowerDown(again)


def _nothing(_state: _State, _arguments: list[str]) -> None:
    """For what only talks to a console or to a network that is up already."""


_LOADS: Mapping[str, Callable[[_State, list[str]], str]] = MappingProxyType(
    {"kernel": _kernel, "imgselect": _kernel, "initrd": _initrd, "module": _initrd, "imgfetch": _initrd}
)
_Command = Callable[[_State, list[str]], None]
_COMMANDS: Mapping[str, _Command] = MappingProxyType(
    {
        "set": _set,
        "imgargs": _imgargs,
        "imgfree": _imgfree,
        "boot": _boot,
        "exit": _local,
        "sanboot": _local,
        "goto": _goto,
        "isset": _isset,
        "iseq": _iseq,
        "echo": _nothing,
        "dhcp": _nothing,
        "ifopen": _nothing,
        "ifstat": _nothing,
        "imgstat": _nothing,
        "console": _nothing,
        "poweroff": lambda state, _: _power(state, again=False),
        "reboot": lambda state, _: _power(state, again=True),
    }
)
