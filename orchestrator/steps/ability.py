"""What a machine's driver can do, asked for before anything is tried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from drivers.ability.accounts import Accounts
from drivers.ability.bios import Bios
from drivers.ability.boot import BootControl, SecureBoot
from drivers.ability.firmware import FirmwareUpdate
from drivers.ability.machine import Machine
from drivers.ability.management import BmcNetwork, Management
from drivers.ability.progress import Follow
from drivers.ability.storage import Raid, RaidSetup
from drivers.errors import Unsupported
from orchestrator.work import Job

T = TypeVar("T")


@dataclass(frozen=True)
class Ability(Generic[T]):
    """`narrowed` is the machine itself where its driver has the ability: a checker narrows to a protocol only there."""

    what: str
    narrowed: Callable[[Machine], T | None]

    def __call__(self, machine: Machine, job: Job) -> T:
        """`Unsupported` where its driver cannot."""
        able = self.narrowed(machine)
        if able is not None:
            return able
        protocol = job.node.bmc.protocol
        others = "" if protocol == "redfish" else ", or reach the BMC by redfish"
        what = f"{protocol} cannot {self.what}"
        raise Unsupported(str(job.node.bmc.address), what, f"take it out of the node's profile{others}")


accounts = Ability[Accounts]("tell its users or change them", lambda one: one if isinstance(one, Accounts) else None)
management = Ability[Management](
    "tell its clock and network or set them", lambda one: one if isinstance(one, Management) else None
)
network = Ability[BmcNetwork]("switch its services", lambda one: one if isinstance(one, BmcNetwork) else None)
bios = Ability[Bios]("tell BIOS settings or stage them", lambda one: one if isinstance(one, Bios) else None)
boot_control = Ability[BootControl](
    "tell the boot mode and order or set them", lambda one: one if isinstance(one, BootControl) else None
)
secure_boot = Ability[SecureBoot](
    "tell Secure Boot or set it", lambda one: one if isinstance(one, SecureBoot) else None
)
firmware = Ability[FirmwareUpdate](
    "list firmware or replace it", lambda one: one if isinstance(one, FirmwareUpdate) else None
)
raid = Ability[Raid]("tell volumes or make them", lambda one: one if isinstance(one, Raid) else None)
raid_setup = Ability[RaidSetup](
    "set a controller's mode or clear foreign configurations", lambda one: one if isinstance(one, RaidSetup) else None
)
follow = Ability[Follow]("follow its jobs", lambda one: one if isinstance(one, Follow) else None)
