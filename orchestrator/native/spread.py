"""Which of the nodes that fit a claim takes, by the racks they stand in (pure)."""

import itertools
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum


class Spread(StrEnum):
    ANY = "any"
    EVEN = "even"  # over racks as evenly as what is free allows
    RACKS = "racks"  # each in another rack, or none at all
    TOGETHER = "together"  # all in one rack, or none at all


def choose(names: Sequence[str], racks: Mapping[str, str], count: int, spread: Spread) -> list[str]:
    """So many of `names`, or fewer where that cannot be. By chance where the racks leave a choice."""
    mixed = random.sample(names, len(names))
    by_rack: dict[str, list[str]] = {}
    for name in mixed:
        by_rack.setdefault(racks[name], []).append(name)
    match spread:
        case Spread.ANY:
            return mixed[:count]
        case Spread.RACKS:
            return [there[0] for there in by_rack.values()][:count]
        case Spread.TOGETHER:
            enough = [there for there in by_rack.values() if len(there) >= count]
            return min(enough, key=len, default=[])[:count]  # the fullest rack that will do: large gaps stay whole
        case Spread.EVEN:
            rounds = itertools.zip_longest(*by_rack.values())
            return [name for one in rounds for name in one if name is not None][:count]
