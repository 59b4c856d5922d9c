"""Declared cables against what the NICs hear by LLDP (pure). A swap names both cables.

Source: IEEE 802.1AB-2016 8.5 (chassis, port and system name TLVs). What a switch calls itself there is its name in the
inventory; what it calls the port is the port's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Nic = tuple[str, str]  # node name, NIC name
Port = tuple[str, str]  # switch name, port name


class Verdict(StrEnum):
    OK = "OK"
    SWAPPED = "SWAPPED"  # it ends where another declared cable should, and that one ends here
    WRONG = "WRONG"  # it ends elsewhere
    MISSING = "MISSING"  # nothing is heard
    UNKNOWN = "UNKNOWN"  # not looked yet


@dataclass(frozen=True)
class Cable:
    """A declared cable from a NIC to a switch port."""

    nic: Nic
    port: Port

    def __str__(self) -> str:
        return f"{':'.join(self.nic)} - {':'.join(self.port)}"


@dataclass(frozen=True)
class CableVerdict:
    cable: Cable
    verdict: Verdict
    says: str


Heard = Mapping[Nic, Port | None]  # a NIC that was looked at, and its neighbour; None: it heard nobody


def judge(node: str, cables: Sequence[Cable], heard: Heard) -> tuple[CableVerdict, ...]:
    """The verdict on each declared cable of a node. `cables` are the whole site's, `heard` whatever was heard of it."""
    return tuple(_verdict(cable, cables, heard) for cable in cables if cable.nic[0] == node)


def _verdict(cable: Cable, cables: Sequence[Cable], heard: Heard) -> CableVerdict:
    if cable.nic not in heard:
        return CableVerdict(cable, Verdict.UNKNOWN, f"{cable}: {':'.join(cable.nic)} was not looked at")
    ends = heard[cable.nic]
    if ends is None:
        return CableVerdict(
            cable, Verdict.MISSING, f"{cable}: nothing is heard; is it plugged in, and does {cable.port[0]} send LLDP?"
        )
    if ends == cable.port:
        return CableVerdict(cable, Verdict.OK, f"{cable}: as declared")
    found = f"cable {cable} ends at {':'.join(ends)}"
    other = next((one for one in cables if one.port == ends), None)
    if other is None:
        return CableVerdict(
            cable, Verdict.WRONG, f"{found}, where no cable is declared. Move that end to {':'.join(cable.port)}"
        )
    if heard.get(other.nic) == cable.port:
        says = f"{found} and cable {other} ends at {':'.join(cable.port)}: they are swapped. Exchange their ends"
        return CableVerdict(cable, Verdict.SWAPPED, says)
    says = f"{found}, which is declared for cable {other}. Move that end to {':'.join(cable.port)} and see to both"
    return CableVerdict(cable, Verdict.WRONG, says)
