"""The mode of a RAID controller: a property that only vendors have, written where the tree says that settings wait.

Source: Dell, DellOemStorageController v1_0_0 (ControllerMode is written, CurrentControllerMode read). HPE's array
controllers tell CurrentOperatingMode, read-only by HpeSmartStorageArrayController v2_2_0: nothing is written there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import JsonValue

from drivers.ability.progress import Handle
from drivers.ability.storage import Controller, passes_through
from drivers.errors import NotApplied, Refused, Unsupported
from drivers.redfish.fitness import in_state
from drivers.redfish.foreign import FOREIGN
from drivers.redfish.host import Host
from drivers.redfish.once import Once, holds_already
from drivers.redfish.queue import queue_of
from drivers.redfish.resource import Resource
from drivers.redfish.rest import Rest
from drivers.redfish.settings import on_reset, settings_link
from drivers.redfish.storage import NO_MODE, Subsystem, controller_of, mode_in, subsystem
from drivers.redfish.tree import Tree
from drivers.wire.https import Json
from inventory.quantity import in_words

_WRITTEN = "ControllerMode"


@dataclass(frozen=True)
class _Place:
    """Where the mode of a controller stands: a resource, and the keys to the property in it."""

    holder: Resource
    keys: tuple[str, ...]

    @property
    def offered(self) -> tuple[str, ...]:
        *above, name = self.keys
        return self.holder.texts(*above, f"{name}@Redfish.AllowableValues")

    def body(self, mode: str) -> Json:
        told: JsonValue = mode
        for key in reversed(self.keys):
            told = {key: told}
        return told if isinstance(told, dict) else {}


def with_mode(tree: Tree, sub: Subsystem, controller: Controller) -> Controller:
    """Where what stands inline in the storage does not tell its mode, the members of Controllers may."""
    if controller.mode is not None:
        return controller
    return replace(controller, mode=mode_in(_holders(tree, sub.storage)))


def settable(tree: Tree, sub: Subsystem) -> bool:
    return any(True for _ in _places(tree, sub))


class ModeChange:
    """Of one controller, to a mode."""

    def __init__(self, host: Host, rest: Rest, mode: str) -> None:
        self._host = host
        self._session = host.session
        self._rest = rest
        self._mode = mode

    def ask(self, tree: Tree, sub: Subsystem) -> Handle:
        """Staged. Nothing is sent where it is so already, where the mode cannot be read, or while it has volumes."""
        path = sub.storage.path
        what = f"set {path} to {self._mode} mode"
        told = with_mode(tree, sub, controller_of(tree, sub))
        if told.is_in(self._mode):
            return holds_already(what)
        place = self._writable(tree, sub)
        self._refuse(sub, told, place)
        link = settings_link(place.holder) or place.holder.path
        settings = self._session.find(link)
        if settings is not None and settings.text(*place.keys) == self._mode:
            waiting = self._under_way(what)
            if waiting is not None:
                return waiting
        before = self._rest.check(tree, what, sub.storage, sub.collection, *sub.drives)
        body = {**place.body(self._mode), **(on_reset(place.holder, settings) if settings else {})}
        once = Once(self._session, self._host.patience, what, before, staged=True)
        handle = once.send(lambda: self._session.patch(link, body), lambda: self._shows(path, place, link))
        return self._taken(handle, path, place, link)

    def _writable(self, tree: Tree, sub: Subsystem) -> _Place:
        found = next(_places(tree, sub), None)
        if found is None:
            what = f"the mode of {sub.storage.path} cannot be set by Redfish"
            remedy = "set it in the controller's own set-up, or by its vendor's tools"
            raise Unsupported(self._session.who, what, remedy)
        return found

    def _refuse(self, sub: Subsystem, told: Controller, place: _Place) -> None:
        who, path = self._session.who, sub.storage.path
        if told.mode is None:
            raise Refused(who, f"{path} does not tell its mode", "nothing was sent; look at its controller")
        if place.offered and self._mode not in place.offered:
            what = f"{path} has no {self._mode} mode (it offers {', '.join(place.offered)})"
            raise Unsupported(who, what, "choose another")
        volumes = [volume.id for volume in sub.volumes if not volume.bare]
        if volumes:
            what = f"{path} has volumes, which another mode may lose: {', '.join(volumes)}"
            raise Refused(who, what, "nothing was sent; delete those first, each with its consent")
        foreign = [drive.path for drive in in_state(sub, FOREIGN)] if passes_through(self._mode) else []
        if foreign:
            what = f"{path} has a foreign configuration on {', '.join(foreign)}, which {self._mode} mode would lose"
            raise Refused(who, what, "nothing was sent; import or clear it first")

    def _under_way(self, what: str) -> Handle | None:
        """It is staged already, as a run of ours that died may have left it. None where no job takes it up."""
        jobs = [one.handle for one in queue_of(self._host, None).waiting if one.about == "raid"]
        if jobs:
            return jobs[0] if len(jobs) == 1 else None
        return None if self._host.queue() else Handle(what, None, datetime.now(UTC), needs_reset=True)

    def _taken(self, handle: Handle, path: str, place: _Place, link: str) -> Handle:
        """Where no job tells of it, what waits must read back. `NotApplied`: accepted, and nothing came of it."""
        if handle.path is not None:
            return handle
        for shows in self._host.readings(lambda: self._shows(path, place, link), handle.what):
            if shows:
                return handle
        settle = in_words(self._host.patience.settle)
        what = f"{handle.what}: it said yes, and after {settle} no job and no setting tells of it"
        raise NotApplied(self._session.who, what, "look at its jobs and its log before it is asked again")

    def _shows(self, path: str, place: _Place, link: str) -> bool:
        """Whether it waits for the reset, or holds by now."""
        waiting = self._session.find(link)
        if waiting is not None and waiting.text(*place.keys) == self._mode:
            return True
        storage = self._session.get(path)
        tree = Tree(self._session, storage)
        sub = subsystem(tree, storage)
        self._rest.sure(tree)
        return bool(with_mode(tree, sub, controller_of(tree, sub)).is_in(self._mode))


def _places(tree: Tree, sub: Subsystem) -> Iterator[_Place]:
    for holder in _holders(tree, sub.storage):
        for keys in _keys(holder):
            if holder.text(*keys) not in (None, *NO_MODE):
                yield _Place(holder, keys)


def _holders(tree: Tree, storage: Resource) -> Iterator[Resource]:
    """What can be written to: members of Controllers, and the storage itself, but nothing that stands inline."""
    yield from tree.members(storage.link("Controllers"))
    yield storage


def _keys(holder: Resource) -> Iterator[tuple[str, ...]]:
    """A vendor's own first; some keep it in an object more."""
    for vendor, told in holder.inner("Oem").body.items():
        inside = told if isinstance(told, dict) else {}
        for name in (name for name, value in inside.items() if isinstance(value, dict)):
            yield ("Oem", vendor, name, _WRITTEN)
        yield ("Oem", vendor, _WRITTEN)
    yield (_WRITTEN,)
