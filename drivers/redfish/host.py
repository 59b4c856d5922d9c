"""The one host that a login is for: where it is in the tree, who manages it, and what is known of such BMCs."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeVar

from drivers.errors import Transient, UnknownOutcome
from drivers.patience import Patience
from drivers.redfish.family import Family, family_of
from drivers.redfish.places import manager_of
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from inventory.quantity import in_words

_Told = TypeVar("_Told")


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

    def readings(self, ask: Callable[[], _Told], done: str) -> Iterator[_Told]:
        """What `ask` reads after a write, look by look, until it had time to settle.

        A BMC that restarts is waited for first. `UnknownOutcome` where it does not come back: `done` was sent.
        """
        yield self._back(ask, done)
        for _ in self.patience.looks(self.patience.settle):
            with contextlib.suppress(Transient):
                yield ask()

    def _back(self, ask: Callable[[], _Told], done: str) -> _Told:
        for _ in self.patience.looks(self.patience.post):
            try:
                return ask()
            except Transient as error:
                lost = error
        what = f"{done} was sent, and it cannot be read for {in_words(self.patience.post)} ({lost.what})"
        raise UnknownOutcome(self.session.who, what, "read it before anything else is set") from lost
