"""A record of the domain name system as a value, and the order of a zone's versions."""

from collections.abc import Iterable
from dataclasses import dataclass

_NUMBERS = 1 << 32  # of serials: RFC 1982 7


@dataclass(frozen=True, order=True)
class Record:
    """`name`, and `value` where it is a name, are whole and end with a dot."""

    name: str
    type: str
    value: str


def ahead(one: int, other: int) -> bool:
    """Whether a serial comes after the other (RFC 1982 3.2): who has the other's version wants this one's."""
    return 0 < (one - other) % _NUMBERS < _NUMBERS >> 1


def after(moment: float, serials: Iterable[int]) -> int:
    """A serial by the clock, in seconds since 1970; after all of the given ones where these are ahead of the clock."""
    found = int(moment) % _NUMBERS
    for one in serials:
        if not ahead(found, one):
            found = (one + 1) % _NUMBERS or 1  # 0 is nobody's (RFC 2136 4.2)
    return found
