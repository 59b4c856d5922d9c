"""What the agent found in its machine. Every scalar may be missing; what cannot be read is left out, never guessed."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from inventory.address import Mac
from orchestrator.agent import lldp

TEXT = 256
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")  # domain:bus:device.function, sysfs-pci.rst
T = TypeVar("T")


def _text(value: object) -> str | None:
    """Printable text of sane length; serial numbers come padded with blanks."""
    if not isinstance(value, str):
        return None
    return "".join(letter for letter in value[:TEXT] if letter.isprintable()).strip() or None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


Text = Annotated[str | None, BeforeValidator(_text)]
Whole = Annotated[int | None, BeforeValidator(_whole)]


class _Told(BaseModel):
    """From the wire: frozen, and keys that are new to us are no error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class InspectedNic(_Told):
    """`neighbour` is None where the wire was silent, or nobody `listened`. `pci_address`: of the function that it is,
    None for what is on no PCI bus. `speed_mbps`: the most that the port can do, where that is told."""

    name: str
    mac: Mac
    carrier: bool | None = None
    speed_mbps: Whole = None
    pci_address: str | None = None
    address: Text = None
    neighbour: lldp.Neighbour | None = None
    listened: bool = False

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class InspectedDisk(_Told):
    """A whole disk, by the kernel's name (`/dev/sda`); `bytes` is its size."""

    name: str
    serial: Text = None
    wwn: Text = None
    model: Text = None
    bytes: Whole = Field(default=None, validation_alias="size")
    rotational: bool | None = None


class Partition(_Told):
    number: int
    start_bytes: Whole = None
    bytes: int = 0
    type: Text = None
    label: Text = None
    fs: Text = None
    fs_label: Text = None
    fs_uuid: Text = None


class Signature(_Told):
    """A magic number known to wipefs, `offset` bytes from the start."""

    offset: int
    type: Text = None
    label: Text = None
    uuid: Text = None


class DiskReport(_Told):
    """What our plug-in of the ramdisk read on a disk. With an `error` it was not read, or not wholly.

    Strict where the others are lenient: an unreadable table must never pass for no table.
    """

    name: str
    serial: Text = None
    wwn: Text = None
    bytes: int
    table: str | None
    partitions: tuple[Partition, ...]
    signatures: tuple[Signature, ...]
    sampled_bytes: int
    nonzero_samples: int
    error: str | None = None

    @property
    def clean(self) -> bool:
        """It was read, and there is neither a table nor a signature."""
        return not (self.table or self.partitions or self.signatures or self.error) and self.sampled_bytes > 0

    @property
    def empty(self) -> bool:
        """Proven empty: clean, and all samples of its content are zero."""
        return self.clean and self.nonzero_samples == 0


class CanaryReport(_Told):
    """Of one disk: how many canaries were written or looked for, and how many of them are there."""

    name: str
    serial: Text = None
    planted: int
    kept: int
    error: str | None = None

    @property
    def ident(self) -> str:
        return self.serial or self.name


class Inspection(_Told):
    """`disk_reports` is None where the ramdisk has not our plug-in. `problems` are the collectors' own words."""

    serial: str | None
    manufacturer: str | None
    product: str | None
    firmware: str | None
    boot_mode: Literal["bios", "uefi"] | None
    cpus: int | None
    architecture: str | None
    memory_mib: int | None
    boot_mac: Mac | None
    nics: tuple[InspectedNic, ...]
    disks: tuple[InspectedDisk, ...]
    disk_reports: tuple[DiskReport, ...] | None
    problems: str | None

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    @classmethod
    def parse(cls, document: object) -> Self:
        """From the body of `continue_inspection`. Never raises: nonsense gives an inspection that knows nothing."""
        body = _object(document)
        inventory = _object(body.get("inventory"))
        vendor = _object(inventory.get("system_vendor"))
        boot = _object(inventory.get("boot"))
        mode = boot.get("current_boot_mode")
        cpu = _object(inventory.get("cpu"))
        memory = _object(inventory.get("memory"))
        return cls(
            serial=_text(vendor.get("serial_number")),
            manufacturer=_text(vendor.get("manufacturer")),
            product=_text(vendor.get("product_name")),
            firmware=_firmware(_object(vendor.get("firmware"))),
            boot_mode=mode if mode in ("bios", "uefi") else None,
            cpus=_whole(cpu.get("count")),
            architecture=_text(cpu.get("architecture")),
            memory_mib=_memory(memory),
            boot_mac=_boot_mac(body.get("boot_interface") or boot.get("pxe_interface")),
            nics=_nics(inventory.get("interfaces"), _object(body.get("lldp_raw"))),
            disks=_each(inventory.get("disks"), InspectedDisk.model_validate),
            disk_reports=disk_reports(body["anneal_disks"]) if "anneal_disks" in body else None,
            problems=_text(body.get("error")),
        )


def disk_reports(told: object) -> tuple[DiskReport, ...]:
    """The plug-in's reports, alone or in a clean step's result.

    One that cannot be read stays, with an error, so that no disk goes unnoticed.
    """
    reports = told.get("clean_result") if isinstance(told, dict) else told
    return tuple(_report(one) for one in reports) if isinstance(reports, list) else ()


def macs(document: object) -> frozenset[Mac]:
    """The MACs of all the NICs that an inspection names."""
    interfaces = _object(_object(document).get("inventory")).get("interfaces")
    return frozenset(nic.mac for nic in _nics(interfaces, {}))


def _report(told: object) -> DiskReport:
    try:
        return DiskReport.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        name = _text(_object(told).get("name")) or "a disk without a name"
        says = f"its report cannot be read: {where}: {first['msg']}"
        unread = {
            "bytes": 0,
            "table": None,
            "partitions": (),
            "signatures": (),
            "sampled_bytes": 0,
            "nonzero_samples": 0,
        }
        return DiskReport.model_validate({"name": name, "error": says, **unread})


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _each(told: object, read: Callable[[object], T]) -> tuple[T, ...]:
    """All that can be read of a list."""
    found = []
    for one in told if isinstance(told, list) else ():
        try:
            found.append(read(one))
        except ValueError:
            continue
    return tuple(found)


def _nics(interfaces: object, heard: Mapping[str, object]) -> tuple[InspectedNic, ...]:
    def read(one: object) -> InspectedNic:
        told = _object(one)
        name = _text(told.get("name")) or ""
        carrier = told.get("has_carrier")
        frames = heard.get(name) or told.get("lldp")
        return InspectedNic(
            name=name,
            mac=Mac(str(told.get("mac_address"))),
            carrier=carrier if isinstance(carrier, bool) else None,
            speed_mbps=_whole(told.get("speed_mbps")),
            pci_address=_pci(told.get("pci_address")),
            address=_text(told.get("ipv4_address")),
            neighbour=lldp.neighbour(frames),
            listened=frames is not None or name in heard,
        )

    return _each(interfaces, read)


def _pci(told: object) -> str | None:
    """IPA gives the name of whatever bus the device is on: `virtio1` is no place that outlasts a boot."""
    text = (_text(told) or "").lower()
    return text if _PCI.fullmatch(text) else None


def _firmware(told: Mapping[str, object]) -> str | None:
    words = (_text(told.get(key)) for key in ("vendor", "version", "build_date"))
    return " ".join(word for word in words if word) or None


def _memory(told: Mapping[str, object]) -> int | None:
    """MiB plugged in; where that is not known, what the kernel has of it."""
    total = _whole(told.get("total"))
    return _whole(told.get("physical_mb")) or (total >> 20 if total else None)


def _boot_mac(told: object) -> Mac | None:
    """From pxelinux's BOOTIF: the hardware type, a hyphen, the MAC (`01-52-54-00-77-00-01`)."""
    text = _text(told) or ""
    found: Sequence[Mac] = _each([text.partition("-")[2]], lambda one: Mac(str(one)))
    return found[0] if found else None
