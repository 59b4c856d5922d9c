"""Which nodes a command is about: `r1-n01`, `r1-n[01-12]`, `r1`, `role=compute`, `state=error`; `r1,-r1-n03`."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.record import Record

Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE|RANGE|RACK|role=|state=]...",
        help="r1-n01, r1-n[01-12], r1 or rack=r1, role=compute, state=error; r1,-r1-n03 leaves one out. Default: all.",
        show_default=False,
    ),
]

SPREAD = 100_000  # names that one range may stand for; more is a slip of the finger


@dataclass(frozen=True)
class Standing:
    """What a node can be chosen by. `states`: those of its roles, and `ready` where all are proven."""

    rack: str
    groups: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()


class UnknownTarget(ValueError):
    """Nothing is called so; says what comes nearest."""


def select(words: Sequence[str], fleet: Mapping[str, Standing]) -> tuple[str, ...]:
    """The chosen names in the fleet's order; all of it where nothing but exclusions is given.

    A name, rack or group that does not exist is `UnknownTarget`; a state that no node is in chooses nobody.
    """
    parts = [part for word in words for part in _split(word)]
    wanted = [part for part in parts if not part.startswith("-")]
    without = {name for part in parts if part.startswith("-") for name in _named(part[1:], fleet)}
    chosen = {name for part in wanted for name in _named(part, fleet)} if wanted else set(fleet)
    return tuple(name for name in fleet if name in chosen - without)


def expand(pattern: str) -> Iterator[str]:
    """`n[01-03,7]` -> n01, n02, n03, n7: a bound's leading zeros are kept. Several brackets multiply."""
    found = re.match(r"^([^\[\]]*)\[([0-9,-]+)\](.*)$", pattern)
    if found is None:
        if "[" in pattern or "]" in pattern:
            raise UnknownTarget(f"{pattern!r} is no range; write it as r1-n[01-12] or r1-n[1,3,5-9]")
        yield pattern
        return
    head, inside, tail = found.groups()
    for middle in _numbers(inside, pattern):
        for rest in expand(tail):
            yield f"{head}{middle}{rest}"


def chosen_nodes(works: "Record", targets: Sequence[str] | None) -> tuple[str, ...]:
    """The nodes of the site that a command's words choose; usage errors where they choose none."""
    return _or_usage(targets or (), _fleet(works))


def chosen_devices(works: "Record", targets: Sequence[str]) -> tuple[str, ...]:
    """As `chosen_nodes`, and by its name or its rack a switch too: for what is told of switches."""
    switches = {name: Standing(switch.rack) for name, switch in works.site.switches.items()}
    return _or_usage(targets, {**_fleet(works), **switches})


def nodes_named(works: "Record", names: Sequence[str]) -> tuple[str, ...]:
    """As `chosen_nodes`, but nothing given is nothing chosen."""
    return chosen_nodes(works, names) if names else ()


def node_named(works: "Record", name: str) -> str:
    """The one node that a word names; a usage error where it names several or none."""
    match nodes_named(works, [name]):
        case (only,):
            return only
        case chosen:
            raise typer.BadParameter(f"{name!r} names {len(chosen)} nodes; name one")


def _or_usage(words: Sequence[str], fleet: Mapping[str, Standing]) -> tuple[str, ...]:
    try:
        return select(words, fleet)
    except UnknownTarget as error:
        raise typer.BadParameter(str(error)) from error


def _fleet(works: "Record") -> Mapping[str, Standing]:
    states: dict[str, set[str]] = {name: set() for name in works.site.nodes}
    for row in works.statuses(states):
        states[row.node].add(row.state)
    return {
        name: Standing(node.rack, frozenset(node.groups), _said(states[name]))
        for name, node in works.site.nodes.items()
    }


def _said(states: set[str]) -> frozenset[str]:
    if not states:
        return frozenset({"unplanned"})
    return frozenset(states | {"ready"} if states == {"active"} else states)


def _split(word: str) -> list[str]:
    """At commas and blanks, but not at the commas inside brackets."""
    return [part for part in re.split(r"[,\s]+(?![^\[]*\])", word) if part]


def _named(part: str, fleet: Mapping[str, Standing]) -> set[str]:
    key, equals, value = part.partition("=")
    racks = {node.rack for node in fleet.values()}
    match key:
        case _ if not equals and part in racks - set(fleet):
            return {name for name, node in fleet.items() if node.rack == part}
        case _ if not equals:
            return {_known(name, fleet, "node") for name in expand(part)}
        case "rack":
            _known(value, racks, "rack")
            return {name for name, node in fleet.items() if node.rack == value}
        case "role":
            _known(value, {group for node in fleet.values() for group in node.groups}, "role group")
            return {name for name, node in fleet.items() if value in node.groups}
        case "state":
            return {name for name, node in fleet.items() if value in node.states}
        case _:
            raise UnknownTarget(f"{part!r}: choose by {_nearest(key, ('rack', 'role', 'state'))}=")


def _known(name: str, names: Collection[str], what: str) -> str:
    if name in names:
        return name
    if not names:
        raise UnknownTarget(f"no {what} is called {name!r}; the site has none")
    raise UnknownTarget(f"no {what} is called {name!r}; the nearest is {_nearest(name, names)!r}")


def _nearest(name: str, names: Collection[str]) -> str:
    return difflib.get_close_matches(name, sorted(names), n=1, cutoff=0)[0]


def _numbers(inside: str, pattern: str) -> Iterator[str]:
    for part in inside.split(","):
        bounds = re.match(r"^(\d+)(?:-(\d+))?$", part)
        if bounds is None:
            raise UnknownTarget(f"{pattern!r}: {part!r} is no range of numbers; write it as 01-12")
        low, high = bounds[1], bounds[2] or bounds[1]
        if not int(low) <= int(high) < int(low) + SPREAD:
            raise UnknownTarget(f"{pattern!r}: {part} runs backwards or over {SPREAD} names")
        width = len(low) if low.startswith("0") else 0
        yield from (str(number).zfill(width) for number in range(int(low), int(high) + 1))
