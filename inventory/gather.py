"""All YAML below a site's directory, joined section by section."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inventory.document import Leaf, Row, Table, Tree, read
from inventory.errors import BadInventory, Place, Problem
from inventory.wording import one_of

# Section to the noun of one entry; `site` is spread by its keys as the others are by their names.
NOUNS = {
    "site": "key",
    "networks": "network",
    "images": "image",
    "profiles": "profile",
    "groups": "group",
    "racks": "rack",
    "switches": "switch",
    "nodes": "node",
    "placement": "placement",
}
_SECTIONS = (*NOUNS, "links")


@dataclass(frozen=True)
class Gathered:
    """Every section, empty where no file has it; and what is wrong in single files or between them.

    Not `whole`: a file or section could not be read, so that what seems to be missing may stand there.
    """

    sections: Mapping[str, Table]
    links: Row
    whole: bool
    place: Place
    problems: tuple[Problem, ...]


def gather(directory: Path) -> Gathered:
    """Hidden files and directories are left aside, and files with a top-level `kind:`: they describe virtual racks.

    `BadInventory` where there is no file at all.
    """
    here = Place(str(directory), 0)
    files = tuple(_files(directory))
    if not files:
        remedy = "name the site's directory: --site DIR, or ANNEAL_SITE in the environment"
        raise BadInventory((Problem(here, "there are no YAML files here", remedy),))
    joined = _Joined()
    for path in files:
        table, problems = read(path)
        joined.problems += problems
        joined.whole &= table is not None or not problems
        if table is not None and "kind" not in table.entries:
            joined.add(table)
    sections = {
        section: Table(entries, joined.places.get(section, here)) for section, entries in joined.entries.items()
    }
    return Gathered(sections, Row(tuple(joined.links), here), joined.whole, here, tuple(joined.problems))


def _files(directory: Path) -> Iterator[Path]:
    for root, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            if name.endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(root, name)


class _Joined:
    """The sections of the files read so far."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Tree]] = {section: {} for section in NOUNS}
        self.links: list[Tree] = []
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self.whole = True

    def add(self, table: Table) -> None:
        for section, tree in table.entries.items():
            if section not in _SECTIONS:
                self._lost(tree, f"unknown key {section!r}", one_of(section, _SECTIONS))
            elif tree == Leaf(None, tree.place):
                continue
            elif section == "links":
                self._add_links(tree)
            elif isinstance(tree, Table):
                self.places.setdefault(section, tree.place)
                self._add_entries(section, tree)
            else:
                self._lost(tree, f"{section} must be a mapping", "write entries below it, each as name: ...")

    def _add_links(self, tree: Tree) -> None:
        if isinstance(tree, Row):
            self.links += tree.items
        else:
            self._lost(tree, "links must be a list", "write each cable as - {a: r1-n01:eth0, b: r1-sw1:swp1}")

    def _add_entries(self, section: str, table: Table) -> None:
        known = self.entries[section]
        for name, tree in table.entries.items():
            if name in known:
                says = f"{NOUNS[section]} {name!r} is declared twice, first at {known[name].place}"
                self._wrong(tree, says, "keep one of them, or rename one")
            else:
                known[name] = tree

    def _lost(self, tree: Tree, says: str, remedy: str) -> None:
        self.whole = False
        self._wrong(tree, says, remedy)

    def _wrong(self, tree: Tree, says: str, remedy: str) -> None:
        self.problems.append(Problem(tree.place, says, remedy))
