"""Both ends of a cable exist, and a port holds one cable."""

from collections.abc import Iterator

from inventory.address import Endpoint
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Place, Problem
from inventory.wording import one_of


def cabling(draft: Draft) -> Iterator[Problem]:
    plugs: list[Claim] = []
    devices = draft.declared("nodes") | draft.declared("switches")
    for index, link in draft.links.items():
        for key, end, other in (("a", link.a, link.b), ("b", link.b, link.a)):
            place = draft.place("links", index, key)
            yield from _nowhere(draft, devices, end, place)
            plugs.append(Claim(str(end), f"the cable to {other}", place))
    yield from clashes("port", plugs, "one port holds one cable: mend one of the two")


def _nowhere(draft: Draft, devices: frozenset[str], end: Endpoint, place: Place) -> Iterator[Problem]:
    if end.device not in devices and draft.whole:
        says = f"the cable leads nowhere: there is no device {end.device!r}"
        yield Problem(place, says, one_of(end.device, devices))
    ports = _ports(draft, end.device)
    if ports is not None and end.port not in ports:
        says = f"the cable leads nowhere: {end.device} has no port {end.port!r}"
        yield Problem(place, says, one_of(end.port, ports))


def _ports(draft: Draft, device: str) -> tuple[str, ...] | None:
    """None where they are not known: the device is not well formed, or its name is taken twice."""
    node, switch = draft.nodes.get(device), draft.switches.get(device)
    if node is not None and switch is not None:
        return None
    if node is not None:
        return tuple(nic.name for nic in node.nics)
    return switch.ports if switch is not None else None
