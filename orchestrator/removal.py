"""What has to go from a node that is to have a role no longer (pure).

A removal is a node role of its own, called after the one that it undoes: planned, done and proven as all others are. It
counts for one generation of that role: what was brought back since must be removed anew.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import JsonValue

from inventory.model import Site
from orchestrator.binding import Bound, closure
from orchestrator.errors import Impossible
from orchestrator.fleet import Key
from orchestrator.roles import LEVELS, REMOVE, Role, Roles, providers

_NEVER_BEGAN = frozenset({"todo", "blocked", "proposed"})  # states of a role that has not been at work


@dataclass(frozen=True)
class Left:
    """A node role as recorded. `inputs` are of its last run."""

    state: str
    generation: int
    digest: str
    proven: bool
    inputs: Mapping[str, JsonValue]


def leaving(
    site: Site, roles: Roles, bound: Mapping[Key, Bound], rows: Mapping[Key, Left], unsettled: Collection[str]
) -> dict[Key, Bound]:
    """Removals that are not proven yet; of `unsettled` nodes none, since it is not known what those are to have."""
    found: dict[Key, Bound] = {}
    for (node, name), row in rows.items():
        role = roles.get(name)
        if role is None or role.remove is None or node not in site.nodes or node in unsettled or (node, name) in bound:
            continue
        key = (node, f"{REMOVE}{name}")
        if _there(row, rows.get(key), role) and name not in _asked(site, node, roles):
            found[key] = Bound(site.nodes[node], role.removal, row.inputs, _digest(role, row), ())
    return {key: replace(one, needs=tuple(_first(key, found, roles))) for key, one in found.items()}


def after_removals(bound: Mapping[Key, Bound], gone: Mapping[Key, Bound], roles: Roles) -> dict[Key, Bound]:
    """Both, where what conflicts with a role that leaves its node comes after that."""
    if not gone:
        return dict(bound)
    held = {key: replace(one, needs=(*one.needs, *_rivals(key, gone, roles))) for key, one in bound.items()}
    return {**gone, **held}


def check_drained(site: Site, roles: Roles, rows: Mapping[Key, Left]) -> None:
    """`Impossible` where a node left the inventory with services on it."""
    lost: dict[str, list[str]] = {}
    for (node, name), row in rows.items():
        removed = rows.get((node, REMOVE + name))
        draining = removed is not None and removed.state not in {"active", "proposed"}
        if node not in site.nodes and _service(roles.get(name)) and (draining or row.state not in _NEVER_BEGAN):
            lost.setdefault(node, []).append(name)
    if lost:
        told = "; ".join(f"{node} with {', '.join(sorted(names))} on it" for node, names in sorted(lost.items()))
        raise Impossible(
            f"gone from the inventory: {told}. Put it back without these roles and apply that, which drains it; "
            f"if the machine is no more: anneal node forget {min(lost)}"
        )


def _service(role: Role | None) -> bool:
    return role is not None and role.level == LEVELS[-1] and role.apply is not None


def _there(row: Left, removed: Left | None, role: Role) -> bool:
    """Whether the role may have left something on the node."""
    if removed is not None:
        return removed.state != "active" or removed.digest != _digest(role, row)
    return row.proven or row.state not in _NEVER_BEGAN


def _asked(site: Site, node: str, roles: Roles) -> Collection[str]:
    groups = site.nodes[node].groups
    return closure(node, [role for group in groups for role in site.groups[group].roles], roles)


def _digest(role: Role, row: Left) -> str:
    return hashlib.sha256(f"{role.role} {role.files} {row.generation}".encode()).hexdigest()[:16]


def _first(key: Key, gone: Collection[Key], roles: Roles) -> Iterator[Key]:
    """Removals of what needs the role that leaves: they come first."""
    node, name = key[0], key[1].removeprefix(REMOVE)
    for other in gone:
        above = roles[other[1].removeprefix(REMOVE)]
        if other[0] == node and any(name in providers(need, roles) for need in above.same_node):
            yield other


def _rivals(key: Key, gone: Collection[Key], roles: Roles) -> Iterator[Key]:
    for other in gone:
        name = other[1].removeprefix(REMOVE)
        if other[0] == key[0] and (name in roles[key[1]].conflicts or key[1] in roles[name].conflicts):
            yield other
