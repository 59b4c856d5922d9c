"""A rack unit holds one device, and every device lies within its rack."""

from collections.abc import Iterator

from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem
from inventory.model import Node
from inventory.switch import Switch


def racking(draft: Draft) -> Iterator[Problem]:
    slots: list[Claim] = []
    for section, name, device in _devices(draft):
        place = draft.place(section, name, "unit")
        rack = draft.racks.get(device.rack)
        top = device.unit + device.height - 1
        if rack is not None and top > rack.units:
            says = f"{name} reaches U{top} of rack {device.rack}, which has {rack.units}"
            yield Problem(place, says, "lower its unit or mend its height or the rack's units")
        slots += [Claim(f"U{unit} of rack {device.rack}", name, place) for unit in range(device.unit, top + 1)]
    clashing = clashes("slot", slots, "look which of them is there")
    yield from {problem.place: problem for problem in clashing}.values()


def _devices(draft: Draft) -> Iterator[tuple[str, str, Node | Switch]]:
    for name, node in draft.nodes.items():
        yield "nodes", name, node
    for name, switch in draft.switches.items():
        yield "switches", name, switch
