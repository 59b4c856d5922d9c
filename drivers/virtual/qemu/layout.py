"""Where a rack keeps things and what its parts are called: all of it follows from the rack's name."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

# Sockets, configurations and secrets; short, because of sun_path, and gone after a reboot.
RUN = Path("/run/anneal/rack")
BRIDGE = "br-fabric"
OOB_UPLINK = "up-oob"  # a bridge, with all that is managed behind it
OOB_CABLE = "up-oob0"
OOB = "oob"
MARK = "ANNEAL_RACK"
RACK_FILE = "anneal-rack.yaml"


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
    def environment(self) -> Mapping[str, str]:
        """What the rack's services are started with: they are known by it even before they are in their namespace."""
        return MappingProxyType({**os.environ, MARK: str(self.run)})

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def machines(self) -> Path:
        return self.state / "machines"

    @property
    def rack_file(self) -> Path:
        """The rack file as it was when the rack came up; also what tells a state directory from any other."""
        return self.state / RACK_FILE

    @property
    def mark(self) -> Path:
        """A link in the run directory to the state, there before anything else is."""
        return self.run / "state"

    def machine(self, name: str) -> Path:
        return self.machines / name

    def pidfile(self, service: str) -> Path:
        return self.run / f"{service}.pid"

    def board(self, machine: str) -> Path:
        return self.run / f"{machine}.board"

    def cable_ends(self, port: str) -> tuple[Path, Path]:
        """Sockets of a cable into a switch that is a machine: the switch's, and that of what is plugged in."""
        return self.run / f"{port}.sw", self.run / f"{port}.nic"

    def bmc(self, machine: str) -> Path:
        """The configuration of the machine's BMC."""
        return self.run / f"{machine}.bmc"


def racks_named(namespaces: Iterable[str]) -> set[str]:
    """The racks that have any of these namespaces."""
    found = (re.fullmatch(r"anl-(.+)-(?:sw|prov)", namespace) for namespace in namespaces)
    return {match[1] for match in found if match}


def bmc_service(machine: str) -> str:
    return f"bmc-{machine}"


def lldp_service(switch: str) -> str:
    return f"lldpd-{switch}"


def sshd_service(switch: str) -> str:
    return f"sshd-{switch}"


def nos_service(switch: str) -> str:
    return f"nos-{switch}"


def uplink(vlan: int) -> str:
    """The switch's end of the cable to the provisioner."""
    return f"up-{vlan}"


def leg(vlan: int) -> str:
    """The provisioner's interface on a VLAN."""
    return f"vlan{vlan}"
