"""Drives given to RAID, or taken from it: an action that only vendors have, found by its name (quirk 75).

Source: Dell, DellRaidService.ConvertToRAID and ConvertToNonRAID, whose parameter PDArray holds the drives' ids.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.progress import Handle
from drivers.errors import Refused, Unsupported
from drivers.redfish.fitness import owner_of, raid_state
from drivers.redfish.host import Host
from drivers.redfish.once import Once, holds_already
from drivers.redfish.resource import Resource
from drivers.redfish.rest import Rest
from drivers.redfish.storage import Subsystem
from drivers.redfish.tree import Tree

_NAMES = MappingProxyType({True: "ConvertToRAID", False: "ConvertToNonRAID"})


class Conversion:
    """Of the drives of one controller; `raid`: to RAID, else from it."""

    def __init__(self, host: Host, sub: Subsystem, *, raid: bool) -> None:
        self._session = host.session
        self._patience = host.patience
        self._sub = sub
        self._raid = raid

    def ask(self, tree: Tree, system: Resource, paths: Sequence[str], rest: Rest) -> Handle:
        """Of those that are not so already. Nothing is sent where all are, or where one belongs to a volume."""
        what = f"convert drives of {self._sub.storage.path} {'to' if self._raid else 'from'} RAID"
        drives = self._named(paths)
        left = [drive for drive in drives if not self._is_so(drive)]
        if not left:
            return holds_already(what)
        target = next(targets(tree, system, self._sub, _NAMES[self._raid]), None)
        if target is None:
            remedy = "set it in the controller's own set-up, or by its vendor's tools"
            raise Unsupported(self._session.who, f"it has no action {_NAMES[self._raid]} for drives", remedy)
        before = rest.check(tree, what, self._sub.storage, self._sub.collection, *self._sub.drives)
        ids: list[JsonValue] = [drive.text("Id") for drive in left]
        once = Once(self._session, self._patience, what, before)
        return once.send(lambda: self._session.post(target, {"PDArray": ids}), lambda: self._read_so(left))

    def _named(self, paths: Sequence[str]) -> list[Resource]:
        own = {drive.path.rstrip("/"): drive for drive in self._sub.drives}
        drives = [own.get(path.rstrip("/")) for path in paths]
        for path, drive in zip(paths, drives, strict=True):
            owner = owner_of(self._sub, drive) if drive else None
            if drive is None or drive.text("Id") is None or owner:
                why = f"belongs to {owner}" if owner else f"is no drive of {self._sub.storage.path}"
                raise Refused(self._session.who, f"no drive was converted: {path} {why}", "nothing was sent")
        return [drive for drive in drives if drive]

    def _is_so(self, drive: Resource) -> bool:
        state = (raid_state(drive) or "").casefold().replace("-", "")
        return state not in ("", "unknown") and (state != "nonraid") is self._raid

    def _read_so(self, drives: list[Resource]) -> bool:
        return all(self._is_so(self._session.get(drive.path)) for drive in drives)


def targets(tree: Tree, system: Resource, sub: Subsystem, name: str) -> Iterator[str]:
    """Where the action is, on the controller itself or on what the system links to for RAID."""
    for place in (sub.storage, *sub.controllers):
        yield from _actions(place.inner("Actions"), name)
        yield from _actions(place.inner("Actions", "Oem"), name)
    for vendor, told in system.inner("Links", "Oem").body.items():
        links = system.inner("Links", "Oem", vendor) if isinstance(told, dict) else Resource("", {})
        for key in links.body:
            if "raid" in key.casefold():
                yield from _actions(tree.at(links.link(key)).inner("Actions"), name)


def _actions(actions: Resource, name: str) -> Iterator[str]:
    for key in actions.body:
        target = actions.text(key, "target") if key.rpartition(".")[2] == name else None
        if target:
            yield target
