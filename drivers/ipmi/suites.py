"""Which cipher suites a BMC lists. Source: IPMI v2.0 rev. 1.1, 22.15 (Get Channel Cipher Suites)."""

from itertools import pairwise

from drivers.errors import Garbled, Refused, Unsupported
from drivers.wire.rmcp import Rmcp

_APP, _GET_SUITES = 0x06, 0x54
_THIS_CHANNEL, _IPMI, _LIST = 0x0E, 0x00, 0x80
_PART = 16  # bytes of one answer; a shorter one is the last
_PARTS = 0x40
_BEGINS = (0xC0, 0xC1)  # a record, of a standard suite or an OEM's; no tag of an algorithm has both of its top bits set


def suites_of(wire: Rmcp) -> frozenset[int]:
    """By their numbers; none where the BMC does not tell."""
    told = b""
    for index in range(_PARTS):
        try:
            part = wire.ask(_APP, _GET_SUITES, _THIS_CHANNEL, _IPMI, _LIST | index, least=1)[1:]
        except (Refused, Unsupported, Garbled):
            break
        told += part
        if len(part) < _PART:
            break
    return frozenset(_numbers(told))


def _numbers(told: bytes) -> list[int]:
    return [number for begin, number in pairwise(told) if begin in _BEGINS]
