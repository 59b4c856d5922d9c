"""How the BMCs of the vendors differ: names, places and manners, as data over one behaviour.

What a BMC does that the specification does not foresee is told by quirk numbers; each can be switched by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

_RESETS = ("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "ForceOn", "PowerCycle", "Nmi")
_TARGETS = ("None", "Pxe", "Hdd", "Cd", "Usb", "UefiHttp", "BiosSetup")
UpdateMethod = Literal["simple", "push", "multipart"]
Accounts = Literal["collection", "slots", "names"]


@dataclass(frozen=True)
class Names:
    """What it says of itself, and the ids of its members."""

    vendor: str = "Twin"
    manufacturer: str = "Twin"
    model: str = "Twin server"
    bmc_model: str = "Twin BMC"
    product: str = "Twin server"
    system: str = "1"
    manager: str = "1"
    chassis: str = "1"
    controller: str = "1"
    bios_version: str = "1.0.0"
    bmc_version: str = "1.0.0"


@dataclass(frozen=True)
class Firmware:
    """BIOS and updates. `bios` and `settings` are below the system's path, as the BMC spells them."""

    bios: str = "Bios"
    settings: str = "Bios/Settings"
    registry: str = "BiosAttributeRegistryTwin.v1_0_0"
    attributes: bool = True  # False: Bios is there, and has none
    pending: Literal["changed", "all", "absent"] = "changed"  # of Attributes where nothing is pending
    apply_times: tuple[str, ...] = ()
    jobs: bool = False  # Dell's queue beside the tasks
    updates: tuple[UpdateMethod, ...] = ("simple", "push", "multipart")
    push: str = "/redfish/v1/UpdateService/update"
    multipart: str = "/redfish/v1/UpdateService/upload"
    versioned_ids: bool = False  # inventory members are named by their version


@dataclass(frozen=True)
class Media:
    under: Literal["manager", "system"] = "manager"
    slots: tuple[tuple[str, tuple[str, ...]], ...] = (("CD1", ("CD", "DVD")), ("USB1", ("USBStick",)))
    target: str = "Cd"


@dataclass(frozen=True)
class Users:
    """`reserved` slots cannot be used; `first` is where the twin file's user is."""

    kind: Accounts = "collection"
    slots: int = 16
    reserved: tuple[int, ...] = ()
    first: int = 1
    shortest: int = 8
    longest: int = 20
    factory: tuple[str, str] = ("admin", "admin")
    lockout: int = 0  # wrong logins in a row; 0: never
    lockout_seconds: int = 30


@dataclass(frozen=True)
class Personality:
    name: str
    names: Names = Names()
    firmware: Firmware = Firmware()
    media: Media = Media()
    users: Users = Users()
    resets: tuple[str, ...] = _RESETS
    manager_resets: tuple[str, ...] = ("GracefulRestart", "ForceRestart")
    targets: tuple[str, ...] = _TARGETS
    already: int = 400  # with quirk 18
    weak_tags: bool = False
    no_match: int = 428  # PATCH without If-Match, with quirk 33
    expand_levels: int = 0  # 0: no $expand
    caseless: bool = False  # paths in any case
    session_limit: tuple[str, str] = ("Base", "SessionLimitExceeded")
    raid_modes: tuple[str, ...] = ()  # of Dell's controllers
    quirks: frozenset[int] = field(default_factory=frozenset)


GENERIC = Personality("generic", expand_levels=6)
_CD = (("CD", ("CD", "DVD")), ("RemovableDisk", ("USBStick",)))
PERSONALITIES: Mapping[str, Personality] = MappingProxyType(
    {
        "generic": GENERIC,
        "idrac": Personality(
            "idrac",
            Names(
                "Dell",
                "Dell Inc.",
                "PowerEdge T-WIN",
                "15G Monolithic",
                "Integrated Dell Remote Access Controller",
                "System.Embedded.1",
                "iDRAC.Embedded.1",
                "System.Embedded.1",
                "RAID.Integrated.1-1",
                "1.8.2",
                "6.00.30.00",
            ),
            Firmware(
                registry="BiosAttributeRegistry.v1_0_0",
                apply_times=("OnReset", "AtMaintenanceWindowStart", "InMaintenanceWindowOnReset"),
                jobs=True,
                push="/redfish/v1/UpdateService/FirmwareInventory",
                multipart="/redfish/v1/UpdateService/MultipartUpload",
                versioned_ids=True,
            ),
            Media(slots=_CD),
            Users("slots", 16, (1,), 2, 0, 40, ("root", "calvin")),
            resets=(
                "On",
                "ForceOff",
                "ForceRestart",
                "GracefulRestart",
                "GracefulShutdown",
                "PushPowerButton",
                "Nmi",
                "PowerCycle",
            ),
            manager_resets=("GracefulRestart",),
            targets=(
                "None",
                "Pxe",
                "Floppy",
                "Cd",
                "Hdd",
                "BiosSetup",
                "Utilities",
                "UefiTarget",
                "SDCard",
                "UefiHttp",
            ),
            already=409,
            expand_levels=1,
            session_limit=("IDRAC.2.5", "RAC0218"),
            raid_modes=("RAID", "HBA", "EnhancedHBA"),
            quirks=frozenset({18, 61, 62, 63, 69}),
        ),
        "ilo": Personality(
            "ilo",
            Names(
                "HPE",
                "HPE",
                "ProLiant T-WIN Gen10",
                "iLO 5",
                "ProLiant T-WIN Gen10",
                controller="DE00C000",
                bios_version="U46 v2.34 (03/11/2025)",
                bmc_version="iLO 5 v3.11",
            ),
            Firmware(
                "bios",
                "bios/settings/",
                "BiosAttributeRegistryU46.v1_2_34",
                pending="all",
                updates=("simple", "push"),
                push="/cgi-bin/uploadFile",
            ),
            Media(slots=(("1", ("Floppy", "USBStick")), ("2", ("CD", "DVD")))),
            Users("collection", 12, (), 1, 8, 39, ("Administrator", "factory-1")),
            resets=("On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "PushPowerButton", "GracefulRestart"),
            manager_resets=("ForceRestart", "GracefulRestart"),
            targets=(
                "None",
                "Cd",
                "Hdd",
                "Usb",
                "SDCard",
                "Utilities",
                "Diags",
                "BiosSetup",
                "Pxe",
                "UefiShell",
                "UefiHttp",
                "UefiTarget",
            ),
            weak_tags=True,
            expand_levels=1,
            caseless=True,
            session_limit=("iLO.2.29", "SessionLimitExceeded"),
            quirks=frozenset({7, 18, 65}),
        ),
        "supermicro": Personality(
            "supermicro",
            Names(
                "Supermicro",
                "Supermicro",
                "SYS-T-WIN",
                "ASPEED",
                "SYS-T-WIN",
                controller="HBA1",
                bios_version="1.4",
                bmc_version="11.01.01",
            ),
            Firmware(
                settings="Bios/SD",
                registry="BiosAttributeRegistry.v1_0_0",
                pending="absent",
                updates=("simple", "multipart"),
            ),
            Media(
                slots=(("VirtualMedia1", ("CD", "DVD", "Floppy", "USBStick")), ("VirtualMedia2", ("CD", "DVD"))),
                target="UsbCd",
            ),
            Users("collection", 10, (), 2, 8, 20, ("ADMIN", "ADMIN"), 3, 30),
            targets=("None", "Pxe", "Floppy", "Cd", "Usb", "Hdd", "BiosSetup", "UsbCd", "UefiBootNext", "UefiHttp"),
            manager_resets=("GracefulRestart",),
            expand_levels=2,
            quirks=frozenset({1, 10, 18, 72, 81}),
        ),
        "xcc": Personality(
            "xcc",
            Names(
                "Lenovo",
                "Lenovo",
                "ThinkSystem T-WIN",
                "Lenovo XClarity Controller",
                "ThinkSystem T-WIN",
                controller="RAID_Slot4",
                bios_version="2.10",
                bmc_version="4.40",
            ),
            Firmware(
                settings="Bios/Pending", registry="BiosAttributeRegistry.1.0.0", updates=("simple", "multipart", "push")
            ),
            Media(slots=(("EXT1", ("CD", "DVD")), ("EXT2", ("USBStick",)), ("RDOC1", ("CD", "DVD")))),
            Users("slots", 12, (), 1, 10, 32, ("USERID", "PASSW0RD"), 5, 60),
            resets=("On", "Nmi", "GracefulShutdown", "GracefulRestart", "ForceOn", "ForceOff", "ForceRestart"),
            targets=("None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Diags", "UefiTarget", "UefiHttp"),
            already=204,
            no_match=412,
            expand_levels=2,
            quirks=frozenset({33, 80}),
        ),
        "openbmc": Personality(
            "openbmc",
            Names(
                "OpenBMC",
                "Twin",
                "Twin OpenBMC server",
                "OpenBmc",
                "OpenBMC",
                "system",
                "bmc",
                "chassis",
                bios_version="",
                bmc_version="2.15.0-dev",
            ),
            Firmware(attributes=False, updates=("push", "multipart"), multipart="/redfish/v1/UpdateService/update"),
            Media(slots=(("Slot_0", ("CD", "USBStick")), ("Slot_1", ("CD", "USBStick")))),
            Users("names", 15, (), 1, 8, 20, ("root", "0penBmc")),
            targets=("None", "Pxe", "Hdd", "Cd", "Diags", "BiosSetup", "Usb"),
            quirks=frozenset({23}),
        ),
        "megarac": Personality(
            "megarac",
            Names(
                "AMI",
                "Twin",
                "Twin MegaRAC server",
                "AMI MegaRAC",
                "AMI Redfish Server",
                "Self",
                "Self",
                "Self",
                bios_version="5.22",
                bmc_version="13.5",
            ),
            Firmware(settings="Bios/SD", registry="BiosAttributeRegistry0ACMC.0.1.0", updates=("simple", "multipart")),
            Media(under="manager", slots=(("CD1", ("CD", "DVD")), ("HD1", ("USBStick",)))),
            Users("collection", 15, (), 1, 8, 20, ("admin", "password")),
            weak_tags=True,
            no_match=428,
            expand_levels=1,
            quirks=frozenset({3, 18, 33, 83}),
        ),
    }
)
