"""Roles bound to nodes: the vertices and edges that a site asks for (pure)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from inventory.address import Mac
from inventory.model import Node, Site
from inventory.profile import Profile
from orchestrator.attributes import Found, attributes, inputs_of, value_at
from orchestrator.errors import Impossible
from orchestrator.fleet import Fleet, Key
from orchestrator.graph import order
from orchestrator.profiles import Choice, choose_all
from orchestrator.roles import Role, Roles, providers
from orchestrator.tenancy import NOBODY, READY, Phase, Tenancies, Tenancy

FINDS_OUT = "managed"  # the milestone behind which it is known what a machine is
LOOKS_IN = "agent-inspect"  # the role behind which its ports are known


@dataclass(frozen=True)
class Bound:
    """One role on one node. `digest` changes when what the role reads changes, and with it what it would do."""

    node: Node
    role: Role
    inputs: Mapping[str, JsonValue]
    digest: str
    needs: tuple[Key, ...]

    @property
    def key(self) -> Key:
        return self.node.name, self.role.role


@dataclass(frozen=True)
class Ports:
    """Of nodes with conduits: who has ports yet to be found, the NICs that were, and who was to be looked into anew."""

    open: frozenset[str] = frozenset()
    found: Mapping[str, frozenset[Mac]] = field(default_factory=dict)
    anew: Mapping[str, datetime] = field(default_factory=dict)

    def of(self, node: str) -> Found:
        return Found(self.found.get(node, frozenset()), self.anew.get(node))


ALL_DECLARED = Ports()


def bind(
    site: Site,
    roles: Roles,
    choices: Mapping[str, Choice] | None = None,
    ports: Ports = ALL_DECLARED,
    tenancies: Tenancies = NOBODY,
) -> Mapping[Key, Bound]:
    """Every node's roles with what they need, parents first. `Impossible`, `Knot`.

    `choices`: each node's profile; None takes what is declared. Where it is not settled, or ports are yet to be found,
    the node gets no more than what finds out what it is. A node that is deployed to a tenant gets what the tenant
    wants, in place of its groups'.
    """
    choices = choose_all(site, {}) if choices is None else choices
    trees = {
        name: attributes(site, node, _profile(site, choices[name]), ports.of(name), tenancies.get(name))
        for name, node in site.nodes.items()
    }
    whole = {name: _chosen(site, node, roles, trees[name]) for name, node in site.nodes.items()}
    fleet = Fleet(site, roles, whole)
    first = {name: _known_first(whole[name], roles, LOOKS_IN) for name in ports.open}
    first |= {name: _known_first(whole[name], roles, FINDS_OUT) for name in whole if not choices[name].settled}
    lent = {name: _joined(name, [READY], roles, trees[name]) for name in site.nodes if _is_lent(tenancies.get(name))}
    chosen = fleet.known({**whole, **first}) | lent
    bound: dict[Key, Bound] = {}
    for name, node in site.nodes.items():
        given = {role: values for group in node.groups for role, values in site.groups[group].inputs.items()}
        inputs = {
            role: inputs_of(roles[role], trees[name], {**fleet.read(node, roles[role], trees), **given.get(role, {})})
            for role in chosen[name]
        }
        digests = _digests(inputs, roles, {role: _here(node, roles[role], chosen[name], roles) for role in inputs})
        for role in chosen[name]:
            needs = (*_here(node, roles[role], chosen[name], roles), *fleet.far(node, roles[role]))
            bound[name, role] = Bound(node, roles[role], inputs[role], digests[role], tuple(dict.fromkeys(needs)))
    return {key: bound[key] for key in order({key: one.needs for key, one in bound.items()})}


def _profile(site: Site, choice: Choice) -> Profile | None:
    return site.profiles[choice.profile] if choice.profile is not None else None


def _chosen(site: Site, node: Node, roles: Roles, tree: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The node's roles: its groups', and what comes with those."""
    return _joined(node.name, [role for group in node.groups for role in site.groups[group].roles], roles, tree)


def _is_lent(tenancy: Tenancy | None) -> bool:
    return tenancy is not None and tenancy.phase is Phase.DEPLOY


def _joined(name: str, asked: list[str], roles: Roles, tree: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Roles, what they need, and what joins those by the node's attributes."""
    chosen = closure(name, asked, roles)
    joining = [
        other
        for other, role in roles.items()
        if role.when and set(role.before) & set(chosen) and value_at(tree, role.when)
    ]
    chosen = closure(name, [*chosen, *joining], roles) if joining else chosen
    for one in chosen:
        rival = next((other for other in roles[one].conflicts if other in chosen), None)
        if rival:
            raise Impossible(f"{name}: {one} and {rival} cannot share a node. Take one out of its groups")
    return chosen


def _known_first(chosen: tuple[str, ...], roles: Roles, last: str) -> tuple[str, ...]:
    """Of a node's roles the one that finds out, and what comes before it."""
    wanted = {last}
    while more := set(_before(wanted, chosen, roles)) - wanted:
        wanted |= more
    return tuple(name for name in chosen if name in wanted)


def _before(wanted: set[str], chosen: tuple[str, ...], roles: Roles) -> Iterator[str]:
    for name in wanted & set(roles):
        yield from roles[name].same_node
    yield from (name for name in chosen if wanted & set(roles[name].before))


def closure(node: str, asked: list[str], roles: Roles) -> tuple[str, ...]:
    """Roles and, transitively, what they need on the same node."""
    chosen: dict[str, None] = {}
    while asked:
        name = asked.pop(0)
        if name in chosen:
            continue
        if name not in roles:
            raise Impossible(f"{node}: no role is called {name}. The roles are: {', '.join(sorted(roles))}")
        chosen[name] = None
        asked += [_provider(need, node, {*chosen, *asked}, roles) for need in roles[name].same_node]
    return tuple(chosen)


def _provider(need: str, node: str, bound: set[str], roles: Roles) -> str:
    found = providers(need, roles)
    if len(found) == 1:
        return found[0]
    here = [name for name in found if name in bound]
    if len(here) != 1:
        raise Impossible(f"{node}: {need} is provided by {', '.join(found)}. Name one of them in its groups")
    return here[0]


def _here(node: Node, role: Role, chosen: tuple[str, ...], roles: Roles) -> tuple[Key, ...]:
    """What comes first on the same node: what the role needs, and what is put before it there."""
    needed = [_provider(need, node.name, set(chosen), roles) for need in role.same_node]
    first = [name for name in chosen if name in role.after or role.role in roles[name].before]
    return tuple((node.name, name) for name in dict.fromkeys((*needed, *first)))


def _digests(
    inputs: Mapping[str, Mapping[str, JsonValue]], roles: Roles, needs: Mapping[str, tuple[Key, ...]]
) -> dict[str, str]:
    """Of what each role reads, of those that renew it, and of the erasing roles it stands on: they void its proof."""
    own = {role: _digest([inputs[role], roles[role].files]) for role in inputs}
    found: dict[str, str] = {}
    below: dict[str, set[str]] = {}
    for role in order({role: [need for _, need in needs[role]] for role in inputs}):
        parents = [need for _, need in needs[role]]
        below[role] = {one for parent in parents for one in below[parent] | ({parent} & _erasers(roles))}
        renewing = sorted(own[other] for other in inputs if role in roles[other].renews)
        found[role] = _digest([own[role], renewing, sorted(found[one] for one in below[role])])
    return found


def _erasers(roles: Roles) -> set[str]:
    return {name for name, role in roles.items() if role.erases}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
