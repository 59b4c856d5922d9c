"""Settings in layers, site < rack < profile < node: mappings are merged key by key, anything else is replaced whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pydantic import JsonValue

from inventory.document import Row, Step, Table, Tree, at, dotted, plain, step
from inventory.errors import Place


@dataclass(frozen=True)
class Layer:
    """One giver of settings, `name` as an operator says it: `site`, `rack r1`, `profile dense`, `node r1-n01`."""

    name: str
    table: Table


@dataclass(frozen=True)
class Given:
    """A value as one layer gave it. `key` is dotted; a list's items go by their name or index."""

    key: str
    value: JsonValue
    layer: str
    place: Place


def merge(layers: Sequence[Layer]) -> Table:
    """The lowest layer first. Every value keeps the place that gave it."""
    return reduce(_over, (layer.table for layer in layers))


def _over(low: Table, high: Table) -> Table:
    entries = dict(low.entries)
    for key, value in high.entries.items():
        beneath = entries.get(key)
        entries[key] = _over(beneath, value) if isinstance(beneath, Table) and isinstance(value, Table) else value
    return Table(entries, high.place)


def _given(layer: Layer, path: tuple[str, ...]) -> Given | None:
    """What a layer says of a path; where it replaces something on the way whole, that."""
    tree: Tree = layer.table
    for depth, key in enumerate(path):
        below = step(tree, key)
        if below is None and isinstance(tree, Table):
            return None
        if below is None:
            return Given(".".join(path[:depth]), plain(tree), layer.name, tree.place)
        tree = below
    return Given(".".join(path), plain(tree), layer.name, tree.place)


@dataclass(frozen=True)
class Provenance:
    """Who gave what to each node: its layers, the lowest first."""

    layers: Mapping[str, tuple[Layer, ...]]

    def where(self, node: str, key: str) -> tuple[Given, ...]:
        """All that was given for a key of a node: what holds first, then what it overrode. Empty: nobody gave it."""
        found = (_given(layer, tuple(key.split("."))) for layer in reversed(self.layers[node]))
        return tuple(given for given in found if given is not None)

    def keys(self, node: str, under: str = "") -> tuple[str, ...]:
        """The keys of all single values and plain lists that a node was given, at or under a key."""
        merged = merge(self.layers[node])
        path = tuple(under.split(".")) if under else ()
        tree = at(merged, path)
        return tuple(sorted(dotted(merged, found) for found in _leaves(tree, path))) if tree is not None else ()


def _leaves(tree: Tree, path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    below: Iterable[tuple[Step, Tree]]
    if isinstance(tree, Table):
        below = tree.entries.items()
    elif isinstance(tree, Row) and any(isinstance(item, Table) for item in tree.items):
        below = enumerate(tree.items)
    else:
        yield path
        return
    for key, value in below:
        yield from _leaves(value, (*path, key))
