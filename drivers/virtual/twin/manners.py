"""Which quirks and faults of one machine are on, and how often a fault still strikes."""

from drivers.virtual.twin.capture_files import personality_of
from drivers.virtual.twin.faults import Fault, Strike, standing, taken
from drivers.virtual.twin.file import BmcSpec, MachineSpec
from drivers.virtual.twin.personality import PERSONALITIES, Personality


def personality(bmc: BmcSpec) -> Personality:
    """The one that the twin file names; without it generic, or what the capture looks like."""
    if bmc.personality is not None:
        return PERSONALITIES[bmc.personality]
    return PERSONALITIES[personality_of(bmc.tree) if bmc.tree is not None else "generic"]


class Manners:
    """`faults` and `quirks` are those that are on; `strikes` the numbered faults, by code and word."""

    def __init__(self, given: Personality, spec: MachineSpec) -> None:
        self.faults: set[Fault] = {fault for fault in spec.faults if isinstance(fault, Fault)}
        self.strikes: dict[str, Strike] = {one.key: one for one in spec.faults if isinstance(one, Strike)}
        self.quirks: set[int] = {*given.quirks, *spec.quirks}

    def switch(self, fault: Fault | Strike, *, on: bool) -> bool:
        """Whether anything changed. A strike that is on already is given its new number of times."""
        if isinstance(fault, Fault):
            if (fault in self.faults) is on:
                return False
            (self.faults.add if on else self.faults.discard)(fault)
            return True
        was = fault.key in self.strikes
        if on:
            self.strikes[fault.key] = fault
        else:
            self.strikes.pop(fault.key, None)
        return was is not on

    def on(self, code: str, word: str = "") -> Strike | None:
        return standing(self.strikes, code, word)

    def shape(self, code: str) -> Strike | None:
        """A fault whose word says how it looks."""
        return next((one for one in self.strikes.values() if one.code == code), None)

    def take(self, code: str, word: str = "") -> Strike | None:
        return taken(self.strikes, code, word)

    def named(self) -> list[str]:
        return sorted([*(fault.value for fault in self.faults), *map(str, self.strikes.values())])
