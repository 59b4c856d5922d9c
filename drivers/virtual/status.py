"""What a virtual rack is found to be doing: the same shape for every kind."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineStatus:
    """One machine. `pid` is its own process, where it has one and is on; `bmc_pid` its BMC's, where that runs."""

    name: str
    power: str  # "on" | "off"
    firmware: str  # "bios" | "uefi"
    protocol: str  # "ipmi" | "redfish"
    bmc: str  # address and port
    pid: int | None
    bmc_pid: int | None
    serial_log: str | None


@dataclass(frozen=True)
class RackStatus:
    """One rack. `namespaces` names the network namespaces by what lives there; empty where the kind has none."""

    name: str
    kind: str
    up: bool
    state: str
    namespaces: dict[str, str]
    services: dict[str, int | None]
    machines: tuple[MachineStatus, ...]
