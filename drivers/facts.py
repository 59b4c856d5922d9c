"""What hardware told us. Unknown is None and, where it was asked for, a Finding; never a guess."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from inventory.address import Mac


class PowerState(StrEnum):
    ON = "on"
    OFF = "off"
    CHANGING = "changing"  # PoweringOn, PoweringOff, Reset: neither holds yet
    UNKNOWN = "unknown"


BootMode = Literal["uefi", "bios"]


class BootTarget(StrEnum):
    PXE = "pxe"
    DISK = "disk"
    CD = "cd"  # a virtual one as well
    HTTP = "http"  # UEFI HTTP boot
    NONE = "none"


@dataclass(frozen=True)
class Finding:
    """Something odd that did not stop us. `code` is stable; `path` is where in the tree; `says` is for people."""

    code: str
    path: str
    says: str


@dataclass(frozen=True)
class Identity:
    vendor: str | None
    model: str | None
    serial: str | None
    uuid: str | None
    bmc_family: str | None
    bmc_version: str | None


@dataclass(frozen=True)
class Boot:
    """The override as read back. `once` is None where the BMC does not say."""

    target: BootTarget | None
    once: bool | None
    mode: BootMode | None


@dataclass(frozen=True)
class NicFact:
    mac: Mac
    speed_mbps: int | None
    link: bool | None
    source: str  # the path in the tree that told us


@dataclass(frozen=True)
class Drive:
    id: str
    bytes: int | None
    media: str | None  # "SSD" | "HDD" | ...
    protocol: str | None  # "NVMe" | "SAS" | "SATA" | ...
    serial: str | None


@dataclass(frozen=True)
class FirmwareItem:
    component: str
    version: str | None


@dataclass(frozen=True)
class HardwareFacts:
    """One read of one machine, out of band."""

    identity: Identity
    power: PowerState
    processors: int | None
    memory_mib: int | None
    health: str | None  # "OK" | "Warning" | "Critical"
    nics: tuple[NicFact, ...] = ()
    drives: tuple[Drive, ...] = ()
    firmware: tuple[FirmwareItem, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
