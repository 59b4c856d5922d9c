"""A machine's ports by what they are, not by what they are called: `1g0`, `25g1,25g2`, `2x25g bond lacp`.

A speed and a number name one port: the number counts, from 0, the machine's ports of that speed in the order of their
PCI addresses. `2x25g` is `25g0,25g1`. A sign before the speed takes, where there are too few ports of it, the next
faster (`+`), the next slower (`-`) or either (`?`). These words are OpenCrowbar's; counts and bonds are not.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from inventory.quantity import speed, speed_in_words

Sign = Literal["", "+", "-", "?"]
Mode = Literal["lacp", "active-backup"]

_SPEED = r"\d{1,3}(?:\.\d)?[mg]"
_COUNTED = re.compile(rf"([+?-]?)(\d{{1,2}})x({_SPEED})")
_NUMBERED = re.compile(rf"([+?-]?)({_SPEED})(\d{{1,2}})")
_WHOLE = re.compile(r"(?P<ports>\S+)(?: bond (?P<mode>lacp|active-backup))?")
_HOW = "write it as 1g0, 25g1,25g2 bond lacp, or 2x25g bond lacp"


@dataclass(frozen=True)
class Ports:
    """`places` are numbers among the ports of one speed. `mode` None: one port by itself."""

    speed_mbps: int
    places: tuple[int, ...]
    sign: Sign = ""
    mode: Mode | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of each port by itself, as a cable may end there: `25g0`."""
        return tuple(f"{speed_in_words(self.speed_mbps)}{place}" for place in self.places)

    def __str__(self) -> str:
        mode = f" bond {self.mode}" if self.mode is not None else ""
        return ",".join(f"{self.sign}{name}" for name in self.names) + mode


def ports(value: object) -> Ports:
    """From its spelling. `ValueError` says how it is spelled."""
    if isinstance(value, Ports):
        return value
    whole = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    if whole is None:
        raise ValueError(f"{value!r} names no ports; {_HOW}")
    mode = cast("Mode | None", whole["mode"])
    counted = _COUNTED.fullmatch(whole["ports"])
    if counted is not None:
        told = [(counted[1], counted[3], place) for place in range(int(counted[2]))]
    else:
        found = [_NUMBERED.fullmatch(part) for part in whole["ports"].split(",")]
        told = [(one[1], one[2], int(one[3])) for one in found if one is not None]
        told = told if len(told) == len(found) else []
    if not told:
        raise ValueError(f"{value!r} names no ports; {_HOW}")
    return _checked(str(value), told, mode)


def _checked(text: str, told: list[tuple[str, str, int]], mode: Mode | None) -> Ports:
    kinds = {(sign, speed(of)) for sign, of, _ in told}
    if len(kinds) > 1:
        raise ValueError(f"{text!r} names ports of different speeds; take them of one speed, with one sign")
    places = tuple(place for _, _, place in told)
    if len(set(places)) < len(places):
        raise ValueError(f"{text!r} names a port twice; name each once")
    if len(places) > 1 and mode is None:
        raise ValueError(f"{text!r} names {len(places)} ports that are no bond; add bond lacp or bond active-backup")
    ((sign, mbps),) = kinds
    if mbps == 0:
        raise ValueError(f"{text!r} names ports of no speed; {_HOW}")
    return Ports(mbps, places, cast("Sign", sign), mode)


PortsField = Annotated[
    Ports,
    PlainValidator(ports),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["1g0", "2x25g bond lacp", "25g1,25g2 bond active-backup"]}),
]
