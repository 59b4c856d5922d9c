"""Where things stand in a tree: its collections, the one host, and the manager that is asked about it.

Source: DMTF DSP0268 (data model): ServiceRoot, ComputerSystem, Manager.
"""

from collections.abc import Iterable, Iterator

from drivers.redfish.resource import Resource
from drivers.redfish.session import ROOT
from drivers.redfish.tree import Tree

_HOSTS = (None, "Physical", "PhysicallyPartitioned")
_MANAGER = ("FirmwareVersion", "Links")
_CHASSIS = ("Links",)


def place_of(root: Resource, name: str) -> str:
    """Where a collection or service is: by its link or, if the root forgot that (quirk 50), where it always is."""
    return root.link(name) or f"{ROOT}{name}"


def at_root(tree: Tree, root: Resource, name: str) -> Resource:
    return tree.at(place_of(root, name), guessed=root.link(name) is None)


def systems(tree: Tree, root: Resource) -> tuple[Resource, ...]:
    """Every system that can be read."""
    at_root(tree, root, "Systems")
    return tuple(one for one in tree.members(place_of(root, "Systems")) if one.body)


def hosts(found: Iterable[Resource]) -> tuple[Resource, ...]:
    """Those that are machines to install. A baseboard of accelerators or a DPU may stand beside one (quirk 50)."""
    ranked = [(_rank(system), system) for system in found]
    best = max((rank for rank, _ in ranked), default=0)
    return tuple(system for rank, system in ranked if rank == best and rank)


def manager_of(tree: Tree, root: Resource, system: Resource) -> Resource:
    """The system's own manager; where it names none (quirk 51) the only one, or the only one that names the system."""
    named = [manager for link in system.links("Links", "ManagedBy") if (manager := tree.at(link)).body]
    if named:
        return next((one for one in named if _manages(one, system)), named[0])
    at_root(tree, root, "Managers")
    every = [one for one in tree.members(place_of(root, "Managers"), *_MANAGER) if one.body]
    if len(every) > 1:
        every = (
            [one for one in every if _manages(one, system)]
            or [one for one in every if one.text("ManagerType") == "BMC"]
            or [one for one in every if not system.path and one.links("Links", "ManagerForServers")]
        )
    return every[0] if len(every) == 1 else tree.at(None)


def chassis_of(tree: Tree, root: Resource, system: Resource) -> Iterator[Resource]:
    """The chassis that a system stands in, as it says; where it says none, those that name the system."""
    named = system.links("Links", "Chassis")
    if named:
        yield from (tree.at(link) for link in named)
        return
    at_root(tree, root, "Chassis")
    for one in tree.members(place_of(root, "Chassis"), *_CHASSIS):
        if _same(system.path, one.links("Links", "ComputerSystems")):
            yield one


def _rank(system: Resource) -> int:
    """0: no host; 1: one that shows nothing to boot by, or calls itself the board of its accelerators; 2: a host."""
    reset = system.text("Actions", "#ComputerSystem.Reset", "target")
    boots = bool(system.link("Bios") or system.text("BiosVersion"))
    computes = bool(system.whole("ProcessorSummary", "Count") or system.link("Processors"))
    if system.text("SystemType") not in _HOSTS or reset is None or not (computes or boots):
        return 0
    named = f"{system.path.rpartition('/')[2]} {system.text('Id')}".casefold()
    return 1 if "baseboard" in named or not (boots or system.inner("Boot").body) else 2


def _manages(manager: Resource, system: Resource) -> bool:
    return bool(system.path) and _same(system.path, manager.links("Links", "ManagerForServers"))


def _same(path: str, links: Iterable[str]) -> bool:
    return path.rstrip("/") in {link.rstrip("/") for link in links}
