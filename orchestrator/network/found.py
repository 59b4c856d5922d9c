"""A machine's interfaces as they are beside what they are to be: what differs, in words (pure)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.host_links import Link, Route, Rule
from drivers.host_network import Standing
from inventory.address import Prefix
from inventory.interfaces import Interface, Way

MAIN = 254  # the routing table that all others come after, linux/rtnetlink.h
_MODES = {"lacp": "802.3ad", "active-backup": "active-backup"}


@dataclass(frozen=True)
class Found:
    """What the kernel has: links by name, routes and rules of the families that were asked for."""

    links: Mapping[str, Link]
    routes: Sequence[Route] = ()
    rules: Sequence[Rule] = ()


def families(wanted: Sequence[Interface]) -> frozenset[int]:
    """IPv4, IPv6 or both: of the routes that are wanted."""
    return frozenset(way.to.version for one in wanted for way in one.routes)


def faults(wanted: Sequence[Interface], found: Found) -> Iterator[str]:
    """What is not as wanted; nothing where all is."""
    for one in wanted:
        link = found.links.get(one.name)
        if link is None:
            yield f"there is no {one.name}"
        else:
            yield from _of_link(one, link)
            yield from _of_members(one, found.links)
    yield from _of_routes(wanted, found.routes)
    rules = {(rule.source, rule.table, rule.priority) for rule in found.rules}
    for one in wanted:
        for rule in one.rules:
            if (_spelled(rule.source), rule.table, rule.priority) not in rules:
                yield f"what {one.name} sends from {_spelled(rule.source)} does not ask table {rule.table}"


def _of_link(one: Interface, link: Link) -> Iterator[str]:
    if one.kind not in {"nic", link.kind}:
        yield f"{one.name} is no {one.kind}"
    if one.kind == "nic" and one.bond is None and link.mac != one.mac:
        yield f"{one.name} has MAC {link.mac}, and {one.mac} is declared"
    if one.kind == "vlan" and (link.parent, link.vlan) != (one.parent, one.vlan):
        yield f"{one.name} is VLAN {link.vlan} on {link.parent}, wanted {one.vlan} on {one.parent}"
    if one.mode is not None and link.mode != _MODES[one.mode]:
        yield f"{one.name} is a bond by {link.mode}, wanted {_MODES[one.mode]}"
    if link.mtu != one.mtu:
        yield f"{one.name} has MTU {link.mtu}, wanted {one.mtu}"
    if not link.up:
        yield f"{one.name} is down"
    here, others = ({str(address) for address in some} for some in (link.addresses, link.contested))
    yield from (f"another machine has {address} of {one.name}" for address in one.addresses if str(address) in others)
    there = here | others
    yield from (f"{one.name} has not {address}" for address in one.addresses if str(address) not in there)


def _of_members(one: Interface, links: Mapping[str, Link]) -> Iterator[str]:
    """Each in it; those of a bond up, and by LACP all in one aggregator with a partner."""
    there = [links[name] for name in one.members if name in links]
    yield from (f"{link.name} is in {link.master or 'nothing'}, wanted {one.name}" for link in _astray(one, there))
    if one.kind != "bond":
        return
    states = {link.name: link.member for link in there if link.member is not None}
    yield from (f"{name} of {one.name} is down" for name, state in states.items() if not state.up)
    if one.mode == "lacp":
        alone = [name for name, state in states.items() if state.up and not state.bundled]
        yield from (f"{name} of {one.name} is not bundled: no partner is in step with it by LACP" for name in alone)
        if not alone and len({state.aggregator for state in states.values()}) > 1:
            yield f"{', '.join(states)} of {one.name} lead to different partners"


def _astray(one: Interface, links: Collection[Link]) -> Iterator[Link]:
    return (link for link in links if link.master != one.name)


def _of_routes(wanted: Sequence[Interface], routes: Sequence[Route]) -> Iterator[str]:
    for one in wanted:
        for way in one.routes:
            if way.default and way.table is None:
                yield from _of_default(way, routes)
            elif not any(_is(way, one.name, route) for route in routes):
                table = f" in table {way.table}" if way.table is not None else ""
                yield f"{one.name} has no route to {way.to} by {way.via or 'the wire'}{table}"


def _of_default(way: Way, routes: Sequence[Route]) -> Iterator[str]:
    """The one that the kernel prefers."""
    found = [one for one in routes if (one.to, one.table, one.version) == ("default", MAIN, way.to.version)]
    first = min(found, key=lambda route: route.metric, default=None)
    if first is None or first.via != way.via:
        yield f"its default route goes to {first.via if first else 'nowhere'}, wanted {way.via}"


def _is(way: Way, interface: str, route: Route) -> bool:
    to = "default" if way.default else _spelled(way.to)
    place = (to, way.via, interface, way.table or MAIN, way.to.version)
    fits = way.metric in (None, route.metric) and way.mtu in (None, route.mtu)
    return fits and place == (route.to, route.via, route.interface, route.table, route.version)


def _spelled(prefix: Prefix) -> str:
    """As iproute2 writes it: one address without a length."""
    return str(prefix.network_address) if prefix.prefixlen == prefix.max_prefixlen else str(prefix)


def unsettled(standing: Standing, digest: str) -> Iterator[str]:
    """What would not last, and what links do not show: resolvers, say. `digest` is of the set that is wanted; where no
    set was ever kept, the system is as its first start made it."""
    if standing.trial is not None:
        yield f"its network is on trial for {int(standing.left.total_seconds())} s yet, and then goes back"
    elif standing.kept not in (None, digest):
        yield "the network files that it keeps are not those that are wanted now"
