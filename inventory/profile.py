"""A kind of machine: how it is told from others, and what is to be set on its BMC, firmware, boot, BIOS and RAID."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from inventory.address import Host, Name
from inventory.form import Model
from inventory.quantity import Size

RaidType = Literal["RAID0", "RAID1", "RAID5", "RAID6", "RAID10", "RAID50", "RAID60"]
ControllerMode = Literal["RAID", "HBA", "EnhancedHBA", "Mixed"]
# SNIA DDF 2.0, 4.2.1: the drives without which a level cannot be.
FEWEST_DRIVES: Mapping[str, int] = MappingProxyType(
    {"RAID0": 1, "RAID1": 2, "RAID5": 3, "RAID6": 4, "RAID10": 4, "RAID50": 6, "RAID60": 8}
)

Glob = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[StrictInt, Field(ge=0)]
Bytes = Annotated[Size, PlainSerializer(lambda number: f"{number}B")]


def _setting(value: object) -> str | int | bool:
    if isinstance(value, str | int):  # bool is an int
        return value
    raise ValueError("must be text, a whole number, true or false; quote it where it is text")


BiosValue = Annotated[
    str | int | bool, PlainValidator(_setting), WithJsonSchema({"type": ["string", "integer", "boolean"]})
]
Attribute = Annotated[str, Field(pattern="^[A-Za-z0-9_.:-]{1,200}$")]


class Between(Model):
    """Both ends count; one that is not given is open."""

    min: Count | None = None
    max: Count | None = None

    def holds(self, number: int) -> bool:
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)


class SizeBetween(Model):
    """As `Between`, in bytes with their unit."""

    min: Bytes | None = None
    max: Bytes | None = None

    def holds(self, number: int) -> bool:
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)


class Term(Model):
    """One thing that a machine may show, and what it counts. Text is a glob, in any case: `PowerEdge R7*`."""

    vendor: Glob | None = None
    model: Glob | None = None
    serial: Glob | None = None
    bmc_family: Glob | None = Field(default=None, description="What the BMC calls itself, as `iLO 5`.")
    node: Glob | None = Field(default=None, description="The node's name.")
    rack: Glob | None = None
    group: Glob | None = None
    processors: Between | None = None
    memory: SizeBetween | None = None
    drives: Between | None = Field(default=None, description="How many the BMC lists.")
    score: StrictInt = Field(default=1, ge=1, le=1000)
    must: StrictBool = Field(default=False, description="Without this the profile is out.")

    @model_validator(mode="after")
    def _one(self) -> "Term":
        if len(self.asks) != 1:
            raise ValueError("a term looks for one thing; write each as a term of its own, with its score")
        return self

    @property
    def asks(self) -> dict[str, "str | Between | SizeBetween"]:
        """What it looks for, by key."""
        keys = set(type(self).model_fields) - {"score", "must"}
        return {key: value for key, value in self if key in keys and value is not None}


class BmcWanted(Model):
    """What is to hold of the management controller itself."""

    ntp: tuple[Host, ...] = Field(default=(), description="Its time servers, and no others.")
    user: str | None = Field(
        default=None, min_length=1, max_length=16, description="The account that Anneal uses from then on."
    )
    password: Literal["rotate", "keep"] = Field(default="keep", description="rotate: one of its own, made here.")
    dead_defaults: StrictBool = Field(default=False, description="The logins it left the factory with are refused.")
    ipmi: Literal["on", "off"] | None = Field(default=None, description="IPMI over LAN.")


class BootWanted(Model):
    """How a host is to start. `mode` is the node's `boot_mode`; here it is checked against that."""

    mode: Literal["uefi", "bios"] | None = None
    secure_boot: StrictBool | None = None
    order: tuple[Glob, ...] = Field(default=(), description="Boot options by name or id, the first first.")


class FirmwareWanted(Model):
    """One component's version, and the package that brings it."""

    component: Glob = Field(description="Its name in the BMC's firmware inventory.")
    min: str | None = Field(default=None, min_length=1, description="This version or a later one.")
    exact: str | None = Field(default=None, min_length=1, description="This version and no other.")
    package: str = Field(min_length=1, description="The file, from the site's directory.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of that file; any other is never sent.")
    fence: StrictBool = Field(default=False, description="It must be in force before what follows is begun.")

    @model_validator(mode="after")
    def _one(self) -> "FirmwareWanted":
        if (self.min is None) == (self.exact is None):
            raise ValueError("the version is not told, or told twice; write either min: or exact:")
        return self


class DrivesWanted(Model):
    """Which drives a volume is made of: so many of a kind, or just these."""

    count: StrictInt | None = Field(default=None, ge=1)
    serials: tuple[str, ...] = ()
    media: Literal["SSD", "HDD"] | None = None
    protocol: Literal["NVMe", "SAS", "SATA"] | None = None
    min_bytes: Bytes | None = Field(default=None, description="No drive smaller than this.")

    @model_validator(mode="after")
    def _one(self) -> "DrivesWanted":
        if (self.count is None) == (not self.serials):
            raise ValueError("the drives are not told, or told twice; write either count: or serials:")
        return self

    @property
    def number(self) -> int:
        return self.count if self.count is not None else len(self.serials)


class RaidVolume(Model):
    """A volume of a RAID controller."""

    name: str = Field(pattern="^[A-Za-z0-9_-]{1,15}$", description="15 characters at most: more is cut by some.")
    controller: Glob = Field(default="*", description="Its name or the last part of its path.")
    type: RaidType
    drives: DrivesWanted
    bytes: Bytes | None = Field(default=None, description="All there is room for, where it is not given.")


class RaidController(Model):
    """What a RAID controller is to be before volumes are made at it."""

    controller: Glob = Field(default="*", description="Its name or the last part of its path.")
    mode: ControllerMode | None = Field(
        default=None, description="HBA shows drives to the host as they are; EnhancedHBA and Mixed do both."
    )
    foreign: Literal["clear", "keep"] = Field(
        default="keep", description="clear: what another controller wrote on its drives is destroyed, with consent."
    )

    @model_validator(mode="after")
    def _something(self) -> "RaidController":
        if self.mode is None and self.foreign == "keep":
            raise ValueError("nothing is asked of this controller; write mode: or foreign: clear, or take it out")
        return self


_VOLUMES = TypeAdapter(tuple[RaidVolume, ...])


def _short(told: object) -> object:
    """A list alone is one of volumes. `ValidationError` as it stands where such a list is at fault."""
    if isinstance(told, list | tuple):
        return RaidWanted(volumes=_VOLUMES.validate_python(told)) if told else None
    return told


class RaidWanted(Model):
    """Controllers first, by the first entry whose glob fits each; then volumes."""

    controllers: tuple[RaidController, ...] = ()
    volumes: tuple[RaidVolume, ...] = ()


class Profile(Model):
    """Settings shared by machines of one make; a node names its profile, or `match` finds it."""

    name: Name
    says: str = ""
    match: tuple[Term, ...] = ()
    port_order: tuple[Glob, ...] = Field(
        default=(), description="PCI addresses by globs: ports come in this order, and others after them in theirs."
    )
    bmc: BmcWanted | None = None
    boot: BootWanted | None = None
    bios: Mapping[Attribute, BiosValue] = Field(default_factory=dict, description="By the vendor's attribute names.")
    firmware: tuple[FirmwareWanted, ...] = Field(default=(), description="In the order in which they are brought.")
    raid: Annotated[
        RaidWanted | None,
        BeforeValidator(_short, json_schema_input_type=tuple[RaidVolume, ...] | RaidWanted | None),
    ] = Field(default=None, description="Controllers and volumes; a list alone is one of volumes.")
