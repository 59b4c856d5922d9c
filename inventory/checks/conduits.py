"""Conduits as far as they can be judged before anybody has looked into a machine; and the draft in which each of their
ports stands for a NIC of that name, so that all that holds of NICs, bonds and cables is asked of them too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from inventory import conduits as wiring
from inventory.address import Mac
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Problem
from inventory.model import Node
from inventory.network import Conduit, Nic


def conduits(draft: Draft) -> Iterator[Problem]:
    for node in draft.nodes.values():
        place = draft.place("nodes", node.name, "conduits")
        for index, address in enumerate(node.addresses):
            network = draft.networks.get(address.network)
            if network is not None and network.conduit is None:
                says = f"{node.name} has an address on {network.name}, which names no conduit"
                where = draft.place("nodes", node.name, "addresses", index)
                yield Problem(where, says, "give that network a conduit:, or the address to a NIC, bond or conduit")
        own = wiring.conduits(draft.networks, node)
        names = [Claim(one.name, f"a conduit of {node.name}", place) for one in own]
        yield from clashes("the name", names, "rename one of them")
        ports = [Claim(f"{node.name}:{port}", f"conduit {one.name}", place) for one in own for port in one.ports.names]
        yield from clashes("port", ports, "a port is in one conduit: put their addresses together")


def _apart(own: Sequence[Conduit]) -> Iterator[Conduit]:
    """Those that want no port that an earlier one has: that was said."""
    taken: set[str] = set()
    for one in own:
        if taken.isdisjoint(one.ports.names):
            taken |= set(one.ports.names)
            yield one


def spelled(draft: Draft) -> Draft:
    """With a NIC for each port of each conduit; its MAC is none that is sold (EUI-48, locally administered)."""
    numbers = count()

    def stands_for(port: str) -> Nic:
        return Nic(name=port, mac=Mac(f"fe:c0:{next(numbers).to_bytes(4).hex(':')}"))

    def nodes() -> Iterator[tuple[str, Node]]:
        for name, node in draft.nodes.items():
            own = list(_apart(wiring.conduits(draft.networks, node)))
            wired = [wiring.Wired(one, tuple(map(stands_for, one.ports.names))) for one in own]
            yield name, wiring.put(node, wired) if own else node

    return replace(draft, nodes=dict(nodes()))
