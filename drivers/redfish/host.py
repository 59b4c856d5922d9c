"""The one host that a login is for: where it is in the tree, who manages it, and what is known of such BMCs."""

from functools import cached_property

from drivers.patience import Patience
from drivers.redfish.family import Family, family_of
from drivers.redfish.places import manager_of
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
        system = self._last or self.system()
        return manager_of(Tree(self.session, system), self.session.root, system)

    @cached_property
    def family(self) -> Family:
        return family_of(self.session.root, self.manager)

    def queue(self) -> str | None:
        """The job queue of a vendor's own, beside the standard services."""
        return self.manager.link(*self.family.jobs) if self.family.jobs else None
