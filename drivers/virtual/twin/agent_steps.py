"""Clean and deploy steps: the lists that an agent gives, and what those that touch disks do here.

Source: ipa-protocol 2.3, with the step of the ramdisk's own plug-in.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from drivers.virtual.twin import agent_errors
from drivers.virtual.twin.disk import Disk
from drivers.virtual.twin.faults import Fault
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.states import Work

Step = dict[str, object]
ERASING = timedelta(seconds=15)
READING = timedelta(seconds=5)
_IDLE = frozenset({"erase_pstore", "clean_uefi_nvram", "delete_configuration"})


def _step(name: str, priority: int = 0, interface: str = "deploy", *, abortable: bool | None = True) -> Step:
    step: Step = {"step": name, "priority": priority, "interface": interface, "reboot_requested": False}
    return step if abortable is None else {**step, "abortable": abortable}


CLEAN_STEPS: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "GenericHardwareManager": (
            _step("erase_devices", 10),
            _step("erase_devices_metadata", 99),
            _step("erase_devices_express"),
            _step("erase_pstore"),
            _step("clean_uefi_nvram"),
            _step("delete_configuration", interface="raid"),
        ),
        "DiskWitness": tuple(
            _step(name, abortable=False) for name in ("read_disks", "plant_canaries", "find_canaries")
        ),
    }
)
DEPLOY_STEPS: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {
        "GenericHardwareManager": (
            _step("erase_devices_metadata", abortable=None),
            _step("clean_uefi_nvram", abortable=None),
            _step("write_image", abortable=None),
            _step("inject_files", abortable=None),
        )
    }
)


async def run(machine: Machine, name: str, given: Mapping[str, object]) -> object:
    """The result of a clean step. Each erasure counts once, when the disks have changed."""
    match name:
        case "read_disks":
            await machine.clock.lag(READING)
            return [disk.report() for disk in seen(machine)]
        case "plant_canaries" | "find_canaries":
            await machine.clock.lag(READING)
            return [_canaries(disk, str(given["seed"]), name) for disk in seen(machine)]
        case "erase_devices_metadata" | "erase_devices_express":
            await machine.clock.lag(ERASING)
            for disk in machine.disks:
                disk.erase_metadata()
        case "erase_devices":
            await machine.clock.lag(ERASING * 4)
            _erase(machine)
        case _ if name in _IDLE:
            return None
        case _:
            raise agent_errors.unknown_step(name)
    machine.erases.append(Work(time.time(), name))
    return {disk.name: None for disk in seen(machine)} if name == "erase_devices" else None


def _erase(machine: Machine) -> None:
    if Fault.DISK_KEEPS not in machine.faults:
        for disk in seen(machine):
            disk.erase()


def seen(machine: Machine) -> Sequence[Disk]:
    """Its disks, as far as a ramdisk sees them."""
    return machine.disks[:-1] if Fault.DISK_HIDES in machine.faults else machine.disks


def _canaries(disk: Disk, seed: str, step: str) -> object:
    if step == "plant_canaries":
        disk.plant(seed)
    return disk.tell_canaries(seed)
