"""The twin file: what the pretend rack is made of, whatever the inventory says about it."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from drivers.virtual import rackfile
from drivers.virtual.rackfile import Document, Keys, parse
from drivers.virtual.twin import faults, quirks
from drivers.virtual.twin.faults import Fault, Strike
from drivers.virtual.twin.form import BesideTheFile, Model
from drivers.virtual.twin.switch.spec import SwitchSpec
from inventory.address import Endpoint, EndpointField, HostPortField, MacField, Name
from inventory.errors import BadInventory, Problem

_NAMESPACE = UUID("5f0b1c56-5d5c-4f6e-9d7e-3c1f3a3c9b11")


def _fault(told: object) -> object:
    return faults.parse(str(told)) if not isinstance(told, Fault | Strike) else told


def _quirk(told: object) -> object:
    return quirks.number(str(told))


AnyFault = Annotated[Fault | Strike, BeforeValidator(_fault), PlainSerializer(str, return_type=str)]
Quirk = Annotated[int, BeforeValidator(_quirk)]
PersonalityName = Literal["idrac", "ilo", "supermicro", "xcc", "openbmc", "megarac", "generic"]


class BmcSpec(Model):
    protocol: Literal["redfish", "ipmi"] = "redfish"
    address: HostPortField = Field(description="HOST:PORT on loopback; any of 127.0.0.0/8 needs no set-up.")
    user: str
    password: str | None = Field(default=None, repr=False)
    password_file: BesideTheFile | None = None
    expired: bool = Field(default=False, description="Its login is good for nothing but setting a new password.")
    sessions: int = Field(default=8, ge=1, description="How many Redfish or RMCP+ sessions it holds at one time.")
    tree: BesideTheFile | None = Field(
        default=None, description="A capture (directory or .tar.xz) to read from; power and boot come from the twin."
    )

    personality: PersonalityName | None = Field(
        default=None, description="Whose BMC it is like; without it generic, or as the capture shows."
    )
    suites: tuple[Literal[17, 3], ...] = Field(
        default=(17, 3), min_length=1, description="RMCP+ cipher suites, best first."
    )

    @model_validator(mode="after")
    def _one_password(self) -> "BmcSpec":
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give either password or password_file")
        if self.address.port is None:
            raise ValueError(f"{self.address} has no port; a twin without root needs HOST:PORT")
        return self


class NicSpec(Model):
    mac: MacField
    address: IPv4Address | None = Field(default=None, description="On loopback, as DHCP would give it.")
    cable: EndpointField | None = Field(default=None, description="SWITCH:PORT where the cable truly ends.")
    network: Name | None = Field(default=None, description="The layer-2 network that the cable leads to.")


class DiskSpec(Model):
    serial: str
    gib: int = Field(ge=1)
    content: Literal["blank", "data"] = Field(
        default="blank", description="data: a GPT with one ext4 file system, and blocks that are not zero."
    )
    label: str | None = Field(default=None, description="The label of that file system.")
    foreign: bool = Field(
        default=False, description="Another controller's configuration lies on it: the host sees none."
    )


class VolumeSpec(Model):
    """A volume that is there from the beginning; `drives` are serial numbers of disks."""

    name: str
    raid: Literal["RAID0", "RAID1", "RAID5", "RAID6", "RAID10"]
    drives: tuple[str, ...] = Field(min_length=1)
    content: Literal["blank", "data"] = "blank"


class MachineSpec(Model):
    name: Name
    serial: str
    uuid: UUID | None = None
    firmware: Literal["bios", "uefi"] = "uefi"
    bmc: BmcSpec
    nics: tuple[NicSpec, ...] = Field(min_length=1)
    disks: tuple[DiskSpec, ...] = ()
    memory_mib: int = Field(default=65536, ge=256)
    cpus: int = Field(default=32, ge=1)
    volumes: tuple[VolumeSpec, ...] = ()
    faults: tuple[AnyFault, ...] = ()
    quirks: tuple[Quirk, ...] = ()

    @model_validator(mode="after")
    def _drives_are_there(self) -> "MachineSpec":
        used = [serial for volume in self.volumes for serial in volume.drives]
        strange = set(used) - {disk.serial for disk in self.disks if not disk.foreign}
        if strange or len(used) != len(set(used)):
            raise ValueError(
                f"a volume's drives are serials of disks, each in one volume: {', '.join(sorted(strange or used))}"
            )
        return self

    @property
    def system_uuid(self) -> UUID:
        """The SMBIOS UUID: the given one, or one that follows from the serial number."""
        return self.uuid or uuid5(_NAMESPACE, self.serial)


class NetworkSpec(Model):
    """What a layer-2 network answers by itself, and the largest IP packet that its switches carry.

    `vlan`: of its frames on the switches that are driven.
    """

    vlan: int | None = Field(default=None, ge=1, le=4094)
    gateway: IPv4Address | None = None
    mtu: int = Field(default=9216, ge=1280, le=9216)


class BootSpec(Model):
    http: str = Field(description="The boot script's URL as DHCP would give it; {mac} stands for the NIC's MAC.")


class TwinSpec(Model):
    kind: Literal["twin"] = "twin"
    name: Name
    speed: float = Field(default=1.0, ge=0, description="1: real lags; 100: a hundredth of them; 0: none.")
    boot: BootSpec
    admin: HostPortField | None = Field(
        default=None, description="Counters and faults as JSON; without it a free port of 127.0.0.1."
    )
    ssh_port: int = Field(default=22022, ge=1, le=65535)
    networks: dict[Name, NetworkSpec] = Field(default_factory=dict)
    switches: tuple[SwitchSpec, ...] = ()
    machines: tuple[MachineSpec, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> "TwinSpec":
        if not self.machines and not self.switches:
            raise ValueError("a rack has machines or switches")
        return self


def load(path: Path) -> TwinSpec:
    """Read a twin file; paths in it start at its directory. `BadInventory` with file and line of every fault."""
    return read(rackfile.read(path))


def read(document: Document) -> TwinSpec:
    """`BadInventory` with every fault of the fields at once, or with the identities that two machines share."""
    spec = parse(document, TwinSpec)
    problems = [
        Problem(document.place(keys), f"two have the {what} {value}", "change one of them")
        for what, value, keys in _shared(spec)
    ]
    problems += [
        Problem(document.place(keys), f"it leads to the driven switch {switch}", "name its network, one with a vlan")
        for switch, keys in _nameless(spec)
    ]
    problems += [
        Problem(document.place(keys), f"the switch {end.device} has no port {end.port}", "name one of its ports")
        for end, keys in _astray(spec)
    ]
    if problems:
        raise BadInventory(tuple(sorted(problems)))
    return spec


def _astray(spec: TwinSpec) -> Iterator[tuple[Endpoint, Keys]]:
    """Cable ends at a driven switch that does not have the port, and where they stand."""
    ports = {switch.name: switch.ports for switch in spec.switches}
    for index, machine in enumerate(spec.machines):
        for number, nic in enumerate(machine.nics):
            if nic.cable is not None and nic.cable.port not in ports.get(nic.cable.device, (nic.cable.port,)):
                yield nic.cable, ("machines", index, "nics", number, "cable")


def _nameless(spec: TwinSpec) -> Iterator[tuple[str, Keys]]:
    """NICs with an address at a driven switch whose VLAN is not told, and where they stand."""
    driven = {switch.name for switch in spec.switches}
    for index, machine in enumerate(spec.machines):
        for number, nic in enumerate(machine.nics):
            if nic.address is None or nic.cable is None or nic.cable.device not in driven:
                continue
            if nic.network is None or spec.networks.get(nic.network, NetworkSpec()).vlan is None:
                yield nic.cable.device, ("machines", index, "nics", number, "network")


def _shared(spec: TwinSpec) -> Iterator[tuple[str, str, Keys]]:
    """What only one may have and two have: what it is, the value, and where the second one stands."""
    seen: set[tuple[str, str]] = set()
    for what, value, keys in _identities(spec):
        if (what, value) in seen:
            yield what, value, keys
        seen.add((what, value))


def _identities(spec: TwinSpec) -> Iterator[tuple[str, str, Keys]]:
    for index, switch in enumerate(spec.switches):
        yield "name", switch.name, ("switches", index, "name")
        yield "management address", str(switch.address), ("switches", index, "address")
    for index, machine in enumerate(spec.machines):
        here: Keys = ("machines", index)
        yield "name", machine.name, (*here, "name")
        yield "serial", machine.serial, (*here, "serial")
        yield f"{machine.bmc.protocol} address", str(machine.bmc.address), (*here, "bmc", "address")
        for number, nic in enumerate(machine.nics):
            there: Keys = (*here, "nics", number)
            yield "MAC", nic.mac, (*there, "mac")
            if nic.address is not None:
                yield "address", str(nic.address), (*there, "address")
            if nic.cable is not None:
                yield "cable end", str(nic.cable), (*there, "cable")


def password(bmc: BmcSpec) -> str:
    """`OSError` where its file cannot be read."""
    if bmc.password_file is not None:
        return bmc.password_file.read_text().rstrip("\n")
    return bmc.password or ""
