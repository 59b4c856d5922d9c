"""The sections of a site on their way into models, with everything that is wrong on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from inventory.document import Leaf, Table, Tree, at, plain, values
from inventory.draft import Draft
from inventory.errors import Problem
from inventory.form import Model
from inventory.gather import NOUNS, Gathered
from inventory.layers import Layer, merge
from inventory.model import Group, Head, Image, Link, Node, Placement, Provisioning, Rack
from inventory.network import Network
from inventory.profile import Profile
from inventory.switch import Switch
from inventory.wording import in_words, keys_at, missing

# Where settings for many nodes stand: a key of the file that the section's model does not have.
SETTINGS: Mapping[str, str] = {"site": "defaults", "racks": "defaults", "profiles": "settings"}
# What only a node itself can say.
OWN = frozenset({"name", "rack", "unit", "serial", "nics"})

_M = TypeVar("_M", bound=Model)


def read_site(gathered: Gathered) -> tuple[Draft, tuple[Problem, ...]]:
    """What is well formed, and what is wrong with the rest."""
    reading = _Reading(gathered)
    draft = reading.draft()
    return draft, tuple(reading.problems)


@dataclass(frozen=True)
class _Entry:
    """One thing to be read. `own` is what its author wrote there; `body` that and the layers below it."""

    says: str
    own: Table
    body: Table
    name: str | None = None
    settings: str | None = None


class _Reading:
    def __init__(self, gathered: Gathered) -> None:
        self.problems: list[Problem] = []
        self._gathered = gathered
        self._site = gathered.sections["site"]

    def draft(self) -> Draft:
        self._check_settings()
        layers = {name: self._layers(own) for name, own in self._entries("nodes")}
        merged = {name: merge(given) for name, given in layers.items()}
        sections: dict[str, Tree] = {**self._gathered.sections, "links": self._gathered.links}
        sections["nodes"] = Table(merged, self._gathered.place)
        head = self._model(Head, _Entry("the site", self._site, self._site, settings=SETTINGS["site"]))
        return Draft(
            root=Table(sections, self._gathered.place),
            whole=self._gathered.whole,
            layers=layers,
            head=head,
            provisioning=self._provisioning(),
            networks=self._section("networks", Network),
            images=self._section("images", Image),
            profiles=self._section("profiles", Profile),
            groups=self._section("groups", Group),
            racks=self._section("racks", Rack),
            switches=self._section("switches", Switch),
            nodes=self._nodes(layers, merged),
            links=self._links(),
            placement=self._section("placement", Placement),
        )

    def _entries(self, section: str) -> Iterator[tuple[str, Table]]:
        """Named entries. One without a body (`r1:`) counts as an empty mapping."""
        for name, tree in self._gathered.sections[section].entries.items():
            match tree:
                case Table():
                    yield name, tree
                case Leaf(value=None):
                    yield name, Table({}, tree.place)
                case _:
                    says = f"{NOUNS[section]} {name!r} must be a mapping"
                    self._wrong(tree, says, "write keys below it, each as key: value")

    def _section(self, section: str, model: type[_M]) -> dict[str, _M]:
        found: dict[str, _M] = {}
        for name, body in self._entries(section):
            entry = _Entry(f"{NOUNS[section]} {name}", body, body, name, SETTINGS.get(section))
            read = self._model(model, entry)
            if read is not None:
                found[name] = read
        return found

    def _nodes(self, layers: Mapping[str, tuple[Layer, ...]], merged: Mapping[str, Table]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for name, given in layers.items():
            node = self._model(Node, _Entry(f"node {name}", given[-1].table, merged[name], name))
            if node is not None:
                found[name] = node
        return found

    def _links(self) -> dict[int, Link]:
        found: dict[int, Link] = {}
        for index, tree in enumerate(self._gathered.links.items):
            if isinstance(tree, Table):
                link = self._model(Link, _Entry("the cable", tree, tree))
                if link is not None:
                    found[index] = link
            else:
                self._wrong(tree, "a cable must be a mapping", "write it as - {a: r1-n01:eth0, b: r1-sw1:swp1}")
        return found

    def _provisioning(self) -> Provisioning | None:
        """By itself, for the checks: the site's head may be broken elsewhere. What is wrong here was said with it."""
        tree = self._site.entries.get("provisioning")
        return _validated(Provisioning, values(tree))[0] if isinstance(tree, Table) else None

    def _layers(self, own: Table) -> tuple[Layer, ...]:
        racks, profiles = self._gathered.sections["racks"], self._gathered.sections["profiles"]
        node = Layer("node", own)
        rack = _word(own, "rack")
        below = (
            *_layer("site", self._site, SETTINGS["site"]),
            *_layer(f"rack {rack}", at(racks, (rack,)), SETTINGS["racks"]),
        )
        profile = _word(merge((*below, node)), "profile")
        return (*below, *_layer(f"profile {profile}", at(profiles, (profile,)), SETTINGS["profiles"]), node)

    def _check_settings(self) -> None:
        self._check_layer(self._site, SETTINGS["site"], OWN)
        for _, rack in self._entries("racks"):
            self._check_layer(rack, SETTINGS["racks"], OWN)
        for _, profile in self._entries("profiles"):
            self._check_layer(profile, SETTINGS["profiles"], OWN | {"profile"})

    def _check_layer(self, giver: Table, key: str, own: frozenset[str]) -> None:
        """Settings are part of a node: what they leave out is no fault, what they hold must be right."""
        settings = giver.entries.get(key, Leaf(None, giver.place))
        if not isinstance(settings, Table):
            if plain(settings) is not None:
                self._wrong(settings, f"{key} must be a mapping", "write keys of a node below it")
            return
        for name in own & settings.entries.keys():
            self._wrong(settings.entries[name], f"{name!r} cannot be shared by nodes", "write it at each node")
        shared = Table({name: tree for name, tree in settings.entries.items() if name not in own}, settings.place)
        _, faults = _validated(Node, values(shared))
        for fault in faults:
            if fault["type"] != "missing":
                self.problems.append(in_words(fault, shared, _known(Node, fault) - own))

    def _model(self, model: type[_M], entry: _Entry) -> _M | None:
        written = {key: value for key, value in values(entry.body).items() if key != entry.settings}
        if entry.name is not None:
            if "name" in written:
                self._wrong(entry.body.entries["name"], f"{entry.says} has its name from its key", "remove name:")
            written["name"] = entry.name
        read, faults = _validated(model, written)
        for fault in faults:
            if fault["type"] != "missing":
                self.problems.append(in_words(fault, entry.body, _known(model, fault, entry)))
            elif model is not Head or self._gathered.whole:
                shared = entry.own is not entry.body and fault["loc"][0] not in OWN
                where = "here, or in the settings of its profile, rack or site" if shared else "here"
                self.problems.append(missing(fault, entry.says, entry.own, where))
        return read

    def _wrong(self, tree: Tree, says: str, remedy: str) -> None:
        self.problems.append(Problem(tree.place, says, remedy))


def _layer(name: str, giver: Tree | None, key: str) -> tuple[Layer, ...]:
    settings = giver.entries.get(key) if isinstance(giver, Table) else None
    return (Layer(name, settings),) if isinstance(settings, Table) else ()


def _word(table: Table, key: str) -> str:
    leaf = table.entries.get(key)
    return leaf.value if isinstance(leaf, Leaf) and isinstance(leaf.value, str) else ""


def _validated(model: type[_M], written: Mapping[str, JsonValue]) -> tuple[_M | None, list[ErrorDetails]]:
    """The model, or its faults without the values. A list is not too short for holding only what is at fault."""
    try:
        return model.model_validate(written), []
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    above = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    return None, [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in above]


def _known(model: type[Model], fault: ErrorDetails, entry: _Entry | None = None) -> frozenset[str]:
    """The keys that are allowed beside the one at fault."""
    path = fault["loc"][:-1]
    known = keys_at(model, path)
    if path or entry is None:
        return known
    return known - ({"name"} if entry.name else set()) | ({entry.settings} if entry.settings else set())
