"""What a Redfish tree tells of one host: identity, NICs, drives, firmware. Reads only; unknown stays None.

Source: DMTF DSP0268 (data model): ComputerSystem, EthernetInterface, NetworkAdapter, Storage, SoftwareInventory.
"""

from collections.abc import Iterator
from dataclasses import replace

from drivers.facts import Drive, FirmwareItem, HardwareFacts, Identity
from drivers.redfish.bmc import manager_of
from drivers.redfish.nics import nics
from drivers.redfish.power import power_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree

_NIL = "00000000-0000-0000-0000-000000000000"


def identity_of(tree: Tree, root: Resource, system: Resource) -> Identity:
    manager = manager_of(tree, root, system)
    chassis = tree.at(next(iter(system.links("Links", "Chassis")), None))
    uuid = (system.text("UUID") or _NIL).lower()
    return Identity(
        vendor=system.text("Manufacturer") or root.text("Vendor"),
        model=system.text("Model"),
        serial=system.text("SerialNumber") or chassis.text("SerialNumber"),
        uuid=None if uuid == _NIL else uuid,
        bmc_family=manager.text("Model"),
        bmc_version=manager.text("FirmwareVersion"),
    )


def facts_of(tree: Tree, root: Resource, system: Resource) -> HardwareFacts:
    system = tree.at(system.path)
    memory = system.number("MemorySummary", "TotalSystemMemoryGiB")
    facts = HardwareFacts(
        identity=identity_of(tree, root, system),
        power=power_of(system),
        processors=system.whole("ProcessorSummary", "Count") or _processors(tree, system),
        memory_mib=round(memory * 1024) if memory else _memory_mib(tree, system),
        health=system.text("Status", "HealthRollup") or system.text("Status", "Health"),
        nics=nics(tree, system),
        drives=tuple(_drives(tree, system)),
        firmware=tuple(_firmware(tree, tree.at(root.link("UpdateService")))),
    )
    _note_untold(tree, system, facts)
    return replace(facts, findings=tuple(dict.fromkeys(tree.findings)))


def _note_untold(tree: Tree, system: Resource, facts: HardwareFacts) -> None:
    told = {
        "serial number": facts.identity.serial,
        "processors": facts.processors,
        "memory": facts.memory_mib,
        "NICs": facts.nics,
        "drives": facts.drives,
    }
    untold = [name for name, value in told.items() if not value]
    if untold:
        tree.note("not-told", system.path, f"this BMC tells no {', '.join(untold)}")


def _processors(tree: Tree, system: Resource) -> int | None:
    kinds = [one.text("ProcessorType") for one in tree.members(system.link("Processors"))]
    return sum(kind in ("CPU", None) for kind in kinds) or None


def _memory_mib(tree: Tree, system: Resource) -> int | None:
    """The sum of the modules' CapacityMiB; VolatileSizeMiB is not the capacity."""
    return sum(one.whole("CapacityMiB") or 0 for one in tree.members(system.link("Memory"))) or None


def _drives(tree: Tree, system: Resource) -> Iterator[Drive]:
    """By Storage; SimpleStorage, which knows no serials, only where that tells of none."""
    links = [link for storage in tree.members(system.link("Storage")) for link in _drive_links(tree, storage)]
    for link in dict.fromkeys(links):
        drive = tree.at(link)
        if drive.body and drive.text("Status", "State") != "Absent":
            yield _drive(drive, link)
    if not links:
        for controller in tree.members(system.link("SimpleStorage")):
            for device in controller.objects("Devices"):
                if device.text("Status", "State") != "Absent":
                    yield _drive(device, device.path)


def _drive_links(tree: Tree, storage: Resource) -> tuple[str, ...]:
    told = storage.body.get("Drives")
    if isinstance(told, dict):
        return tuple(member.path for member in tree.members(storage.link("Drives")))
    return storage.links("Drives")


def _drive(drive: Resource, path: str) -> Drive:
    return Drive(
        id=drive.text("Id") or drive.text("Name") or path.rstrip("/").rpartition("/")[2],
        bytes=drive.whole("CapacityBytes") or None,
        media=drive.text("MediaType"),
        protocol=drive.text("Protocol"),
        serial=drive.text("SerialNumber"),
    )


def _firmware(tree: Tree, update: Resource) -> Iterator[FirmwareItem]:
    for item in tree.members(update.link("FirmwareInventory")):
        component = item.text("Name") or item.text("Id")
        if component:
            yield FirmwareItem(component, item.text("Version"))
