"""Foreign configurations: what another controller wrote on drives that were moved here. Cleared all at once.

Source: Dell, DellRaidService v1_5_1, ClearForeignConfig, whose TargetFQDD is the controller's id; DellPhysicalDisk,
RaidStatus Foreign. HPE's Smart Array has no such state: its ClearConfigurationMetadata (SmartStorageConfig v2_0_2)
takes whatever is hidden from the host, which nobody can consent to by name, and is never sent.
"""

from collections.abc import Sequence

from drivers.ability.progress import Handle
from drivers.errors import Busy, IdentityChanged, Unsupported
from drivers.redfish.drive_mode import targets
from drivers.redfish.fitness import in_state, unstated
from drivers.redfish.host import Host
from drivers.redfish.once import Once, holds_already
from drivers.redfish.resource import Resource
from drivers.redfish.rest import Rest
from drivers.redfish.storage import Subsystem, subsystem
from drivers.redfish.tree import Tree
from drivers.wire.https import Json

FOREIGN = "foreign"
_NAMES = ("ClearForeignConfig", "ClearForeignConfiguration")


class Clearing:
    """Of one controller's drives, that were told by their serial numbers."""

    def __init__(self, host: Host, rest: Rest, serials: Sequence[str]) -> None:
        self._session = host.session
        self._patience = host.patience
        self._rest = rest
        self._serials = frozenset(serials)

    def ask(self, tree: Tree, system: Resource, sub: Subsystem) -> Handle:
        """Nothing is sent where none is left, or where one lies on another drive than was said."""
        path = sub.storage.path
        what = f"clear the foreign configuration of {path}"
        if not self._left(sub):
            return holds_already(what)
        target = way_to_clear(tree, system, sub)
        if target is None:
            remedy = "clear it in the controller's own set-up, or by its vendor's tools"
            raise Unsupported(self._session.who, f"{path} has no action to clear a foreign configuration", remedy)
        before = self._rest.check(tree, what, sub.storage, sub.collection, *sub.drives)
        body = _body(target, sub)
        once = Once(self._session, self._patience, what, before)
        return once.send(lambda: self._session.post(target, body), lambda: self._cleared(path))

    def _left(self, sub: Subsystem) -> bool:
        """`Busy` where a drive is not told of: a controller that starts tells of nothing at all."""
        told = {drive.text("SerialNumber") for drive in sub.drives}
        untold = sorted(self._serials - told)
        if untold:
            what = f"{sub.storage.path} does not tell of the drives {', '.join(untold)}"
            raise Busy(self._session.who, what, "turn the host on, and look again when POST is over")
        unknown = sorted(self._serials & {drive.text("SerialNumber") for drive in unstated(sub)})
        if unknown:
            what = f"{sub.storage.path} does not tell the state of the drives {', '.join(unknown)}"
            raise Busy(self._session.who, what, "nothing was sent; look again when POST is over")
        foreign = [(drive.text("SerialNumber"), drive.path) for drive in in_state(sub, FOREIGN)]
        strange = [serial or path for serial, path in foreign if serial not in self._serials]
        if strange:
            what = f"a foreign configuration lies on {', '.join(strange)} as well, and all would be cleared"
            raise IdentityChanged(self._session.who, what, "nothing was sent; read its storage again")
        return bool(foreign)

    def _cleared(self, path: str) -> bool:
        storage = self._session.get(path)
        tree = Tree(self._session, storage, whole=True)
        sub = subsystem(tree, storage)
        self._rest.sure(tree)
        return not self._left(sub)


def way_to_clear(tree: Tree, system: Resource, sub: Subsystem) -> str | None:
    return next((found for name in _NAMES for found in targets(tree, system, sub, name)), None)


def _body(target: str, sub: Subsystem) -> Json:
    """A service for all controllers is told which; an action of the controller itself is told nothing."""
    own = (sub.storage, *sub.controllers)
    if any(target.startswith(f"{place.path.partition('#')[0].rstrip('/')}/") for place in own):
        return {}
    return {"TargetFQDD": sub.storage.text("Id")}
