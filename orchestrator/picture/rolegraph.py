"""Roles and what they need of each other, over many nodes (pure)."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.binding import Bound
from orchestrator.fleet import Key
from orchestrator.roles import LEVELS

NEW = "new"  # what stands nowhere in the record
STATES = ("active", "transition", "todo", "blocked", "gated", "stale", "drifted", "error", "proposed", NEW)


@dataclass(frozen=True)
class Knob:
    """One role: how many of its nodes are in which state."""

    role: str
    level: str
    milestone: bool
    states: Mapping[str, int]

    @property
    def nodes(self) -> int:
        return sum(self.states.values())

    @property
    def says(self) -> str:
        """`5 active, 1 error`."""
        return ", ".join(f"{number} {state}" for state, number in self.states.items())


@dataclass(frozen=True, order=True)
class Edge:
    """`parent` comes before `child`: on the same node or, where it is `far`, on others."""

    parent: str
    child: str
    far: bool


@dataclass(frozen=True)
class RoleGraph:
    site: str
    knobs: tuple[Knob, ...]  # parents first
    edges: tuple[Edge, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        """Those that have roles, the lowest first."""
        there = {knob.level for knob in self.knobs}
        return tuple(level for level in LEVELS if level in there)


def rolegraph(site: str, bound: Mapping[Key, Bound], states: Mapping[Key, str], nodes: Collection[str]) -> RoleGraph:
    """Of these nodes' roles. Edges that others imply are left out; those to other nodes are all there."""
    chosen = {key: one for key, one in bound.items() if key[0] in nodes}
    counts: dict[str, Counter[str]] = {}
    for node, role in chosen:
        counts.setdefault(role, Counter())[states.get((node, role), NEW)] += 1
    roles = {one.role.role: one.role for one in chosen.values()}
    told = {name: {state: count[state] for state in STATES if count[state]} for name, count in counts.items()}
    knobs = tuple(Knob(name, roles[name].level, roles[name].milestone, told[name]) for name in counts)
    near = {(need, key[1]) for key, one in chosen.items() for owner, need in one.needs if owner == key[0]}
    far = {(need, key[1]) for key, one in chosen.items() for owner, need in one.needs if owner != key[0]}
    edges = [Edge(*pair, far=False) for pair in _reduced(near)]
    edges += [Edge(*pair, far=True) for pair in far if pair[0] != pair[1] and pair[0] in counts]
    return RoleGraph(site, knobs, tuple(sorted(edges)))


def as_json(graph: RoleGraph, bound: Mapping[Key, Bound], states: Mapping[Key, str]) -> dict[str, JsonValue]:
    """The picture, and behind it each node role with its needs."""
    shown = {knob.role for knob in graph.knobs}
    return {
        "site": graph.site,
        "levels": list(graph.levels),
        "roles": [
            {"role": one.role, "level": one.level, "milestone": one.milestone, "states": dict(one.states)}
            for one in graph.knobs
        ],
        "edges": [{"parent": one.parent, "child": one.child, "far": one.far} for one in graph.edges],
        "node_roles": [
            {
                "node": node,
                "role": role,
                "state": states.get((node, role), NEW),
                "needs": ["/".join(n) for n in one.needs],
            }
            for (node, role), one in bound.items()
            if role in shown
        ],
    }


def in_text(graph: RoleGraph) -> Iterator[tuple[str, str, str, str]]:
    """Level, role, states and what it needs; the highest level first, as in the picture."""
    needs: dict[str, list[str]] = {}
    for edge in graph.edges:
        needs.setdefault(edge.child, []).append(f"{edge.parent} (elsewhere)" if edge.far else edge.parent)
    for level in reversed(graph.levels):
        own = [knob for knob in graph.knobs if knob.level == level]
        for number, knob in enumerate(reversed(own)):
            yield "" if number else level, knob.role, knob.says, ", ".join(needs.get(knob.role, []))


def _reduced(pairs: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without those that a longer way implies."""
    children: dict[str, set[str]] = {}
    for parent, child in pairs:
        children.setdefault(parent, set()).add(child)
    below: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in below:
            own = children.get(name, set())
            below[name] = own.union(*(reach(child) for child in own))
        return below[name]

    return [
        (parent, child)
        for parent, child in pairs
        if not any(child in reach(other) for other in children[parent] - {child})
    ]
