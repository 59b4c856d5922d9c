"""Which managers keep a system, what family they are of, and where they queue their jobs."""

from drivers.redfish.family import Family, family_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree


def managers(tree: Tree, root: Resource, system: Resource) -> tuple[Resource, ...]:
    """The system's own; where it names none, the only one there is."""
    named = system.links("Links", "ManagedBy")
    if named:
        return tuple(tree.at(link) for link in named)
    every = tuple(tree.members(root.link("Managers")))
    return every if len(every) == 1 else ()


def kept_by(tree: Tree, root: Resource, system: Resource) -> tuple[Family, tuple[str, ...]]:
    """The family, and its job queues beside the standard ones."""
    own = managers(tree, root, system)
    family = family_of(root, own[0] if own else Resource("", {}))
    queues = [manager.link(*family.jobs) for manager in own] if family.jobs else []
    return family, tuple(queue for queue in queues if queue)
