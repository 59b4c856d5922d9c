"""A site as far as it could be read: enough to check the rest although a part of it is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from inventory.document import Step, Table, nearest, step
from inventory.errors import Place, Problem
from inventory.layers import Layer
from inventory.model import Group, Head, Image, Link, Node, Placement, Provisioning, Rack
from inventory.network import Network
from inventory.profile import Profile
from inventory.switch import Switch


@dataclass(frozen=True)
class Draft:
    """What was declared, well formed or not (`root`), and of that what is well formed.

    Not `whole`: what is not declared may stand in a file that could not be read. `root` holds the sections of the
    files; its nodes have their `layers` merged in. `links` are by their index.
    """

    root: Table
    whole: bool
    layers: Mapping[str, tuple[Layer, ...]]
    head: Head | None
    provisioning: Provisioning | None
    networks: Mapping[str, Network]
    images: Mapping[str, Image]
    profiles: Mapping[str, Profile]
    groups: Mapping[str, Group]
    racks: Mapping[str, Rack]
    switches: Mapping[str, Switch]
    nodes: Mapping[str, Node]
    links: Mapping[int, Link]
    placement: Mapping[str, Placement]

    def place(self, *path: Step) -> Place:
        return nearest(self.root, path)

    def declared(self, section: str) -> frozenset[str]:
        """The names in a section, those of broken entries too: a reference to one of them is no second fault."""
        table = step(self.root, section)
        return frozenset(table.entries) if isinstance(table, Table) else frozenset()


@dataclass(frozen=True)
class Claim:
    """Something that only one may have: `what`, who wants it, and where that was written."""

    what: str
    by: str
    place: Place


def clashes(noun: str, claims: Iterable[Claim], remedy: str) -> Iterator[Problem]:
    """A problem for each claim on what an earlier one has."""
    first: dict[str, Claim] = {}
    for claim in claims:
        held = first.setdefault(claim.what, claim)
        if held is not claim:
            says = f"{noun} {claim.what} of {claim.by} belongs to {held.by} already ({held.place})"
            yield Problem(claim.place, says, remedy)
