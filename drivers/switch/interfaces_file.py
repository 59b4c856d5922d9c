"""interfaces(5) as ifupdown2 reads it, changed stanza by stanza: each line that is not ours stays as it was. Pure.

A stanza goes on to the next keyword, indented or not; underscores in a key are dashes; a backslash joins what is around
it, line ends and all; only a line that begins with # is a comment (ifupdown2 3.0, networkinterfaces.py).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from drivers.errors import Refused

_KEYWORDS = frozenset({"source", "auto", "allow", "iface", "vlan"})
_ALIASES = MappingProxyType({"bond-ports": "bond-slaves", "bridge-trunk": "bridge-vids"})
_RANGE = re.compile(r"^(.*?)\[(\d+)-(\d+)\](.*)$")
_GLOB = re.compile(r"^(.*?\D)?(\d+)-(\d+)(\D.*)?$")
_TEMPLATE = re.compile(r"^\s*%|\$\{|<%", re.MULTILINE)  # Mako; a file without any % is none
_INDENT = "    "

Wanted = Mapping[str, str | None]


@dataclass(frozen=True)
class Attribute:
    """Lines `first` to before `end` of its file."""

    key: str
    value: str
    first: int
    end: int


@dataclass(frozen=True)
class Stanza:
    """From its header to the line after its last attribute; comments behind that belong to what follows.

    `rest` is what follows the name: an address family and a method.
    """

    path: str
    name: str
    rest: tuple[str, ...]
    first: int
    end: int
    attributes: tuple[Attribute, ...]

    def value(self, key: str) -> str | None:
        """Of several the first counts, but for `bridge-ports`, which add up."""
        found = [one.value for one in self.attributes if one.key == key]
        return " ".join(found if key == "bridge-ports" else found[:1]) if found else None

    def says(self, key: str) -> bool:
        """A yes that is written in any way that ifupdown2 takes."""
        return (self.value(key) or "no").lower() in ("yes", "on", "1", "true")


@dataclass(frozen=True)
class Interfaces:
    """All files that are read, by path, the main one first."""

    who: str
    texts: Mapping[str, str]

    @property
    def main(self) -> str:
        return next(iter(self.texts))

    def stanzas(self) -> Iterator[Stanza]:
        for path, text in self.texts.items():
            yield from _stanzas(path, text.split("\n"))

    def stanza(self, name: str) -> Stanza | None:
        """`Refused` where it is not one of its own that can be changed."""
        own = [one for one in self.stanzas() if one.name.partition(":")[0] == name]
        if len(own) > 1:
            raise self.refused(f"{name} has {len(own)} stanzas", "join them")
        if own and {"inherits", "inherit"} & set(own[0].rest):
            raise self.refused(f"{name} takes after another stanza ({' '.join(own[0].rest)})", "write its own out")
        if own:
            return own[0]
        for shared in self.stanzas():
            if name in spread(shared.name):
                raise self.refused(f"{name} shares the stanza {shared.name} with others", "give it one of its own")
        templates = [path for path, text in self.texts.items() if is_template(text)]
        if templates:
            raise self.refused(f"{name} has no stanza, and {templates[0]} is a template", "write its stanza out")
        return None

    def value(self, name: str, key: str) -> str | None:
        """As `Stanza.value`, of whatever stanzas the name has or shares."""
        told = (one.value(key) for one in self.stanzas() if name in spread(one.name))
        return next((value for value in told if value is not None), None)

    def changed(self, name: str, wanted: Wanted, beside: str) -> "Interfaces":
        """With these attributes, and without those that are None. A stanza that is missing is added to `beside`."""
        own = self.stanza(name)
        if own is None:
            added = [
                f"auto {name}",
                f"iface {name}",
                *(f"{_INDENT}{key} {told}" for key, told in wanted.items() if told),
            ]
            text = self.texts[beside]
            gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
            return self._with(beside, text + gap + "".join(f"{line}\n" for line in added))
        lines = self.texts[own.path].split("\n")
        edited = [*lines[: own.first], *_edited(own, lines, wanted), *lines[own.end :]]
        if not _is_auto(self.texts, own):
            edited.insert(own.first, f"auto {name}")
        return self._with(own.path, "\n".join(edited))

    def without(self, name: str) -> "Interfaces":
        """Without this stanza, and without its name on `auto` lines."""
        own = self.stanza(name)
        if own is None:
            return self
        texts = dict(self.texts)
        texts[own.path] = "\n".join(_cut(texts[own.path].split("\n"), own.first, own.end))
        made = replace(self, texts={path: _without_auto(text, name) for path, text in texts.items()})
        for path in self.differing(made):
            self._require_plain(path)
        return made

    def differing(self, other: "Interfaces") -> tuple[str, ...]:
        """Paths of files that are not alike."""
        return tuple(path for path, text in self.texts.items() if other.texts.get(path) != text)

    def refused(self, what: str, remedy: str) -> Refused:
        return Refused(self.who, f"{what} in its interfaces files; nothing was changed", remedy)

    def _with(self, path: str, text: str) -> "Interfaces":
        if text == self.texts[path]:
            return self
        self._require_plain(path)
        return replace(self, texts={**self.texts, path: text})

    def _require_plain(self, path: str) -> None:
        if is_template(self.texts[path]):
            raise self.refused(f"{path} is a template: what it says is not what stands there", "write it out")


def is_template(text: str) -> bool:
    """ifupdown2 renders a file that has a % in it; where nothing of Mako's is in it, that changes nothing."""
    return "%" in text and _TEMPLATE.search(text) is not None


def spread(name: str) -> tuple[str, ...]:
    """`swp[1-3]` is three names; any other is itself."""
    told = _RANGE.match(name)
    if told is None:
        return (name,)
    return tuple(f"{told[1]}{number}{told[4]}" for number in range(int(told[2]), int(told[3]) + 1))


def members(interfaces: Interfaces, value: str | None) -> tuple[str, ...]:
    """Of `bridge-ports` and `bond-slaves`, with globs written out. `Refused` for a regular expression."""
    found: list[str] = []
    glob = False
    for word in (value or "").split():
        if word == "regex":
            raise interfaces.refused("ports are named by a regular expression", "name them")
        if word == "glob":
            glob = True
        elif word not in ("none", "noglob", "noregex"):
            found += _globbed(word) if glob else (word,)
            glob = False
    return tuple(found)


def _globbed(word: str) -> tuple[str, ...]:
    """`swp1-4.100` and `swp[1-4]s[0-3]`."""
    told = _RANGE.match(word)
    if told is not None:
        return tuple(name for one in spread(word) for name in spread(one))
    told = _GLOB.match(word)
    if told is None:
        return (word,)
    return tuple(f"{told[1] or ''}{number}{told[4] or ''}" for number in range(int(told[2]), int(told[3]) + 1))


def vlans(value: str | None) -> frozenset[int]:
    """Of `100 200-202`, also with commas."""
    found: set[int] = set()
    for word in re.split(r"[\s,]+", value or ""):
        first, _, last = word.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), min(int(last or first), 4095) + 1))
    return frozenset(found)


def ranges(ids: Collection[int]) -> str:
    """`100 200-202`, as `vlans` reads it."""
    runs: list[list[int]] = []
    for one in sorted(ids):
        if runs and one == runs[-1][1] + 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _stanzas(path: str, lines: Sequence[str]) -> Iterator[Stanza]:
    at = 0
    while at < len(lines):
        words, after = _words(lines, at)
        if words[:1] == ["iface"] and len(words) > 1:
            attributes = tuple(_attributes(lines, after))
            end = attributes[-1].end if attributes else after
            yield Stanza(path, words[1], tuple(words[2:]), at, end, attributes)
        at = after


def _attributes(lines: Sequence[str], at: int) -> Iterator[Attribute]:
    while at < len(lines):
        words, after = _words(lines, at)
        if words and (words[0] in _KEYWORDS or words[0].startswith("allow-")):
            return
        if words:
            key = words[0].replace("_", "-")
            yield Attribute(_ALIASES.get(key, key), " ".join(words[1:]), at, after)
        at = after


def _words(lines: Sequence[str], at: int) -> tuple[list[str], int]:
    """Of the line, with those that continue it; none of a comment. And where the next one begins."""
    text, end = lines[at], at + 1
    while end < len(lines) and (text.rstrip().endswith("\\") or lines[end].lstrip().startswith("\\")):
        text, end = f"{text}\n{lines[end]}", end + 1
    words = " ".join(part.strip() for part in text.split("\\")).split()
    return ([] if words and words[0].startswith("#") else words), end


def _edited(own: Stanza, lines: Sequence[str], wanted: Wanted) -> Iterator[str]:
    """Its lines: an attribute changes where it stands, a new one goes to the end."""
    at = own.attributes[0].first if own.attributes else own.end
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())] if own.attributes else _INDENT
    yield from lines[own.first : at]
    done = set[str]()
    for one in own.attributes:
        yield from lines[at : one.first]
        at = one.end
        told = wanted.get(one.key)
        if one.key not in wanted or (told is not None and _alike(one.key, told, own.value(one.key))):
            yield from lines[one.first : one.end]
        elif told is not None and one.key not in done:
            yield f"{indent}{one.key} {told}"
        done.add(one.key)
    yield from (f"{indent}{key} {told}" for key, told in wanted.items() if told is not None and key not in done)


def _alike(key: str, one: str, other: str | None) -> bool:
    return vlans(one) == vlans(other) if key == "bridge-vids" else one == other


def _is_auto(texts: Mapping[str, str], own: Stanza) -> bool:
    """ifreload -a passes over what is not. An `auto` counts from where it stands on."""
    for path, text in texts.items():
        lines = text.split("\n")
        at = 0
        while at < (own.first if path == own.path else len(lines)):
            words, at = _words(lines, at)
            if words[:1] == ["auto"] and any(word == "all" or own.name in spread(word) for word in words[1:]):
                return True
    return False


def _without_auto(text: str, name: str) -> str:
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        words, after = _words(lines, at)
        if words[:1] == ["auto"] and name in words[1:]:
            left = [word for word in words[1:] if word != name]
            lines = [*lines[:at], f"auto {' '.join(left)}", *lines[after:]] if left else _cut(lines, at, after)
            after = at + len(left[:1])
        at = after
    return "\n".join(lines)


def _cut(lines: Sequence[str], first: int, end: int) -> list[str]:
    """Without these, and without one of the blank lines that then stand together."""
    before, after = [*lines[:first]], [*lines[end:]]
    if before[-1:] == [""] and after[:1] == [""]:
        after = after[1:]
    return before + after
