"""How a command ends. Scripts rely on these numbers; from 64 on they are those of sysexits.h."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    PARTLY = 3
    CHANGES = 4
    NOT_READY = 5
    TIMED_OUT = 6
    USAGE = 64
    UNREACHABLE = 69
    DENIED = 77
    BAD_INVENTORY = 78
