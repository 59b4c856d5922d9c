"""Durations and sizes that carry their unit: `15m`, `8GiB`. A bare number is refused."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_DURATION = r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$"
_SIZE = r"^(\d+)(B|[KMGT]i?B)$"
_SPEED = r"^(\d+(?:\.\d+)?)([mg])$"


def duration(text: object) -> timedelta:
    """`15m` -> 900 s. Units: ms, s, m, h, d."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(_DURATION, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number with its unit: 30s, 15m, 2h, 1d")
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])


def size(text: object) -> int:
    """`8GiB` -> bytes."""
    if isinstance(text, int) and not isinstance(text, bool):
        raise ValueError(f"{text} is no size; write a number with its unit: 512MiB, 8GiB, 1TB")
    found = re.fullmatch(_SIZE, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no size; write a number with its unit: 512MiB, 8GiB, 1TB")
    return int(found[1]) * _BYTES[found[2]]


def speed(text: object) -> int:
    """`25g` -> 25000 Mbit/s."""
    found = re.fullmatch(_SPEED, text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no speed; write a number with its unit: 100m, 2.5g, 25g")
    return round(float(found[1]) * (1000 if found[2] == "g" else 1))


def speed_in_words(mbps: int) -> str:
    return f"{mbps / 1000:g}g" if mbps >= 1000 else f"{mbps}m"


def in_words(span: timedelta) -> str:
    """A duration as an operator writes it, to the second: `1h30m`, `45s`."""
    total = round(span.total_seconds())
    parts = [(total // 86400, "d"), (total // 3600 % 24, "h"), (total // 60 % 60, "m"), (total % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(in_words),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["30s", "15m", "2h"]}),
]
Size = Annotated[
    int, BeforeValidator(size), WithJsonSchema({"type": "string", "pattern": _SIZE, "examples": ["8GiB", "512MiB"]})
]
Speed = Annotated[
    int,
    BeforeValidator(speed),
    PlainSerializer(speed_in_words),
    WithJsonSchema({"type": "string", "pattern": _SPEED, "examples": ["1g", "25g", "100g"]}),
]
