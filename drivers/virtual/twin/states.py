"""What a simulated machine can be in, and the records of what was done to it."""

from dataclasses import dataclass
from enum import StrEnum


class Power(StrEnum):
    """The values of Redfish's Resource.PowerState."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"


class Stage(StrEnum):
    """What a machine is about."""

    OFF = "off"
    POST = "post"
    NETBOOT = "netboot"
    AGENT = "agent"
    OS = "os"
    HUNG = "hung"  # nothing to boot, or what was booted does not come up


class Target(StrEnum):
    """Where an override boots from, in Redfish's words."""

    NONE = "None"
    PXE = "Pxe"
    DISK = "Hdd"
    SETUP = "BiosSetup"
    CD = "Cd"
    USB_CD = "UsbCd"
    USB = "Usb"
    HTTP = "UefiHttp"
    UEFI = "UefiTarget"
    FLOPPY = "Floppy"
    SD_CARD = "SDCard"
    SHELL = "UefiShell"
    NEXT = "UefiBootNext"
    REMOTE = "RemoteDrive"
    UTILITIES = "Utilities"
    DIAGNOSTICS = "Diags"
    RECOVERY = "Recovery"


class Lasts(StrEnum):
    DISABLED = "Disabled"
    ONCE = "Once"
    CONTINUOUS = "Continuous"


@dataclass(frozen=True)
class Override:
    """The boot override. `mode` is UEFI or Legacy; `expires` is a monotonic time, IPMI's only."""

    lasts: Lasts
    target: Target
    mode: str
    expires: float | None = None


@dataclass(frozen=True)
class Write:
    """Something asked of a BMC that changes a machine. `via` is redfish or ipmi; `path` is a resource's."""

    at: float
    via: str
    says: str
    path: str = ""


@dataclass(frozen=True)
class Entry:
    """A line of the BMC's event log."""

    number: int
    at: float
    severity: str
    says: str


@dataclass(frozen=True)
class Work:
    """An agent's erasure or installation, counted when it takes effect."""

    at: float
    says: str
