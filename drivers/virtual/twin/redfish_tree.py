"""The resources of a simulated Redfish service, made afresh from the machine at each read.

What changes in them is laid over by the parts of the service; this is what they look like before.
Source: DSP0266 1.20; DSP0268 for the schemas named in each `@odata.type`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol

from drivers.virtual.twin.layout import ROOT, Layout
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.personality import PERSONALITIES, Personality
from drivers.virtual.twin.redfish_messages import Resource

OK: Resource = {"State": "Enabled", "Health": "OK", "HealthRollup": "OK"}


class Tree(Protocol):
    """`system` is the path of the one system that can be reset and booted; paths bear no trailing slash."""

    @property
    def system(self) -> str: ...

    def read(self, path: str) -> Resource | None: ...

    def key(self, path: str) -> str:
        """A path as this service compares it: without slash at its end, and without case where it has none."""


def link(path: str) -> Resource:
    return {"@odata.id": path}


def collection(path: str, kind: str, members: Sequence[str]) -> Resource:
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": f"{kind} Collection",
        "Members@odata.count": len(members),
        "Members": [link(member) for member in members],
    }


def resource(path: str, kind: str, name: str, rest: Resource) -> Resource:
    identity = path.rstrip("/").rpartition("/")[2]
    return {"@odata.id": path, "@odata.type": f"#{kind}", "Id": identity, "Name": name, **rest}


Made = Callable[[Machine, Layout], Iterator[Resource]]


def comparable(path: str, personality: Personality) -> str:
    bare = path.rstrip("/") or ROOT
    return bare.casefold() if personality.caseless else bare


@lru_cache(maxsize=len(PERSONALITIES))
def _laid_out(name: str, made: tuple[tuple[str, Made], ...]) -> tuple[Layout, tuple[tuple[str, Made], ...]]:
    """The places of a personality, and the makers by the comparable paths that theirs begin with."""
    personality = PERSONALITIES[name]
    at = Layout(personality)
    return at, tuple((comparable(prefix.format(at=at), personality), make) for prefix, make in made)


class GenericTree:
    """A server like its personality: `made` are the makers of its resources, by the path they begin with."""

    def __init__(self, machine: Machine, made: tuple[tuple[str, Made], ...]) -> None:
        self._machine = machine
        self._layout, self._made = _laid_out(machine.personality.name, made)

    @property
    def system(self) -> str:
        return self.key(self._layout.system)

    def key(self, path: str) -> str:
        return comparable(path, self._machine.personality)

    def read(self, path: str) -> Resource | None:
        found = (
            one for prefix, make in self._made if path.startswith(prefix) for one in make(self._machine, self._layout)
        )
        return next((one for one in found if self.key(str(one["@odata.id"])) == path), None)
