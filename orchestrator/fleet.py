"""What a role needs and reads of the other nodes (pure)."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from inventory.model import Node, Site
from orchestrator.attributes import value_at
from orchestrator.errors import Impossible
from orchestrator.roles import Elsewhere, Holders, Role, Roles, providers

Key = tuple[str, str]  # node name, role name
Chosen = Mapping[str, Sequence[str]]  # node name -> its roles


class Fleet:
    """Who has which role. `chosen` is all that nodes are to have, also where it is not known yet what they are."""

    def __init__(self, site: Site, roles: Roles, chosen: Chosen) -> None:
        self._site = site
        self._roles = roles
        self._chosen = chosen
        self._holders: dict[str, list[Key]] = {}
        for name in sorted(chosen):
            for role in chosen[name]:
                for noun in (role, *roles[role].provides):
                    self._holders.setdefault(noun, []).append((name, role))

    def far(self, node: Node, role: Role) -> Iterator[Key]:
        """The node roles elsewhere that come first. `Impossible` where there are too few."""
        for need in role.elsewhere:
            found = self._near(node, need)
            if need.count == "all":
                picked = [key for key in found if key != (node.name, role.role)]
                wanted = 1
            else:
                others = [key for key in found if key[0] != node.name]
                picked = self._spread(others)[: need.count] if need.spread else others[: need.count]
                wanted = need.count
            if len(picked) < wanted:
                raise Impossible(_too_few(node, need, len(picked)))
            yield from picked

    def read(self, node: Node, role: Role, trees: Mapping[str, Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
        """The inputs that are read of others, each value with the node that it is of; none where nobody is read."""
        found: dict[str, JsonValue] = {}
        for name, wanted in role.inputs.items():
            if wanted.of is not None and wanted.source is not None:
                holders = dict.fromkeys(other for other, _ in self._near(node, wanted.of))
                values: list[JsonValue] = [
                    {"node": other, "value": value_at(trees[other], wanted.source)} for other in holders
                ]
                found |= {name: values} if values else {}
        return found

    def known(self, chosen: Chosen) -> dict[str, tuple[str, ...]]:
        """Of what is chosen for now, that which needs nothing of a node that has yet to find out what it is."""
        there = {(name, role) for name, own in chosen.items() for role in own}
        if len(there) == sum(map(len, self._chosen.values())):
            return {name: tuple(own) for name, own in chosen.items()}
        while lost := {key for key in there if not self._stands(key, there)}:
            there -= lost
        return {name: tuple(role for role in own if (name, role) in there) for name, own in chosen.items()}

    def _stands(self, key: Key, there: set[Key]) -> bool:
        name, role = self._site.nodes[key[0]], self._roles[key[1]]
        here = all(any((key[0], other) in there for other in providers(need, self._roles)) for need in role.same_node)
        return here and all(far in there for far in self.far(name, role))

    def _near(self, node: Node, asked: Holders) -> list[Key]:
        """By name of the node, so that no order of the files chooses."""
        found = self._holders.get(asked.role, [])
        return [key for key in found if asked.on == "site" or self._site.nodes[key[0]].rack == node.rack]

    def _spread(self, keys: Sequence[Key]) -> list[Key]:
        """The first of each rack."""
        first: dict[str, Key] = {}
        for key in keys:
            first.setdefault(self._site.nodes[key[0]].rack, key)
        return list(first.values())


def _too_few(node: Node, need: Elsewhere, found: int) -> str:
    number = "every" if need.count == "all" else f"{need.count} x"
    racks = " in racks of their own" if need.spread else ""
    return (
        f"{node.name}: needs {number} {need.role} on its {need.on}{racks}, which has {found}. "
        "Give that role to more nodes"
    )
