"""A configuration in the manner of Cisco's command line: stanzas of lines, of which one replaces another.

Source: the makers' command references (Arista EOS User Manual, "VLANs" and "Port Channels"; Cisco NX-OS Interfaces
Configuration Guide): `no` and a default leave no line behind; a member of a LAG has the VLANs of its LAG.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drivers.virtual.twin.fabric import Lane

Config = dict[str, list[str]]
_EVERY = range(1, 4095)
OPENS = re.compile(r"(interface|vlan) \S+$")  # what begins a stanza


@dataclass(frozen=True)
class Grammar:
    """A family's words. `single`: what begins a line of which a stanza has one at a time, the longest first;
    `defaults`: lines that say what is so without them; `negative`: those of which only `no` is written down;
    `edge_on_trunk`: what makes an edge port of a trunk."""

    lag: str
    indent: str
    single: tuple[str, ...]
    defaults: tuple[str, ...]
    fallback: str
    edge_everywhere: str
    edge_on_trunk: str
    negative: tuple[str, ...] = ("switchport",)


def copied(config: Mapping[str, list[str]]) -> Config:
    return {head: list(lines) for head, lines in config.items()}


def parsed(text: str) -> Config:
    """Of a text as `rendered` gives it."""
    config: Config = {}
    head = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("!") or line.strip() == "end":
            continue
        if line[0].isspace():
            config[head].append(line.strip())
        else:
            head = line.strip()
            config.setdefault(head, [])
    return config


def rendered(grammar: Grammar, config: Mapping[str, list[str]]) -> str:
    stanzas = ("\n".join([head, *(f"{grammar.indent}{line}" for line in lines)]) for head, lines in _ordered(config))
    return "\n!\n".join(stanzas) + "\n!\nend\n"


def _ordered(config: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """What is of the whole switch, then VLANs, then interfaces, each by its number."""
    rank = {"vlan": 1, "interface": 2}

    def place(stanza: tuple[str, list[str]]) -> tuple[int, str, list[int]]:
        head = stanza[0]
        return (
            rank.get(head.split()[0], 0),
            re.sub(r"\d+", "", head),
            [int(number) for number in re.findall(r"\d+", head)],
        )

    return sorted(config.items(), key=place)


def change(grammar: Grammar, config: Config, head: str, command: str) -> None:
    """One line under a stanza; under none, of the whole switch."""
    if not head:
        config.pop(command.removeprefix("no "), None)
        if not command.startswith("no "):
            config[command] = []
        return
    lines = config.setdefault(head, [])
    bare = command.removeprefix("no ")
    if bare in grammar.negative:
        lines[:] = sorted(
            [*(line for line in lines if line not in (bare, f"no {bare}")), *([command] * (command != bare))]
        )
        return
    key = next((key for key in grammar.single if bare == key or bare.startswith(f"{key} ")), bare)
    lines[:] = [line for line in lines if line != key and not line.startswith(f"{key} ")]
    if command == bare and command not in grammar.defaults:
        lines.append(command)
        lines.sort()
    if key == "channel-group" and command == bare:
        config.setdefault(f"interface {grammar.lag}{command.split()[1]}", [])


def vlans(config: Mapping[str, list[str]]) -> Mapping[int, str]:
    """Id to name, empty where it has none of its own."""
    found: dict[int, str] = {}
    for head, lines in config.items():
        if re.match(r"vlan [\d,-]+$", head):
            name = next((line.removeprefix("name ") for line in lines if line.startswith("name ")), "")
            found |= dict.fromkeys(_numbers(head.split()[1]), name)
    return dict(sorted(found.items()))


def lags(config: Mapping[str, list[str]]) -> Mapping[int, tuple[str, ...]]:
    """Number to members."""
    found: dict[int, tuple[str, ...]] = {}
    for head, lines in config.items():
        number = _group(lines)
        if head.startswith("interface ") and number is not None:
            found[number] = (*found.get(number, ()), head.removeprefix("interface "))
    return found


def falls_back(grammar: Grammar, config: Mapping[str, list[str]], lag: int) -> bool:
    lines = config.get(f"interface {grammar.lag}{lag}", [])
    return any(line == grammar.fallback or line.startswith(f"{grammar.fallback} ") for line in lines)


def lane(grammar: Grammar, config: Mapping[str, list[str]], port: str) -> Lane:
    own = config.get(f"interface {port}", [])
    number = _group(own)
    lines = own if number is None else config.get(f"interface {grammar.lag}{number}", [])
    there = set(vlans(config))
    untagged, tagged = _carried(lines)
    return Lane(
        enabled="shutdown" not in own and "shutdown" not in lines,
        untagged=untagged if untagged in there else None,
        tagged=frozenset(tagged & there),
        edge=_edge(grammar, lines, everywhere=grammar.edge_everywhere in config),
        alone=number is None or falls_back(grammar, config, number),
    )


def _edge(grammar: Grammar, lines: Iterable[str], *, everywhere: bool) -> bool:
    told = tuple(lines)
    if "switchport mode trunk" in told:
        return grammar.edge_on_trunk in told
    return everywhere or any(re.match(r"spanning-tree (portfast|port type edge)", line) for line in told)


def _carried(lines: Iterable[str]) -> tuple[int | None, set[int]]:
    told = list(lines)
    if "no switchport" in told:
        return None, set()
    if "switchport mode trunk" not in told:
        return int(_value(told, "switchport access vlan", "1")), set()
    native = _value(told, "switchport trunk native vlan", "1")
    allowed = set(_numbers(_value(told, "switchport trunk allowed vlan", "all")))
    untagged = int(native) if native.isdigit() and int(native) in allowed else None
    return untagged, allowed - {untagged}


def _value(lines: Iterable[str], key: str, default: str) -> str:
    return next((line.removeprefix(f"{key} ") for line in lines if line.startswith(f"{key} ")), default)


def _group(lines: Iterable[str]) -> int | None:
    told = _value(lines, "channel-group", "")
    return int(told.split()[0]) if told else None


def _numbers(text: str) -> Iterator[int]:
    """`10,20-22`, `all`, `none`."""
    if text in ("all", "none"):
        yield from _EVERY if text == "all" else ()
        return
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
