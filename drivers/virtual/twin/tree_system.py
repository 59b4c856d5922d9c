"""The host of a simulated machine as Redfish shows it: system, firmware settings, devices and drives."""

from collections.abc import Iterator

from drivers.virtual.twin.layout import ROOT, Layout
from drivers.virtual.twin.machine import Machine
from drivers.virtual.twin.redfish_messages import Resource
from drivers.virtual.twin.redfish_tree import OK, collection, link, resource

ERASES = ("BlockErase", "CryptographicErase", "Overwrite")


def system(machine: Machine, at: Layout) -> Iterator[Resource]:
    spec, names = machine.spec, machine.personality.names
    yield collection(f"{ROOT}/Systems", "ComputerSystem", [at.system])
    parts = ("BootOptions", "EthernetInterfaces", "Processors", "Memory", "Storage", "SecureBoot", "LogServices")
    cpus: Resource = {
        "Count": 1,
        "CoreCount": spec.cpus,
        "LogicalProcessorCount": spec.cpus,
        "Model": "Twin CPU",
        "Status": OK,
    }
    rest: Resource = {
        "SystemType": "Physical",
        "Manufacturer": names.manufacturer,
        "Model": names.model,
        "SerialNumber": spec.serial,
        "UUID": str(spec.system_uuid),
        "HostName": None,
        "BiosVersion": machine.settings.versions.get("BIOS") or names.bios_version or None,
        "Status": OK,
        "Boot": {"BootOptions": link(f"{at.system}/BootOptions")},
        "MemorySummary": {"TotalSystemMemoryGiB": spec.memory_mib / 1024, "Status": OK},
        "ProcessorSummary": cpus,
        **{part: link(f"{at.system}/{part}") for part in parts if part != "BootOptions"},
        "Bios": link(at.bios),
        "Links": {"Chassis": [link(at.chassis)], "ManagedBy": [link(at.manager)]},
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"{at.system}/Actions/ComputerSystem.Reset",
                "ResetType@Redfish.AllowableValues": list(machine.personality.resets),
            }
        },
    }
    if machine.personality.media.under == "system" or 84 in machine.quirks:
        rest["VirtualMedia"] = link(f"{at.system}/VirtualMedia")
    rest |= _vendor(machine, at)
    yield resource(at.system, "ComputerSystem.v1_22_0.ComputerSystem", "System", rest)


def _vendor(machine: Machine, at: Layout) -> Resource:
    if machine.personality.name == "idrac":
        return {"Links": {
            "Chassis": [link(at.chassis)], "ManagedBy": [link(at.manager)],
            "Oem": {"Dell": {"DellRaidService": link(at.raid_actions)}},
        }}  # fmt: skip
    return {}


def firmware(machine: Machine, at: Layout) -> Iterator[Resource]:
    manner = machine.personality.firmware
    rest: Resource = {"Actions": {"#Bios.ResetBios": {"target": f"{at.bios.rstrip('/')}/Actions/Bios.ResetBios"}}}
    if manner.attributes:
        settings: Resource = {"@odata.type": "#Settings.v1_3_3.Settings", "SettingsObject": link(at.bios_settings)}
        if manner.apply_times:
            settings["SupportedApplyTimes"] = list(manner.apply_times)
        rest |= {"AttributeRegistry": manner.registry, "Attributes": {}, "@Redfish.Settings": settings}
        pending: Resource = {"AttributeRegistry": manner.registry, "Attributes": {}}
        yield resource(at.bios_settings, "Bios.v1_2_1.Bios", "BIOS pending settings", pending)
    yield resource(at.bios, "Bios.v1_2_1.Bios", "BIOS", rest)


def boot(machine: Machine, at: Layout) -> Iterator[Resource]:
    options = [f"{at.system}/BootOptions/{name}" for name in machine.settings.order]
    yield collection(f"{at.system}/BootOptions", "BootOption", sorted(options))
    for option in options:
        reference = option.rpartition("/")[2]
        number = int(reference.removeprefix("Boot"), 16)
        network = number <= len(machine.spec.nics)
        rest: Resource = {
            "BootOptionReference": reference,
            "BootOptionEnabled": True,
            "DisplayName": f"PXE {machine.spec.nics[number - 1].mac}" if network else "Hard disk",
            "UefiDevicePath": f"MAC({machine.spec.nics[number - 1].mac.replace(':', '')})" if network else "HD(1)",
        }
        yield resource(option, "BootOption.v1_0_6.BootOption", reference, rest)
    secure: Resource = {"SecureBootEnable": False, "SecureBootCurrentBoot": "Disabled", "SecureBootMode": "UserMode"}
    yield resource(f"{at.system}/SecureBoot", "SecureBoot.v1_1_2.SecureBoot", "Secure Boot", secure)


def devices(machine: Machine, at: Layout) -> Iterator[Resource]:
    spec = machine.spec
    yield collection(at.nics, "EthernetInterface", [f"{at.nics}/{number + 1}" for number in range(len(spec.nics))])
    for number, nic in enumerate(spec.nics):
        up = nic.cable is not None
        rest: Resource = {
            "MACAddress": nic.mac,
            "PermanentMACAddress": nic.mac,
            "SpeedMbps": 25000 if up else None,
            "LinkStatus": "LinkUp" if up else "NoLink",
            "InterfaceEnabled": True,
            "Status": OK,
        }
        yield resource(f"{at.nics}/{number + 1}", "EthernetInterface.v1_9_0.EthernetInterface", "NIC", rest)
    cpus, dimms = f"{at.system}/Processors", f"{at.system}/Memory"
    yield collection(cpus, "Processor", [f"{cpus}/CPU1"])
    cpu: Resource = {
        "ProcessorType": "CPU",
        "InstructionSet": "x86-64",
        "TotalCores": spec.cpus,
        "Model": "Twin CPU",
        "Status": OK,
    }
    yield resource(f"{cpus}/CPU1", "Processor.v1_19_0.Processor", "CPU", {**cpu, "Socket": "CPU 1"})
    yield collection(dimms, "Memory", [f"{dimms}/DIMM1"])
    dimm: Resource = {"CapacityMiB": spec.memory_mib, "MemoryDeviceType": "DDR5", "Status": OK}
    yield resource(f"{dimms}/DIMM1", "Memory.v1_19_0.Memory", "DIMM", dimm)


def storage(machine: Machine, at: Layout) -> Iterator[Resource]:
    drives = [at.drive(number + 1) for number in range(len(machine.array.drives))]
    yield collection(at.storage, "Storage", [at.controller])
    name = machine.personality.names.controller
    rest: Resource = {
        "Drives": [link(drive) for drive in drives],
        "Drives@odata.count": len(drives),
        "Volumes": link(f"{at.controller}/Volumes"),
        "Controllers": link(f"{at.controller}/Controllers"),
        "Status": OK,
    }
    yield resource(at.controller, "Storage.v1_15_0.Storage", "Storage", rest)
    yield collection(f"{at.controller}/Volumes", "Volume", [])
    yield collection(f"{at.controller}/Controllers", "StorageController", [f"{at.controller}/Controllers/{name}"])
    controller: Resource = {
        "Model": "Twin RAID",
        "SupportedRAIDTypes": ["RAID0", "RAID1", "RAID5", "RAID6", "RAID10"],
        "SupportedDeviceProtocols": ["SAS", "SATA"],
        "Status": OK,
    }
    path = f"{at.controller}/Controllers/{name}"
    if machine.personality.raid_modes:
        controller["@Redfish.Settings"] = {
            "SettingsObject": link(f"{path}/Settings"),
            "SupportedApplyTimes": ["OnReset"],
        }
        yield resource(f"{path}/Settings", "StorageController.v1_7_1.StorageController", "Pending", {})
        yield from _raid_service(at)
    yield resource(path, "StorageController.v1_7_1.StorageController", "Controller", controller)
    for drive, disk in zip(drives, machine.array.drives, strict=True):
        told: Resource = {
            "SerialNumber": disk.serial,
            "CapacityBytes": disk.bytes,
            "MediaType": "SSD",
            "Protocol": "SAS",
            "Model": "TWIN DISK",
            "Status": OK,
            "Actions": {
                "#Drive.SecureErase": {
                    "target": f"{drive}/Actions/Drive.SecureErase",
                    "SanitizationType@Redfish.AllowableValues": list(ERASES),
                }
            },
        }
        yield resource(drive, "Drive.v1_18_0.Drive", "Drive", told)


def _raid_service(at: Layout) -> Iterator[Resource]:
    actions: Resource = {
        f"#DellRaidService.{name}": {"target": f"{at.raid_actions}/Actions/DellRaidService.{name}"}
        for name in ("ConvertToRAID", "ConvertToNonRAID", "ClearForeignConfig")
    }
    yield resource(at.raid_actions, "DellRaidService.v1_4_0.DellRaidService", "RAID", {"Actions": actions})
