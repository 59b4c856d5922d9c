"""What a machine's driver can do, asked for before anything is tried; and waits that nobody signals."""

from datetime import datetime, timedelta

from drivers.ability.accounts import Accounts
from drivers.ability.bios import Bios
from drivers.ability.boot import BootControl, SecureBoot
from drivers.ability.firmware import FirmwareUpdate
from drivers.ability.machine import Machine
from drivers.ability.management import Management
from drivers.ability.progress import Follow
from drivers.ability.storage import Raid
from drivers.errors import Unsupported
from orchestrator.steps.netboot import again
from orchestrator.store import now
from orchestrator.work import Job, Park

_SOONEST, _LATEST = (
    timedelta(seconds=2),
    timedelta(seconds=60),
)  # between two looks; quirk 27: no faster on the long run


def accounts(machine: Machine, job: Job) -> Accounts:
    if isinstance(machine, Accounts):
        return machine
    raise _lacks(job, "tell its users or change them")


def management(machine: Machine, job: Job) -> Management:
    if isinstance(machine, Management):
        return machine
    raise _lacks(job, "tell its clock and network or set them")


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


def waited(job: Job, key: str) -> timedelta:
    """How long it is since this was first asked, across restarts."""
    began = job.once(f"{key} since", lambda: now().isoformat(), again)
    return now() - datetime.fromisoformat(str(began))


def look_later(job: Job, key: str, what: str, within: timedelta) -> Park:
    """Wait for what nobody signals: soon at first, then less often. `2 of 15 min` stands in the wait's text."""
    spent = waited(job, key)
    told = f"{what}, {spent.total_seconds() / 60:.0f} of {within.total_seconds() / 60:.0f} min"
    pause = min(_LATEST, max(_SOONEST, spent / 4))
    return Park("", 0, told, max(within - spent, timedelta()), again=pause)
