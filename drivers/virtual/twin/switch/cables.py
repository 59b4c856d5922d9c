"""What is plugged into whose port: the one wiring by which machines and switches hear and reach each other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.virtual.twin.file import MachineSpec, NicSpec
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.states import Power, Stage
from inventory.address import Endpoint

SPEED_MBPS = 25000


@dataclass(frozen=True)
class Plug:
    """A machine's end of a cable."""

    machine: Machine
    index: int
    nic: NicSpec

    @property
    def live(self) -> bool:
        """Whether its NIC has power, and so a link."""
        return self.machine.power is not Power.OFF

    @property
    def talks(self) -> bool:
        """Whether frames come from it: something boots or runs there."""
        return self.machine.stage in (Stage.NETBOOT, Stage.AGENT, Stage.OS)

    @property
    def says(self) -> str | None:
        """The system name that it announces by LLDP; None where nothing there does."""
        names = {Stage.AGENT: "twin-agent", Stage.OS: self.machine.name}
        return names.get(self.machine.stage)

    @property
    def nic_name(self) -> str:
        return f"eth{self.index}"


class Cables:
    """As they truly lie. `machine`: one by its name, once they are made."""

    def __init__(self, specs: Iterable[MachineSpec], machine: Callable[[str], Machine]) -> None:
        self._machine = machine
        self._ends = {
            nic.cable: (spec.name, index, nic)
            for spec in specs
            for index, nic in enumerate(spec.nics)
            if nic.cable is not None
        }

    def at(self, switch: str, port: str) -> Plug | None:
        end = self._ends.get(Endpoint(switch, port))
        return Plug(self._machine(end[0]), *end[1:]) if end is not None else None
