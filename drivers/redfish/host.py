"""The one host that a login is for: where it is in the tree, who manages it, and what is known of such BMCs."""

from functools import cached_property

from drivers.patience import Patience
from drivers.redfish.family import Family, family_of
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree


class Host:
    """What the parts of the driver share. The manager is read once, and only where somebody asks for it."""

    def __init__(self, session: RedfishSession, path: str, patience: Patience) -> None:
        self.session = session
        self.path = path
        self.patience = patience
        self._last: Resource | None = None

    def system(self) -> Resource:
        self._last = self.session.get(self.path)
        return self._last

    @cached_property
    def manager(self) -> Resource:
        """The one that the system names; else the only one, or the one that names the system (quirk 51)."""
        tree = Tree(self.session, self._last or self.system())
        named = tree.at(self.path).links("Links", "ManagedBy")
        if named:
            return tree.at(named[0])
        every = tuple(tree.members(self.session.root.link("Managers")))
        its = [one for one in every if self.path in one.links("Links", "ManagerForServers")]
        return next(iter(its), every[0] if len(every) == 1 else tree.at(None))

    @cached_property
    def family(self) -> Family:
        return family_of(self.session.root, self.manager)

    def queue(self) -> str | None:
        """The job queue of a vendor's own, beside the standard services."""
        return self.manager.link(*self.family.jobs) if self.family.jobs else None
