"""Volumes by Redfish: made and deleted one at a time, each asked for once, and believed when the list shows it.

Source: DSP0268, VolumeCollection and Volume; quirks 74 to 79.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from pydantic import JsonValue

from drivers.ability.progress import Handle
from drivers.ability.storage import Controller, Volume, VolumeWanted, made
from drivers.errors import Busy, IdentityChanged, Refused, Unsupported
from drivers.redfish.apply_time import APPLY, LATER, apply_time, times_of
from drivers.redfish.controller_mode import ModeChange, settable, with_mode
from drivers.redfish.drive_mode import Conversion
from drivers.redfish.fitness import in_state, unfit, unstated, withheld
from drivers.redfish.foreign import FOREIGN, Clearing, way_to_clear
from drivers.redfish.host import Host
from drivers.redfish.once import Once, holds_already
from drivers.redfish.resource import Resource
from drivers.redfish.rest import Rest
from drivers.redfish.storage import Subsystem, controller_of, controllers, subsystem
from drivers.redfish.tree import Tree
from drivers.redfish.volume import LEGACY, RAW, members_of, volume_of
from drivers.wire.https import Answer, Json

# A refusal of how it was asked, not of what: then the older form may do.
_OF_FORM = re.compile(r"RAIDType|VolumeType|Links|Propert|GeneralError")
_WORDS = MappingProxyType({raid: word for word, raid in LEGACY.items()})


class RedfishRaid:
    """The volumes of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session = host.session
        self._patience = host.patience
        self._rest = Rest(host)

    def storage(self) -> tuple[Controller, ...]:
        tree, system = self._rest.tree()
        own = {one.path: subsystem(tree, one) for one in tree.members(system.link("Storage")) if one.body}
        found = tuple(
            _with_ways(tree, system, own[one.path], one) if one.path in own else one
            for one in controllers(tree, system)
        )
        self._rest.sure(tree)
        return found

    def create(self, wanted: VolumeWanted) -> Handle:
        """Sent once in the form that the BMC takes: what it refuses it has not made."""
        tree, system = self._rest.tree()
        sub = self._subsystem(tree, wanted.controller)
        self._rest.sure(tree)
        error = unfit(self._session.who, sub, with_mode(tree, sub, controller_of(tree, sub)), wanted)
        if error:
            raise error
        self._rest.discovered(system)
        what = f"make a {wanted.raid_type} volume at {wanted.controller}"
        volumes = [tree.at(volume.path) for volume in sub.volumes]
        before = self._rest.check(tree, what, sub.storage, sub.collection, *sub.drives, *volumes)
        time = apply_time(times_of(sub.collection))
        once = Once(self._session, self._patience, what, before, staged=time == LATER)
        place = sub.collection.path
        known = frozenset(volume.id for volume in sub.volumes)
        return once.send(lambda: self._climb(place, wanted, time), self._made(wanted, known))

    def delete(self, volume: Volume) -> Handle:
        """Gone already: nothing is sent. The volume there must be the one that was meant, by what survives a path."""
        what = f"delete the volume {volume.id} at {volume.path}"
        tree, system = self._rest.tree()
        present = self._meant(volume)
        owner = self._owner(tree, system, volume.path)
        self._rest.sure(tree)
        if present is None:
            self._really_gone(volume)
            return holds_already(what)
        if volume_of(tree, present).raid_type in RAW:
            error = f"{volume.path} shows a bare drive and is no volume"
            raise Refused(self._session.who, error, "nothing was sent; erase the drive instead")
        collection = tree.at(owner.link("Volumes"))
        drives = [tree.at(path) for path in members_of(present)]
        before = self._rest.check(tree, what, owner, collection, present, *drives)
        time = apply_time(times_of(present) or times_of(collection))
        once = Once(self._session, self._patience, what, before, staged=time == LATER)
        return once.send(
            lambda: self._deleted(volume.path, time), lambda: self._gone(volume), lambda: self._meant(volume)
        )

    def convert(self, controller: str, drives: Sequence[str], *, raid: bool) -> Handle:
        tree, system = self._rest.tree()
        sub = self._subsystem(tree, controller)
        self._rest.sure(tree)
        conversion = Conversion(self._host, sub, raid=raid)
        return conversion.ask(tree, system, drives, self._rest)

    def set_mode(self, controller: str, mode: str) -> Handle:
        tree, _ = self._rest.tree()
        sub = self._subsystem(tree, controller)
        self._rest.sure(tree)
        return ModeChange(self._host, self._rest, mode).ask(tree, sub)

    def clear_foreign(self, controller: str, serials: Sequence[str]) -> Handle:
        tree, system = self._rest.tree()
        sub = self._subsystem(tree, controller)
        self._rest.sure(tree)
        return Clearing(self._host, self._rest, serials).ask(tree, system, sub)

    def _subsystem(self, tree: Tree, path: str) -> Subsystem:
        storage = self._session.find(path)
        if storage is None:
            raise Refused(self._session.who, f"there is no controller at {path}", "read its storage again")
        return subsystem(tree, Resource(storage.path, storage.body, tree.findings))

    def _owner(self, tree: Tree, system: Resource, volume: str) -> Resource:
        """The Storage whose Volumes it is one of; an empty one where none says so."""
        for storage in tree.members(system.link("Storage")):
            place = storage.link("Volumes")
            if place and volume.startswith(f"{place.rstrip('/')}/"):
                return storage
        return tree.at(None)

    def _climb(self, place: str, wanted: VolumeWanted, time: str | None) -> Answer:
        refusal: Refused | None = None
        for body in _forms(wanted):
            try:
                return self._timed(body, time, lambda told: self._session.post(place, told))
            except Refused as error:
                refusal = refusal or error
                if not _OF_FORM.search(error.what):
                    break
        raise refusal or Unsupported(self._session.who, "it takes no volume in any form", "make it in software")

    def _meant(self, volume: Volume) -> Resource | None:
        """What is at its path, where that is it; None where nothing is there."""
        present = self._session.find(volume.path)
        if present is None:
            return None
        tree = Tree(self._session, present)
        told = volume_of(tree, present)
        self._rest.sure(tree)
        if told.id.casefold() != volume.id.casefold():
            what = f"{volume.path} is the volume {told.id} now, and not {volume.id}"
            raise IdentityChanged(self._session.who, what, "nothing was sent; read its storage again")
        return present

    def _deleted(self, path: str, time: str | None) -> Answer:
        if time is None:
            return self._session.delete(path)
        try:
            return self._session.delete(path, {APPLY: time})
        except (Refused, Unsupported):
            return self._session.delete(path)  # quirk 79

    def _timed(self, body: Json, time: str | None, send: Callable[[Json], Answer]) -> Answer:
        if time is None:
            return send(body)
        try:
            return send({**body, APPLY: time})
        except Refused as error:
            if APPLY not in error.what:
                raise
            return send(body)

    def _made(self, wanted: VolumeWanted, known: frozenset[str]) -> Callable[[], bool]:
        """`known`: the ids before. Where a volume tells no drives, a new one of the type is it."""

        def there() -> bool:
            tree, _ = self._rest.tree()
            sub = self._subsystem(tree, wanted.controller)
            self._rest.sure(tree)
            fit = (None, wanted.raid_type)
            new = (one for one in sub.volumes if one.id not in known and not one.drives and one.raid_type in fit)
            return made(wanted, [controller_of(tree, sub)]) is not None or any(True for _ in new)

        return there

    def _gone(self, volume: Volume) -> bool:
        """Another volume at its path is not it."""
        try:
            if self._meant(volume) is not None:
                return False
        except IdentityChanged:
            pass  # what stands there is none of ours
        self._really_gone(volume)
        return True

    def _really_gone(self, volume: Volume) -> None:
        """A BMC that starts, or whose host is off, may tell of no volume at all; another may count them anew."""
        tree, system = self._rest.tree()
        every = controllers(tree, system)
        self._rest.sure(tree)
        moved = [one.path for each in every for one in each.volumes if one.id.casefold() == volume.id.casefold()]
        if moved:
            what = f"nothing is at {volume.path}: the volume {volume.id} is at {moved[0]} now"
            raise IdentityChanged(self._session.who, what, "read its storage again")
        told = {path.rstrip("/") for each in every for path, _ in each.drives}
        if volume.drives and not told & {path.rstrip("/") for path in volume.drives}:
            what = f"neither the volume {volume.id} nor any of its drives is told of"
            raise Busy(self._session.who, what, "turn the host on, and look again when POST is over")


def _with_ways(tree: Tree, system: Resource, sub: Subsystem, controller: Controller) -> Controller:
    """With its mode, what its drives are in, and which of that can be changed."""
    return replace(
        with_mode(tree, sub, controller),
        sets_mode=settable(tree, sub),
        clears_foreign=way_to_clear(tree, system, sub) is not None,
        withheld=tuple(withheld(sub)),
        foreign=tuple(drive.path for drive in in_state(sub, FOREIGN)),
        unconverted=tuple(drive.path for drive in in_state(sub, "nonraid")),
        unstated=tuple(drive.path for drive in unstated(sub)),
    )


def _forms(wanted: VolumeWanted) -> Iterator[Json]:
    """As Volume v1.3 and later have it, then as it was before. No size where all there is room for is wanted."""
    drives: list[JsonValue] = [{"@odata.id": path} for path in wanted.drives]
    beside: dict[str, JsonValue] = {"Name": wanted.name} if wanted.name is not None else {}
    beside |= {"CapacityBytes": wanted.bytes} if wanted.bytes is not None else {}
    yield {"RAIDType": wanted.raid_type, "Links": {"Drives": drives}, **beside}
    if wanted.raid_type in _WORDS:
        yield {"VolumeType": _WORDS[wanted.raid_type], "Drives": drives, **beside}
