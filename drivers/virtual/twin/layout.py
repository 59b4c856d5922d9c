"""Where the resources of a simulated service are, by its personality."""

from drivers.virtual.twin.personality import Personality

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
ACCOUNTS = f"{ROOT}/AccountService"
UPDATES = f"{ROOT}/UpdateService"
INVENTORY = f"{UPDATES}/FirmwareInventory"
TASKS = f"{ROOT}/TaskService/Tasks"
MONITORS = f"{ROOT}/TaskService/TaskMonitors"
EVENTS = f"{ROOT}/EventService"
CERTIFICATES = f"{ROOT}/CertificateService"
REGISTRIES = f"{ROOT}/Registries"


class Layout:
    """Paths as the BMC spells them."""

    def __init__(self, personality: Personality) -> None:
        names, firmware = personality.names, personality.firmware
        self.personality = personality
        self.system = f"{ROOT}/Systems/{names.system}"
        self.manager = f"{ROOT}/Managers/{names.manager}"
        self.chassis = f"{ROOT}/Chassis/{names.chassis}"
        below = self.system.lower() if personality.caseless else self.system
        self.bios = f"{below}/{firmware.bios}"
        self.bios_settings = f"{below}/{firmware.settings}"
        self.registry = f"{self.bios}/BiosRegistry" if firmware.jobs else f"{ROOT}/RegistryStore/{firmware.registry}"
        self.storage = f"{self.system}/Storage"
        self.controller = f"{self.storage}/{names.controller}"
        self.nics = f"{self.system}/EthernetInterfaces"
        self.media = f"{self.manager if personality.media.under == 'manager' else self.system}/VirtualMedia"
        self.jobs = f"{self.manager}/Oem/Dell/Jobs"
        self.raid_actions = f"{self.system}/Oem/Dell/DellRaidService"
        self.lifecycle = f"{self.manager}/Oem/Dell/DellLCService"
        self.adapters = f"{self.chassis}/NetworkAdapters"

    def drive(self, number: int) -> str:
        return f"{self.controller}/Drives/{number}"
