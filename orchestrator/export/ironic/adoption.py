"""Carries changes out in a running Ironic: all writes first, then all nodes go their way at one time.

Whatever stops it, what was done stays, and the next run goes on from there: Ironic alone says how far each one is.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue

from drivers.errors import Busy, Refused
from drivers.plain import plain
from drivers.wire.ironic import Ironic, Verb
from orchestrator.export.ironic.difference import ARRIVING, NEW, THERE, UNDER_WAY, Change, Does, put
from orchestrator.export.ironic.wish import Fields

WITHIN = timedelta(minutes=15)  # for one verb on all nodes: a BMC may let Ironic wait for minutes
_LOOK = 0.5  # seconds between two looks
_WORDS = 400  # characters of Ironic's last_error
_MANAGED, _FAILED = "manageable", "adopt failed"
_SEEN = ("uuid", "provision_state", "last_error")


class Adoption:
    """`failed`: node to why it is not as wished."""

    def __init__(self, ironic: Ironic, within: timedelta = WITHIN) -> None:
        self.failed: dict[str, str] = {}
        self._ironic = ironic
        self._within = within

    def carry_out(self, changes: Sequence[Change]) -> None:
        """`Unreachable` and `Denied` stop it; what Ironic says of a single node is told in `failed`."""
        todo = [one for one in changes if one.works]
        self._each(todo, self._write)
        self._go(todo, "manage", (NEW,), _MANAGED)
        self._go(todo, "adopt", (_MANAGED, _FAILED), THERE)
        self._arrive(todo)

    def _each(self, changes: Iterable[Change], do: Callable[[Change], None]) -> None:
        for one in changes:
            if one.wish.name not in self.failed:
                try:
                    do(one)
                except (Refused, Busy) as error:
                    self.failed[one.wish.name] = str(error)

    def _write(self, change: Change) -> None:
        wish = change.wish
        if change.does is Does.CREATE:
            self._ironic.create_node(_whole(change))
        elif change.patch or change.resend:
            self._ironic.patch("nodes", wish.uuid, _operations(change))
        for port in change.ports:
            self._ironic.create_port(port)
        for uuid, operations in change.port_patches.items():
            self._ironic.patch("ports", uuid, operations)
        if change.traits is not None:
            self._ironic.set_traits(wish.uuid, change.traits)

    def _go(self, changes: Sequence[Change], verb: Verb, begins: Collection[str], ends: str) -> None:
        """Those that are in one of `begins` to `ends`. What is past that already is left where it is."""
        seen = self._settled(changes)
        going = [one for one in changes if str(seen[one.wish.uuid]["provision_state"]) in begins]
        refused: dict[str, str] = {}

        def begin(one: Change) -> None:
            try:
                self._ironic.begin(one.wish.uuid, verb)
            except Refused as error:  # Ironic says so too where an answer was lost and it went there already
                refused[one.wish.name] = str(error)

        self._each(going, begin)
        seen = self._settled(going)
        for one in going:
            told = seen[one.wish.uuid]
            if told["provision_state"] != ends and one.wish.name not in self.failed:
                self.failed[one.wish.name] = refused.get(one.wish.name) or _why(verb, told)

    def _settled(self, changes: Sequence[Change]) -> Mapping[str, Mapping[str, JsonValue]]:
        """As they are once none of them is on its way, or the time is up."""
        wanted = {one.wish.uuid for one in changes if one.wish.name not in self.failed}
        ends = time.monotonic() + self._within.total_seconds()
        while True:
            seen = {str(one["uuid"]): one for one in self._ironic.nodes(*_SEEN)} if wanted else {}
            moving = [one for one in wanted if one in seen and seen[one]["provision_state"] in UNDER_WAY]
            if not moving or time.monotonic() > ends:
                gone: Mapping[str, JsonValue] = {"provision_state": "not there", "last_error": None}
                return {one.wish.uuid: seen.get(one.wish.uuid, gone) for one in changes}
            time.sleep(_LOOK)

    def _arrive(self, changes: Sequence[Change]) -> None:
        """From here on Ironic's own rule says whether it is cleaned when somebody gives it back."""
        back: list[Fields] = [put("/automated_clean", None), {"op": "remove", "path": f"/extra/anneal/{ARRIVING}"}]
        extras = {one["uuid"]: one["extra"] for one in self._ironic.nodes("uuid", "extra")} if changes else {}
        arrived = [one for one in changes if _arriving(extras.get(one.wish.uuid))]
        self._each(arrived, lambda one: self._ironic.patch("nodes", one.wish.uuid, back))


def _whole(change: Change) -> Fields:
    """A new node. Ironic must not clean what was proven, whatever happens before it is adopted."""
    wish = change.wish
    key, password = wish.secret
    info = wish.fields["driver_info"]
    told: Fields = {**wish.fields, "uuid": wish.uuid, "automated_clean": False}
    told["driver_info"] = {**info, key: password} if isinstance(info, dict) else {key: password}
    return {**told, "extra": {"anneal": {**wish.ours, ARRIVING: True}}}


def _operations(change: Change) -> list[Fields]:
    key, password = change.wish.secret
    return [*change.patch, *([put(f"/driver_info/{key}", password)] if change.resend else [])]


def _arriving(extra: JsonValue) -> bool:
    noted = extra.get("anneal") if isinstance(extra, dict) else None
    return isinstance(noted, dict) and bool(noted.get(ARRIVING))


def _why(verb: Verb, told: Mapping[str, JsonValue]) -> str:
    state, error = told["provision_state"], plain(str(told["last_error"] or ""), _WORDS)
    return f"{verb}: it is {state} in Ironic{f': {error}' if error else ''}. Mend it and run it again"
