"""The shortest way from the cables as they are to the cables as declared (pure).

Declared and found cables together form chains and rings in which the two kinds alternate. In each, every found cable
keeps one end and moves the other, for no end can be saved by moving fewer; which one it keeps is chosen so that the
fewest devices are visited and the ends at the nodes stay. A ring needs one plug in the hand.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from inventory.address import Endpoint
from orchestrator.cabling.model import Cable, Do, Plant, Repair, Step


@dataclass(frozen=True)
class Found:
    """`far` holds each found pair from both ends; `looked`: ends that were looked at, and all of those."""

    plant: Plant
    far: Mapping[Endpoint, Endpoint]
    looked: Collection[Endpoint]
    disputed: Collection[Endpoint] = ()


@dataclass(frozen=True)
class _Chain:
    """Declared and found cables in turn, along `ends`; a ring comes back to its first end, which stands twice."""

    ends: tuple[Endpoint, ...]
    begins_found: bool

    @property
    def ring(self) -> bool:
        return self.ends[0] == self.ends[-1]

    @property
    def found(self) -> range:
        """Where found cables begin."""
        return range(0 if self.begins_found else 1, len(self.ends) - 1, 2)

    @property
    def declared(self) -> range:
        return range(1 if self.begins_found else 0, len(self.ends) - 1, 2)


@dataclass(frozen=True)
class _Move:
    """A found cable keeps the end `stays`; its other goes from `out` to `into`, and it is `cable` then."""

    stays: Endpoint
    out: Endpoint
    into: Endpoint
    cable: Cable


@dataclass(frozen=True)
class _Way:
    """What could be done with one chain; the `pulls` are (stays, out)."""

    moves: tuple[_Move, ...]
    pulls: tuple[tuple[Endpoint, Endpoint], ...]


def repairs(found: Found) -> tuple[Repair, ...]:
    """One for each set of cables that hang together and are not as declared. Nothing that is disputed is moved."""
    done: set[Endpoint] = set()
    plans = []
    for cable in found.plant.cables:
        if cable.a in done or found.far.get(cable.a) == cable.b:
            continue
        chain = _chain(found, cable)
        done |= set(chain.ends)
        if not set(chain.ends) & set(found.disputed):
            plans.append(_repair(found, chain))
    return tuple(plans)


def _chain(found: Found, cable: Cable) -> _Chain:
    onwards = _walk(found, cable.b)
    if onwards[-1] == cable.a:
        return _Chain((cable.a, *onwards), begins_found=False)
    backwards = _walk(found, cable.a)
    return _Chain((*reversed(backwards), *onwards), begins_found=len(backwards) % 2 == 0)


def _walk(found: Found, end: Endpoint) -> list[Endpoint]:
    """From one end of a declared cable along what is found there, then what is declared, until nothing is; in a ring to
    that cable's other end."""
    path = [end]
    while True:
        along = found.far.get(path[-1])
        if along is None:
            return path
        path.append(along)
        cable = found.plant.at.get(along)
        if cable is None or cable.other(along) == path[0]:
            return path
        path.append(cable.other(along))


def _repair(found: Found, chain: _Chain) -> Repair:
    cables = tuple(found.plant.at[chain.ends[index]] for index in chain.declared)
    way = min(_ways(found, chain), key=lambda way: _cost(found.plant, way))
    way = _Way(tuple(sorted(way.moves, key=lambda move: cables.index(move.cable))), way.pulls)
    served = {move.cable for move in way.moves}
    fits = [one for one in cables if one not in served and _known_empty(found, one)]
    steps = (*_ordered(found, way), *(Step(Do.FIT, one.a, into=one.b, cable=one) for one in fits))
    return Repair(cables, steps, chain.ring)


def _known_empty(found: Found, cable: Cable) -> bool:
    """Somebody has looked for it: at its node where it has one, for a switch's port tells nothing of what is at a node
    that nobody looked at."""
    ends = cable.ends if cable.a.device not in found.plant.nodes else (cable.a,)
    return any(end in found.looked for end in ends)


def _ways(found: Found, chain: _Chain) -> Iterator[_Way]:
    """Each found cable keeps its left or its right end, or none, such that no declared one is served twice."""
    count = len(chain.found)
    if chain.ring:
        sides = ["l" * count, "r" * count]
    else:
        sides = ["l" * cut + "r" * (count - cut) for cut in range(count + 1)]
        sides += ["r" * cut + "-" + "l" * (count - cut - 1) for cut in range(count)]
    for chosen in sides:
        moves, pulls = [], []
        for at, side in zip(chain.found, chosen, strict=True):
            move = _move(found.plant, chain.ends[at], chain.ends[at + 1], side)
            if move is not None:
                moves.append(move)
            else:
                pulls.append(_pull(found.plant, chain.ends[at], chain.ends[at + 1]))
        yield _Way(tuple(moves), tuple(pulls))


def _move(plant: Plant, left: Endpoint, right: Endpoint, side: str) -> _Move | None:
    stays, out = (right, left) if side == "r" else (left, right)
    cable = plant.at.get(stays)
    if side == "-" or cable is None or _strangers(plant, stays, out):
        return None
    return _Move(stays, out, cable.other(stays), cable)


def _pull(plant: Plant, left: Endpoint, right: Endpoint) -> tuple[Endpoint, Endpoint]:
    """Out of the end where a cable is declared, at a switch rather than at a node."""
    ends = sorted((left, right), key=lambda end: (end not in plant.at, end.device in plant.nodes))
    return ends[1], ends[0]


def _strangers(plant: Plant, stays: Endpoint, out: Endpoint) -> bool:
    """Somebody else's machine on a port of ours: its cable is not ours to lay elsewhere."""
    return stays.device in plant.switches and not plant.ours(out)


def _cost(plant: Plant, way: _Way) -> tuple[int, int, int]:
    out = [move.out.device for move in way.moves]
    return -len(out), len(set(out)), sum(device in plant.nodes for device in out)


def _ordered(found: Found, way: _Way) -> Iterator[Step]:
    """Each plug goes where it belongs as soon as that is free; where none is, one is taken into the hand."""
    taken = {end for move in way.moves for end in (move.stays, move.out)}
    for stays, out in way.pulls:
        yield Step(Do.PULL, stays, out=out)
    waiting, held = list(way.moves), list[_Move]()
    while waiting or held:
        free = next((move for move in (*held, *waiting) if move.into not in taken), None)
        if free is None:
            free = waiting.pop(0)
            held.append(free)
            yield Step(Do.HOLD, free.stays, out=free.out)
            taken.discard(free.out)
            continue
        unseen = free.into not in found.looked
        if free in held:
            held.remove(free)
            yield Step(Do.PLUG, free.stays, None, free.into, free.cable, unseen)
        else:
            waiting.remove(free)
            taken.discard(free.out)
            yield Step(Do.MOVE, free.stays, free.out, free.into, free.cable, unseen)
        taken.add(free.into)
