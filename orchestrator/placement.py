"""Which nodes get the roles that a site places by number (pure).

A role stays where it is as long as that node is fit. A fit node is to have, by its own groups, all that the role needs
of lower levels, and nothing that conflicts with it: a placement installs no machine that was to be left alone. A new
node is taken from the rack with the fewest of the placement, there the one with the fewest placed roles, then by name.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from inventory.model import Group, Placement, Site
from orchestrator.binding import closure
from orchestrator.errors import Impossible
from orchestrator.packs import Pack
from orchestrator.roles import LEVELS, Roles, providers

_NAMED = 5  # nodes that an error names


class Placed(BaseModel):
    """A role that is on a node because the site places it. `stays`: it was there before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    placement: str
    role: str
    node: str
    stays: bool
    says: str


def with_pack(site: Site, packs: Mapping[str, Pack]) -> Site:
    """The site with its pack's placements; one of its own goes before a pack's of the same name. `Impossible`."""
    if site.pack is None:
        return site
    if site.pack not in packs:
        raise Impossible(
            f"site {site.name}: no pack is called {site.pack}. The packs are: {', '.join(packs) or 'none'}"
        )
    given = {**packs[site.pack].placement, **site.placement}
    clash = next((name for name in given if name in site.groups), None)
    if clash is not None:
        raise Impossible(f"pack {site.pack} places {clash}, and a group is called so. Give the group another name")
    return site.model_copy(update={"placement": given})


def place(site: Site, roles: Roles, standing: Mapping[str, Sequence[str]]) -> tuple[Placed, ...]:
    """By placement and number. `Impossible` where too few nodes are fit.

    `standing`: role to the nodes that have it, as recorded; those that were asked for it last come first.
    """
    room = _Room(site, roles, standing)
    return tuple(placed for one in site.placement.values() for placed in room.placed(one))


def settled(site: Site, placed: Collection[Placed]) -> Site:
    """The site with each placement as a group of the nodes that it chose."""
    if not placed:
        return site
    groups = {one.name: Group(name=one.name, roles=(one.role,)) for one in site.placement.values()}
    of_node: dict[str, list[str]] = {}
    for one in placed:
        of_node.setdefault(one.node, []).append(one.placement)
    nodes = {
        name: node.model_copy(update={"groups": (*node.groups, *of_node[name])}) if name in of_node else node
        for name, node in site.nodes.items()
    }
    return site.model_copy(update={"groups": {**site.groups, **groups}, "nodes": nodes})


@dataclass
class _Room:
    """What there is to choose from: changes with each choice."""

    site: Site
    roles: Roles
    standing: Mapping[str, Sequence[str]]
    here: dict[str, set[str]] = field(default_factory=dict)  # node -> the roles that it is to have
    load: Counter[str] = field(default_factory=Counter)  # node -> placed roles

    def placed(self, one: Placement) -> Iterator[Placed]:
        faults = {name: self._unfit(one, name) for name in self._asked(one)}
        fit = sorted(name for name, fault in faults.items() if fault is None)
        wanted = one.count if isinstance(one.count, int) else len(fit)
        racks: Counter[str] = Counter()
        for number in range(wanted):
            free = [name for name in fit if one.spread is None or not racks[self.site.nodes[name].rack]]
            if not free:
                raise Impossible(_too_few(one, number, faults))
            name = min(free, key=lambda each: self._rank(one, each, racks))
            fit.remove(name)
            stays = name in self.standing.get(one.role, ())
            says = self._why(one, name, racks, f"{number + 1} of {wanted}")
            racks[self.site.nodes[name].rack] += 1
            self.load[name] += 1
            self._of(name).update(closure(name, [*sorted(self._of(name)), one.role], self.roles))
            yield Placed(placement=one.name, role=one.role, node=name, stays=stays, says=says)

    def _asked(self, one: Placement) -> list[str]:
        return [name for name, node in self.site.nodes.items() if one.among is None or one.among in node.groups]

    def _of(self, name: str) -> set[str]:
        if name not in self.here:
            asked = [role for group in self.site.nodes[name].groups for role in self.site.groups[group].roles]
            self.here[name] = set(closure(name, asked, self.roles))
        return self.here[name]

    def _unfit(self, one: Placement, name: str) -> str | None:
        here = self._of(name)
        lacking = next(_lacking(one.role, here, self.roles), None)
        if lacking is not None:
            return f"it is not to be {lacking}"
        coming = set(closure(name, [*sorted(here), one.role], self.roles))
        rival = next((other for other in sorted(coming) if self._clash(one.role, other)), None)
        return f"it has {rival}, and the two cannot share a node" if rival else None

    def _clash(self, one: str, other: str) -> bool:
        return other in self.roles[one].conflicts or one in self.roles[other].conflicts

    def _rank(self, one: Placement, name: str, racks: Counter[str]) -> tuple[bool, int, int, int, str]:
        """Those that have it come first, by their groups and then as recorded."""
        stood = self.standing.get(one.role, ())
        place = stood.index(name) if name in stood else len(stood)
        return one.role not in self._of(name), place, racks[self.site.nodes[name].rack], self.load[name], name

    def _why(self, one: Placement, name: str, racks: Counter[str], which: str) -> str:
        if one.role in self._of(name):
            return f"{which}: the node has it in any case"
        if name in self.standing.get(one.role, ()):
            return f"{which}: it is there, and the node is fit"
        if one.count == "all":
            return f"{which}: every fit node"
        rack = self.site.nodes[name].rack
        others = f"{racks[rack]} more" if racks[rack] else "none"
        return f"{which}: rack {rack} has {others} of them, and {name} {self.load[name] or 'no'} placed roles"


def _lacking(role: str, here: Collection[str], roles: Roles) -> Iterator[str]:
    """What the role, or a service that it brings, needs of lower levels and the node is not to have."""
    for need in roles[role].same_node:
        found = providers(need, roles)
        if any(name in here for name in found):
            continue
        own = [name for name in found if roles[name].level == LEVELS[-1]]
        if own:
            yield from _lacking(own[0], here, roles)
        else:
            yield need


def _too_few(one: Placement, found: int, faults: Mapping[str, str | None]) -> str:
    where = " in racks of their own" if one.spread == "rack" else ""
    among = f" of group {one.among}" if one.among else ""
    unfit = [f"{name}: {fault}" for name, fault in sorted(faults.items()) if fault is not None]
    fit = sum(fault is None for fault in faults.values())
    told = "; ".join(unfit[:_NAMED]) + (f"; and {len(unfit) - _NAMED} others" if len(unfit) > _NAMED else "")
    alone = f", {fit} are fit" if one.spread == "rack" and fit > found else ""
    return (
        f"placement {one.name}: {one.role} is wanted on {one.count} nodes{among}{where}, and there are {found}{alone}"
        f"{f' ({told})' if told else ''}. Lower its count, or let more nodes be fit"
    )
