"""What a Redfish tree tells of one host: identity, NICs, drives, firmware. Reads only; unknown stays None.

Source: DMTF DSP0268 (data model): ComputerSystem, EthernetInterface, NetworkAdapter, Storage, SoftwareInventory.
"""

from dataclasses import replace
from uuid import UUID

from drivers.ability.firmware import versions
from drivers.facts import FirmwareItem, HardwareFacts, Identity
from drivers.redfish.card_storage import StorageReading
from drivers.redfish.filled import filled
from drivers.redfish.firmware import components_in
from drivers.redfish.nics import nics
from drivers.redfish.places import manager_of
from drivers.redfish.power import power_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_NO_UUID = ("0" * 32, "f" * 32)


def identity_of(tree: Tree, root: Resource, system: Resource) -> Identity:
    manager = manager_of(tree, root, system)
    return Identity(
        vendor=filled(system, "Manufacturer") or root.label("Vendor"),
        model=filled(system, "Model"),
        serial=filled(system, "SerialNumber") or _chassis_serial(tree, system),
        uuid=_uuid(tree, system),
        bmc_family=manager.label("Model"),
        bmc_version=manager.label("FirmwareVersion"),
    )


def _chassis_serial(tree: Tree, system: Resource) -> str | None:
    return filled(tree.at(next(iter(system.links("Links", "Chassis")), None)), "SerialNumber")


def _uuid(tree: Tree, system: Resource) -> str | None:
    told = system.label("UUID")
    if told is None:
        return None
    try:
        number = UUID(told)
    except ValueError:
        tree.note("no-uuid", system.path, f"{told!r} is no UUID")
        return None
    return None if number.hex in _NO_UUID else str(number)


def facts_of(tree: Tree, root: Resource, system: Resource) -> HardwareFacts:
    system = tree.at(system.path)
    facts = HardwareFacts(
        identity=identity_of(tree, root, system),
        power=power_of(system),
        processors=processors_of(tree, system),
        memory_mib=memory_mib_of(tree, system),
        health=system.label("Status", "HealthRollup") or system.label("Status", "Health"),
        nics=nics(tree, root, system),
        drives=tuple(StorageReading(tree, system).drives.values()),
        firmware=_firmware(tree, tree.at(root.link("UpdateService"))),
    )
    _note_untold(tree, system, facts)
    return replace(facts, findings=tree.told())


def _note_untold(tree: Tree, system: Resource, facts: HardwareFacts) -> None:
    told = {
        "serial number": facts.identity.serial,
        "processors": facts.processors,
        "memory": facts.memory_mib,
        "NICs": facts.nics,
        "drives": facts.drives,
    }
    tree.note_untold(system.path, told)


def processors_of(tree: Tree, system: Resource) -> int | None:
    return system.whole("ProcessorSummary", "Count") or _processors(tree, system)


def memory_mib_of(tree: Tree, system: Resource) -> int | None:
    summed = system.number("MemorySummary", "TotalSystemMemoryGiB")
    return round(summed * 1024) if summed else _memory_mib(tree, system)


def _processors(tree: Tree, system: Resource) -> int | None:
    present = [one for one in tree.members(system.link("Processors"), "ProcessorType") if one.body]
    kinds = [one.text("ProcessorType") for one in present if one.text("Status", "State") != "Absent"]
    return sum(kind in ("CPU", None) for kind in kinds) or None


def _memory_mib(tree: Tree, system: Resource) -> int | None:
    """The sum of the modules' CapacityMiB; VolatileSizeMiB is not the capacity."""
    return sum(one.whole("CapacityMiB") or 0 for one in tree.members(system.link("Memory"), "CapacityMiB")) or None


def _firmware(tree: Tree, service: Resource) -> tuple[FirmwareItem, ...]:
    """By the names by which a baseline is held against it, each once."""
    told = versions(tuple(components_in(tree, service)))
    return tuple(FirmwareItem(component, version) for component, version in told.items())
