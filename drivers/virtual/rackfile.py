"""The YAML file that describes a virtual rack: `kind` says which fidelity it is for; every fault has file and line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from inventory.errors import BadInventory, Place, Problem

Keys = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A rack file as read, with the line of every value; not yet judged by the model of its kind."""

    path: Path
    kind: str
    name: str
    tree: Mapping[str, object]
    lines: Mapping[Keys, int]

    def place(self, keys: Keys) -> Place:
        """Where a value stands; for one that is not there, where it ought to."""
        while keys not in self.lines:
            keys = keys[:-1]
        return Place(str(self.path), self.lines[keys])


def read(path: Path) -> Document:
    """`BadInventory` where the file cannot be read, is no YAML mapping, says a key twice, or lacks kind or name."""
    root, tree = _load(path)
    if not isinstance(tree, dict):
        raise _bad(path, 1, "a rack file is a mapping", "start it with kind: qemu or kind: twin")
    lines, repeated = _walk(root)
    if repeated:
        raise BadInventory(
            tuple(Problem(Place(str(path), line), f"{key!r} is said twice", "keep one") for key, line in repeated)
        )
    kind, name = (tree.get(key) for key in ("kind", "name"))
    if not isinstance(kind, str):
        raise _bad(path, lines.get(("kind",), 1), "the rack has no kind", "say kind: qemu or kind: twin")
    if not isinstance(name, str):
        raise _bad(path, lines.get(("name",), 1), "the rack has no name", "add name: r1, or what it is called")
    return Document(path, kind, name, MappingProxyType(tree), MappingProxyType(lines))


def parse(document: Document, model: type[M]) -> M:
    """The document as its kind's model. `BadInventory` with every fault of the fields at once."""
    try:
        return model.model_validate(dict(document.tree), context={"directory": document.path.parent})
    except ValidationError as error:
        raise BadInventory(tuple(sorted(_problem(document, fault) for fault in _roots(error.errors())))) from error


def _load(path: Path) -> tuple[yaml.Node, object]:
    try:
        loader = yaml.SafeLoader(path.read_text())
        root = loader.get_single_node() or yaml.ScalarNode("", "")
        return root, loader.construct_document(root)
    except OSError as error:
        raise _bad(path, 0, f"cannot be read: {error.strerror}", "check the path") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _bad(path, line, f"is no YAML: {error.problem}", "correct the line") from error


def _walk(root: yaml.Node) -> tuple[dict[Keys, int], list[tuple[str, int]]]:
    lines: dict[Keys, int] = {(): root.start_mark.line + 1}
    repeated: list[tuple[str, int]] = []
    nodes: list[tuple[Keys, yaml.Node]] = [((), root)]
    seen: set[int] = set()
    while nodes:
        keys, node = nodes.pop()
        if id(node) in seen:  # an alias, perhaps of something that holds it
            continue
        seen.add(id(node))
        for key, line, value in _children(node):
            if (*keys, key) in lines:
                repeated.append((str(key), line))
            lines[*keys, key] = line
            nodes.append(((*keys, key), value))
    return lines, repeated


def _children(node: yaml.Node) -> Iterator[tuple[str | int, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value.start_mark.line + 1, value


def _roots(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the complaint that a list is too short where it is so only because what is in it is at fault."""
    inside = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inside]


def _problem(document: Document, fault: ErrorDetails) -> Problem:
    place = document.place(fault["loc"])
    where = ".".join(str(key) for key in fault["loc"])
    remedies = {"extra_forbidden": "remove the key", "missing": "add it"}
    return Problem(place, f"{where}: {fault['msg']}", remedies.get(fault["type"], "correct the value"))


def _bad(path: Path, line: int, says: str, remedy: str) -> BadInventory:
    return BadInventory((Problem(Place(str(path), line), says, remedy),))
