"""Removal of what a touchstone made, thing by thing, each looked for afterwards where it was."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from drivers.errors import DriverError
from inventory.model import Node
from orchestrator import ipam, names
from orchestrator.errors import OrchestratorError, StepFailed
from orchestrator.touchstone.bench import Bench
from orchestrator.touchstone.made import Kind, Thing, gone, made

ORDER: tuple[Kind, ...] = ("guest", "file", "secret", "volume", "record", "address")  # what is used goes after its user


def remove(bench: Bench, things: Sequence[Thing]) -> Iterator[tuple[Thing, str | None]]:
    """Each thing, and why it could not be removed; None where it is gone, and its row with it."""
    for thing in sorted(things, key=lambda one: ORDER.index(one.kind)):
        try:
            _REMOVES[thing.kind](bench, thing)
        except (DriverError, OrchestratorError) as error:
            yield thing, str(error)
        else:
            gone(bench.store, thing)
            yield thing, None


def remove_left(bench: Bench) -> Iterator[tuple[Thing, str | None]]:
    """All that other runs left behind. None of them lives: one runs at a time."""
    for run, things in made(bench.store).items():
        if run != bench.run:
            yield from remove(bench, things)


def _guest(bench: Bench, thing: Thing) -> None:
    with bench.hypervisor(_node(bench, thing)) as host:
        host.destroy(thing.name)
        host.undefine(thing.name)


def _file(bench: Bench, thing: Thing) -> None:
    with bench.hypervisor(_node(bench, thing)) as host:
        host.remove(thing.name)


def _secret(bench: Bench, thing: Thing) -> None:
    with bench.hypervisor(_node(bench, thing)) as host:
        host.forget(thing.name)


def _volume(bench: Bench, thing: Thing) -> None:
    if bench.volumes is None:
        raise StepFailed(f"volume {thing.name}", "the site has no storage any more", "remove it where it was, by hand")
    bench.volumes.delete(thing.name)
    if thing.name in bench.volumes.names():
        raise StepFailed(f"volume {thing.name}", "it was deleted and is still there", "look at it at its storage node")


def _record(bench: Bench, thing: Thing) -> None:
    if not bench.servers:
        raise StepFailed(f"name {thing.name}", "the site has no name server any more", "nobody answers for it")
    primary = bench.servers[0]
    for zone in names.zones(bench.site):
        found = names.left_of_guest(bench.site, thing.name, primary.records(zone))
        if found:
            primary.change(zone, frozenset(), found)
        if names.left_of_guest(bench.site, thing.name, primary.records(zone)):
            raise StepFailed(
                f"name {thing.name}", f"it was taken from {zone} and is still there", "look at named there"
            )


def _address(bench: Bench, thing: Thing) -> None:
    ipam.release(bench.store, bench.site, thing.name)


def _node(bench: Bench, thing: Thing) -> Node:
    node = bench.site.nodes.get(thing.place)
    if node is None:
        raise StepFailed(str(thing), "its host is not in the inventory any more", "remove it there by hand")
    return node


_REMOVES: Mapping[Kind, Callable[[Bench, Thing], None]] = MappingProxyType(
    {"guest": _guest, "file": _file, "secret": _secret, "volume": _volume, "record": _record, "address": _address}
)
