"""What comes before what (pure). Lists of integers inside, since a site of 10,000 nodes has 250,000 vertices."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from orchestrator.errors import Knot

V = TypeVar("V", str, tuple[str, str])  # a role, or a role on a node


def waves(needs: Mapping[V, Iterable[V]]) -> tuple[tuple[V, ...], ...]:
    """Vertices by how many steps stand before them; `needs` maps each to what must be done first.

    Within a wave the mapping's order holds. A need that is no key counts as done. A ring raises `Knot`, which names it.
    """
    names = list(needs)
    place = {name: index for index, name in enumerate(names)}
    parents = [sorted({place[need] for need in needs[name] if need in place}) for name in names]
    children: list[list[int]] = [[] for _ in names]
    for child, above in enumerate(parents):
        for parent in above:
            children[parent].append(child)
    missing = [len(above) for above in parents]
    found: list[tuple[V, ...]] = []
    wave = [index for index, count in enumerate(missing) if count == 0]
    while wave:
        found.append(tuple(names[index] for index in wave))
        freed: list[int] = []
        for parent in wave:
            for child in children[parent]:
                missing[child] -= 1
                if missing[child] == 0:
                    freed.append(child)
        wave = sorted(freed)
    if any(missing):
        ring = _ring(parents, missing)
        raise Knot(f"these need each other: {' -> '.join(_shown(names[index]) for index in ring)}. Take one need out")
    return tuple(found)


def order(needs: Mapping[V, Iterable[V]]) -> tuple[V, ...]:
    """Every vertex after all that it needs; as `waves` otherwise."""
    return tuple(name for wave in waves(needs) for name in wave)


def _ring(parents: Sequence[Sequence[int]], missing: Sequence[int]) -> list[int]:
    """From any vertex left over, up along what is left over, until one comes again: its first and last are the same."""
    at = next(index for index, count in enumerate(missing) if count)
    path: list[int] = []
    seen: dict[int, int] = {}
    while at not in seen:
        seen[at] = len(path)
        path.append(at)
        at = next(parent for parent in parents[at] if missing[parent])
    return [*path[seen[at] :], at]


def _shown(vertex: str | tuple[str, str]) -> str:
    return vertex if isinstance(vertex, str) else "/".join(vertex)
