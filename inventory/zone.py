"""A record of the domain name system, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Record:
    """`name`, and `value` where it is a name, are whole and end with a dot."""

    name: str
    type: str
    value: str
