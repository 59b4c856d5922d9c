"""A YAML file as a tree in which every value knows its line. Plain scalars are read as YAML 1.2 does.

`no` is a word and 52:54:00:01:01:00 is text; YAML 1.1 would make a boolean and a number of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inventory.errors import Place, Problem

Scalar = str | int | float | bool | None
Step = str | int

# YAML 1.2.2, 10.3.2 (core schema).
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_VAULT = "$ANSIBLE_VAULT;"
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value, standing where its key stands."""

    value: Scalar
    place: Place


@dataclass(frozen=True, slots=True)
class Row:
    """A list."""

    items: tuple["Tree", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping."""

    entries: Mapping[str, "Tree"]
    place: Place


Tree = Leaf | Row | Table


def plain(tree: Tree) -> JsonValue:
    """The tree without its places."""
    match tree:
        case Leaf():
            return tree.value
        case Row():
            return [plain(item) for item in tree.items]
        case Table():
            return values(tree)


def values(table: Table) -> dict[str, JsonValue]:
    """A table without its places."""
    return {key: plain(value) for key, value in table.entries.items()}


def step(tree: Tree, key: Step) -> Tree | None:
    """One step down: a key, an index, or the `name` of a list's item. None where there is no such thing."""
    match tree:
        case Table():
            return tree.entries.get(str(key))
        case Row():
            if str(key).isdecimal():
                return tree.items[int(key)] if int(key) < len(tree.items) else None
            return next((item for item in tree.items if _called(item) == key), None)
        case Leaf():
            return None


def at(tree: Tree, path: tuple[Step, ...]) -> Tree | None:
    found: Tree | None = tree
    for key in path:
        found = step(found, key) if found is not None else None
    return found


def nearest(tree: Tree, path: tuple[Step, ...]) -> Place:
    """The place of what stands at a path or, where it ends early, of the last thing on the way."""
    for key in path:
        below = step(tree, key)
        if below is None:
            break
        tree = below
    return tree.place


def dotted(tree: Tree, path: tuple[Step, ...]) -> str:
    """A path as people write it: `nics.eth0.mac`. Items of a list go by their name where they have one."""
    said: list[str] = []
    here: Tree | None = tree
    for key in path:
        here = step(here, key) if here is not None else None
        name = _called(here) if isinstance(key, int) and here is not None else None
        said.append(name if isinstance(name, str) else str(key))
    return ".".join(said)


def _called(item: Tree) -> Scalar:
    name = item.entries.get("name") if isinstance(item, Table) else None
    return name.value if isinstance(name, Leaf) else None


def read(path: Path) -> tuple[Table | None, tuple[Problem, ...]]:
    """One file: its table, and what is wrong in it. No table where it is empty or encrypted by ansible-vault."""
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
        root = None if text.startswith(_VAULT) else yaml.compose(text, Loader=yaml.CBaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return None, (_unreadable(file, error),)
    if root is None:
        return None, ()
    reading = _Reading(file)
    tree = reading.tree(root, Place(file, 1))
    if isinstance(tree, Table):
        return tree, tuple(reading.problems)
    says = "the file does not hold a mapping"
    return None, (*reading.problems, Problem(tree.place, says, "begin it with a key such as nodes:"))


def _unreadable(file: str, error: OSError | UnicodeDecodeError | yaml.YAMLError) -> Problem:
    """Without the offending text: it may be a secret."""
    match error:
        case OSError():
            return Problem(Place(file, 0), f"this cannot be read: {error.strerror}", "mend its owner or mode")
        case yaml.MarkedYAMLError():
            unclosed = "end of stream" in (error.problem or "")
            mark = error.context_mark if unclosed and error.context_mark else error.problem_mark
            says = ", ".join(part for part in (error.context, error.problem) if part)
            remedy = "look for a colon, quote or bracket here or just above; text with special characters needs quotes"
            return Problem(Place(file, mark.line + 1 if mark else 0), f"this is not YAML: {says}", remedy)
        case _:
            says = "this is not text in UTF-8, or holds control characters"
            return Problem(Place(file, 0), says, "save it as plain UTF-8 text")


def _scalar(node: ScalarNode) -> Scalar:
    text: str = node.value
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Reading:
    """One file on its way to a tree, with what was wrong on the way."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._open: list[Node] = []

    def tree(self, node: Node, place: Place) -> Tree:
        if node in self._open:
            self._wrong(node, "this alias contains itself", "write the value out")
            return Leaf(None, place)
        if node.tag not in _TAGS:
            self._wrong(node, "YAML tags have no meaning here", "write the plain value; a secret as vault:FILE#KEY")
        self._open.append(node)
        try:
            return self._of(node, place)
        finally:
            self._open.pop()

    def _of(self, node: Node, place: Place) -> Tree:
        match node:
            case MappingNode():
                return Table(self._entries(node), place)
            case SequenceNode():
                return Row(tuple(self.tree(item, self._place(item)) for item in node.value), place)
            case ScalarNode():
                return Leaf(_scalar(node), place)
            case _:
                raise AssertionError(node)

    def _entries(self, node: MappingNode) -> dict[str, Tree]:
        """Own keys over those of `<<`, of which the earlier wins (yaml.org/type/merge)."""
        own: dict[str, Tree] = {}
        inherited: dict[str, Tree] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not isinstance(_scalar(key), str):
                self._wrong(key, "a key must be text", "quote it")
            elif key.value == "<<" and not key.style:
                for merged in self._merged(value):
                    inherited = {**merged, **inherited}
            elif key.value in own:
                first = own[key.value].place
                self._wrong(key, f"{key.value!r} is given twice, first on line {first.line}", "keep one of them")
            else:
                own[key.value] = self.tree(value, self._place(key))
        return {**inherited, **own}

    def _merged(self, value: Node) -> Iterator[Mapping[str, Tree]]:
        for source in value.value if isinstance(value, SequenceNode) else (value,):
            tree = self.tree(source, self._place(source))
            if isinstance(tree, Table):
                yield tree.entries
            else:
                self._wrong(value, "<< takes a mapping or a list of mappings", "name the anchor of a mapping")

    def _place(self, node: Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)

    def _wrong(self, node: Node, says: str, remedy: str) -> None:
        self.problems.append(Problem(self._place(node), says, remedy))
