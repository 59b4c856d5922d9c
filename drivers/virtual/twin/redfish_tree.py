"""The resources of a simulated Redfish service, made afresh from the machine at each read.

Source: DSP0266 1.20; DSP0268 for the schemas named in each `@odata.type`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from drivers.virtual.twin.machine import Lasts, Machine, Target
from drivers.virtual.twin.redfish_messages import Resource

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
SYSTEM = f"{ROOT}/Systems/1"
MANAGER = f"{ROOT}/Managers/1"
CHASSIS = f"{ROOT}/Chassis/1"
RESETS = ("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "ForceOn", "PowerCycle", "Nmi")
_OK: Resource = {"State": "Enabled", "Health": "OK", "HealthRollup": "OK"}


class Tree(Protocol):
    """`system` is the path of the one system that can be reset and booted; paths bear no trailing slash."""

    @property
    def system(self) -> str: ...

    def read(self, path: str) -> Resource | None: ...

    def resets(self) -> tuple[str, ...]:
        """The values that its reset action allows."""


def link(path: str) -> Resource:
    return {"@odata.id": path}


def collection(path: str, kind: str, members: Sequence[str]) -> Resource:
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": f"{kind} Collection",
        "Members@odata.count": len(members),
        "Members": [link(member) for member in members],
    }


def _resource(path: str, kind: str, name: str, rest: Resource) -> Resource:
    return {"@odata.id": path, "@odata.type": f"#{kind}", "Id": path.rpartition("/")[2], "Name": name, **rest}


def boot(machine: Machine) -> Resource:
    """The part of a ComputerSystem's Boot that follows the machine."""
    override = machine.valid_override()
    return {
        "BootSourceOverrideEnabled": override.lasts.value,
        "BootSourceOverrideTarget": override.target.value,
        "BootSourceOverrideTarget@Redfish.AllowableValues": [target.value for target in Target],
        "BootSourceOverrideEnabled@Redfish.AllowableValues": [lasts.value for lasts in Lasts],
        "BootSourceOverrideMode": override.mode,
        "BootSourceOverrideMode@Redfish.AllowableValues": ["UEFI", "Legacy"],
    }


class GenericTree:
    """A server of no particular vendor."""

    def __init__(self, machine: Machine, session_seconds: int) -> None:
        self._machine = machine
        self._session_seconds = session_seconds
        self._parts = (self._root, self._services, self._system, self._devices, self._storage, self._enclosure)

    @property
    def system(self) -> str:
        return SYSTEM

    def resets(self) -> tuple[str, ...]:
        return RESETS

    def read(self, path: str) -> Resource | None:
        return next((found for part in self._parts for found in part() if found["@odata.id"] == path), None)

    def _root(self) -> Iterator[Resource]:
        uuid = str(self._machine.spec.system_uuid)
        services = ("Systems", "Managers", "Chassis", "SessionService", "AccountService", "UpdateService")
        links: Resource = {service: link(f"{ROOT}/{service}") for service in services}
        rest: Resource = {"RedfishVersion": "1.18.0", "UUID": uuid, "Vendor": "Twin", "Product": "Twin server"}
        sessions: Resource = {"Links": {"Sessions": link(SESSIONS)}}
        yield {
            **_resource(ROOT, "ServiceRoot.v1_16_0.ServiceRoot", "Root", rest | links | sessions),
            "Id": "RootService",
        }

    def _services(self) -> Iterator[Resource]:
        rest: Resource = {"ServiceEnabled": True, "SessionTimeout": self._session_seconds, "Status": _OK}
        path = f"{ROOT}/SessionService"
        sessions: Resource = {"Sessions": link(SESSIONS)}
        yield _resource(path, "SessionService.v1_1_9.SessionService", "Sessions", rest | sessions)
        path = f"{ROOT}/AccountService"
        accounts: Resource = {
            "ServiceEnabled": True,
            "Accounts": link(f"{path}/Accounts"),
            "Roles": link(f"{path}/Roles"),
        }
        yield _resource(path, "AccountService.v1_15_0.AccountService", "Accounts", accounts)
        yield collection(f"{path}/Accounts", "ManagerAccount", [f"{path}/Accounts/1"])
        account: Resource = {
            "UserName": self._machine.user,
            "RoleId": "Administrator",
            "Enabled": True,
            "Password": None,
        }
        role: Resource = {"Links": {"Role": link(f"{path}/Roles/Administrator")}}
        yield _resource(f"{path}/Accounts/1", "ManagerAccount.v1_12_0.ManagerAccount", "Account", account | role)
        yield collection(f"{path}/Roles", "Role", [f"{path}/Roles/Administrator"])
        privileges = ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"]
        yield _resource(
            f"{path}/Roles/Administrator",
            "Role.v1_3_1.Role",
            "Administrator",
            {"RoleId": "Administrator", "IsPredefined": True, "AssignedPrivileges": privileges},
        )

    def _system(self) -> Iterator[Resource]:
        spec = self._machine.spec
        yield collection(f"{ROOT}/Systems", "ComputerSystem", [SYSTEM])
        parts = ("Bios", "EthernetInterfaces", "Processors", "Memory", "Storage")
        reset: Resource = {
            "target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
            "ResetType@Redfish.AllowableValues": list(RESETS),
        }
        rest: Resource = {
            "SystemType": "Physical",
            "Manufacturer": "Twin",
            "Model": "Twin server",
            "SerialNumber": spec.serial,
            "UUID": str(spec.system_uuid),
            "HostName": None,
            "PowerState": self._machine.power.value,
            "BiosVersion": "1.0.0",
            "Status": _OK,
            "Boot": boot(self._machine),
            "MemorySummary": {"TotalSystemMemoryGiB": spec.memory_mib / 1024, "Status": _OK},
            "ProcessorSummary": {
                "Count": 1,
                "CoreCount": spec.cpus,
                "LogicalProcessorCount": spec.cpus,
                "Model": "Twin CPU",
                "Status": _OK,
            },
            **{part: link(f"{SYSTEM}/{part}") for part in parts},
            "Links": {"Chassis": [link(CHASSIS)], "ManagedBy": [link(MANAGER)]},
            "Actions": {"#ComputerSystem.Reset": reset},
        }
        yield _resource(SYSTEM, "ComputerSystem.v1_22_0.ComputerSystem", "System", rest)
        mode = "Uefi" if spec.firmware == "uefi" else "Bios"
        attributes: Resource = {"AttributeRegistry": None, "Attributes": {"BootMode": mode}}
        yield _resource(f"{SYSTEM}/Bios", "Bios.v1_2_1.Bios", "BIOS", attributes)

    def _devices(self) -> Iterator[Resource]:
        spec = self._machine.spec
        nics = f"{SYSTEM}/EthernetInterfaces"
        yield collection(nics, "EthernetInterface", [f"{nics}/{number + 1}" for number in range(len(spec.nics))])
        for number, nic in enumerate(spec.nics):
            up = nic.cable is not None
            rest: Resource = {
                "MACAddress": nic.mac,
                "PermanentMACAddress": nic.mac,
                "SpeedMbps": 25000 if up else None,
                "LinkStatus": "LinkUp" if up else "NoLink",
                "InterfaceEnabled": True,
                "Status": _OK,
            }
            yield _resource(f"{nics}/{number + 1}", "EthernetInterface.v1_9_0.EthernetInterface", "NIC", rest)
        cpus, dimms = f"{SYSTEM}/Processors", f"{SYSTEM}/Memory"
        yield collection(cpus, "Processor", [f"{cpus}/CPU1"])
        cpu: Resource = {"ProcessorType": "CPU", "InstructionSet": "x86-64", "TotalCores": spec.cpus}
        yield _resource(
            f"{cpus}/CPU1", "Processor.v1_19_0.Processor", "CPU", {**cpu, "Model": "Twin CPU", "Status": _OK}
        )
        yield collection(dimms, "Memory", [f"{dimms}/DIMM1"])
        dimm: Resource = {"CapacityMiB": spec.memory_mib, "MemoryDeviceType": "DDR5", "Status": _OK}
        yield _resource(f"{dimms}/DIMM1", "Memory.v1_19_0.Memory", "DIMM", dimm)

    def _storage(self) -> Iterator[Resource]:
        disks = self._machine.disks
        path = f"{SYSTEM}/Storage"
        drives = [f"{path}/1/Drives/{number + 1}" for number in range(len(disks))]
        yield collection(path, "Storage", [f"{path}/1"])
        rest: Resource = {"Drives": [link(drive) for drive in drives], "Drives@odata.count": len(drives), "Status": _OK}
        yield _resource(f"{path}/1", "Storage.v1_15_0.Storage", "Storage", rest)
        for drive, disk in zip(drives, disks, strict=True):
            told: Resource = {
                "SerialNumber": disk.serial,
                "CapacityBytes": disk.bytes,
                "MediaType": "SSD",
                "Protocol": "SAS",
                "Model": "TWIN DISK",
                "Status": _OK,
            }
            yield _resource(drive, "Drive.v1_18_0.Drive", "Drive", told)

    def _enclosure(self) -> Iterator[Resource]:
        yield collection(f"{ROOT}/Managers", "Manager", [MANAGER])
        links: Resource = {"Links": {"ManagerForServers": [link(SYSTEM)], "ManagerForChassis": [link(CHASSIS)]}}
        manager: Resource = {"ManagerType": "BMC", "FirmwareVersion": "1.0.0", "Model": "Twin BMC", "Status": _OK}
        yield _resource(MANAGER, "Manager.v1_19_1.Manager", "Manager", manager | links)
        yield collection(f"{ROOT}/Chassis", "Chassis", [CHASSIS])
        serial: Resource = {"ChassisType": "RackMount", "SerialNumber": self._machine.spec.serial, "Status": _OK}
        within: Resource = {"Links": {"ComputerSystems": [link(SYSTEM)], "ManagedBy": [link(MANAGER)]}}
        yield _resource(CHASSIS, "Chassis.v1_25_0.Chassis", "Chassis", serial | within)
        path = f"{ROOT}/UpdateService"
        inventory = f"{path}/FirmwareInventory"
        update: Resource = {"ServiceEnabled": True, "FirmwareInventory": link(inventory), "Status": _OK}
        yield _resource(path, "UpdateService.v1_13_0.UpdateService", "Update", update)
        yield collection(inventory, "SoftwareInventory", [f"{inventory}/BMC", f"{inventory}/BIOS"])
        for item in ("BMC", "BIOS"):
            told: Resource = {"Version": "1.0.0", "Updateable": False, "Status": _OK}
            yield _resource(f"{inventory}/{item}", "SoftwareInventory.v1_10_2.SoftwareInventory", item, told)
