"""Where a rack keeps things and what its parts are called: all of it follows from the rack's name."""

from dataclasses import dataclass
from pathlib import Path

# Sockets, configurations and secrets; short, because of sun_path, and gone after a reboot.
RUN = Path("/run/anneal/rack")
BRIDGE = "br-fabric"
OOB_UPLINK = "up-oob"
OOB = "oob"


@dataclass(frozen=True)
class Layout:
    """`state` holds what an operator may want to read: the rack file, disks, serial logs, logs."""

    name: str
    state: Path

    @property
    def run(self) -> Path:
        return RUN / self.name

    @property
    def fabric(self) -> str:
        """The namespace of switch, machines and BMCs."""
        return f"anl-{self.name}-sw"

    @property
    def provisioner(self) -> str:
        """The namespace in which Anneal runs: it has an address on every network, and the site's time server."""
        return f"anl-{self.name}-prov"

    @property
    def namespaces(self) -> tuple[str, str]:
        return self.fabric, self.provisioner

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def rack_file(self) -> Path:
        return self.state / "rack.yaml"

    @property
    def mark(self) -> Path:
        """A file in the run directory that says where the state is; written before anything else."""
        return self.run / "state"

    def machine(self, name: str) -> Path:
        return self.state / "machines" / name

    def pidfile(self, service: str) -> Path:
        return self.run / f"{service}.pid"

    def board(self, machine: str) -> Path:
        return self.run / f"{machine}.board"

    def bmc(self, machine: str) -> Path:
        """The configuration of the machine's BMC."""
        return self.run / f"{machine}.bmc"


def bmc_service(machine: str) -> str:
    return f"bmc-{machine}"


def lldp_service(switch: str) -> str:
    return f"lldpd-{switch}"


def uplink(vlan: int) -> str:
    """The switch's end of the cable to the provisioner."""
    return f"up-{vlan}"


def leg(vlan: int) -> str:
    """The provisioner's interface on a VLAN."""
    return f"vlan{vlan}"
