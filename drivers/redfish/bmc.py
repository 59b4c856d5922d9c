"""Which manager is the host's own BMC. Source: DSP0268, ComputerSystem.Links.ManagedBy, Manager.ManagerForServers."""

from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree


def manager_of(tree: Tree, root: Resource, system: Resource) -> Resource:
    """The one that the system names; else the only one, or the one that names the system. Empty where none is found."""
    named = system.links("Links", "ManagedBy")
    if named:
        return tree.at(named[0])
    every = tuple(tree.members(root.link("Managers")))
    if len(every) == 1:
        return every[0]
    ours = (one for one in every if system.path in one.links("Links", "ManagerForServers"))
    return next(ours, tree.at(None))
