"""What a machine's driver can do, asked for before anything is tried."""

from drivers.ability.accounts import Accounts
from drivers.ability.bios import Bios
from drivers.ability.boot import BootControl, SecureBoot
from drivers.ability.firmware import FirmwareUpdate
from drivers.ability.machine import Machine
from drivers.ability.management import BmcNetwork, Management
from drivers.ability.progress import Follow
from drivers.ability.storage import Raid
from drivers.errors import Unsupported
from orchestrator.work import Job


def accounts(machine: Machine, job: Job) -> Accounts:
    if isinstance(machine, Accounts):
        return machine
    raise _lacks(job, "tell its users or change them")


def management(machine: Machine, job: Job) -> Management:
    if isinstance(machine, Management):
        return machine
    raise _lacks(job, "tell its clock and network or set them")


def network(machine: Machine, job: Job) -> BmcNetwork:
    if isinstance(machine, BmcNetwork):
        return machine
    raise _lacks(job, "switch its services")


def bios(machine: Machine, job: Job) -> Bios:
    if isinstance(machine, Bios):
        return machine
    raise _lacks(job, "tell BIOS settings or stage them")


def boot_control(machine: Machine, job: Job) -> BootControl:
    if isinstance(machine, BootControl):
        return machine
    raise _lacks(job, "tell the boot mode and order or set them")


def secure_boot(machine: Machine, job: Job) -> SecureBoot:
    if isinstance(machine, SecureBoot):
        return machine
    raise _lacks(job, "tell Secure Boot or set it")


def firmware(machine: Machine, job: Job) -> FirmwareUpdate:
    if isinstance(machine, FirmwareUpdate):
        return machine
    raise _lacks(job, "list firmware or replace it")


def raid(machine: Machine, job: Job) -> Raid:
    if isinstance(machine, Raid):
        return machine
    raise _lacks(job, "tell volumes or make them")


def follow(machine: Machine, job: Job) -> Follow:
    if isinstance(machine, Follow):
        return machine
    raise _lacks(job, "follow its jobs")


def _lacks(job: Job, what: str) -> Unsupported:
    protocol = job.node.bmc.protocol
    remedy = "take it out of the node's profile" + ("" if protocol == "redfish" else ", or reach the BMC by redfish")
    return Unsupported(str(job.node.bmc.address), f"{protocol} cannot {what}", remedy)
