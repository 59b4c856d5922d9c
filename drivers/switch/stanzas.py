"""A running configuration in the manner of IOS as stanzas, and without its secrets. EOS, NX-OS and IOS write it so."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from drivers.switch.names import canonical
from drivers.switch.reading import Notes, cleaned, garbled

Stanzas = Mapping[str, tuple[str, ...]]

# What a switch says of its configuration, not in it; times and sizes in it differ from reading to reading.
_SAID = re.compile(
    r"^(?:!.*|Building configuration.*|Current configuration.*|Using \d+ out of.*|Startup config saved at.*|version .*|"
    r"ntp clock-period.*|Load for .*|Time source is.*|end|exit)?$"
)


def stanzas(text: str) -> Stanzas:
    """Each line of the left margin to the lines under it, stripped of their indent, in order. Comments are left out.

    `Garbled` where there is none.
    """
    notes = Notes("show running-config")
    found: dict[str, list[str]] = {}
    at: list[str] = []
    for line in map(str.rstrip, cleaned(text, notes).splitlines()):
        if _SAID.match(line.strip()):
            continue
        if line[0].isspace():
            at.append(line.strip())
        else:
            at = found.setdefault(line, [])
    if not found:
        raise garbled(notes.path, "it holds no line")
    return MappingProxyType({head: tuple(lines) for head, lines in found.items()})


def interfaces(family: str, told: Stanzas) -> Stanzas:
    """The interfaces' own, by canonical name."""
    heads = {head: head.partition(" ")[2] for head in told if head.casefold().startswith("interface ")}
    return MappingProxyType({canonical(family, name): told[head] for head, name in heads.items()})


def differing(one: Stanzas, other: Stanzas) -> frozenset[str]:
    """Heads of what is not alike in both."""
    return frozenset(
        head for head in {*one, *other} if one.get(head) != other.get(head) or (head in one) != (head in other)
    )


def value(lines: Sequence[str], *begins: str) -> str | None:
    """What follows the first line that begins so."""
    for begin in begins:
        for line in lines:
            if line == begin or line.startswith(f"{begin} "):
                return line[len(begin) :].strip()
    return None


_KEPT = "<removed>"
_SECRETS = re.compile(
    r"^(?!\s*(?:description|name|remark|hostname)\b)(?P<before>.*?\b(?:secret|password|community|key|key-string|md5|sha|"
    r"passphrase|pre-shared-key|[a-z]+-key|[a-z]+-psk|auth|priv)\b)[ \t]+\S.*$",
    re.IGNORECASE | re.MULTILINE,
)


def without_secrets(text: str) -> str:
    """Whatever follows a word that announces a secret is gone; too much rather than too little."""
    return _SECRETS.sub(lambda match: f"{match['before']} {_KEPT}", text)
