"""The twin file: what the pretend rack is made of, whatever the inventory says about it."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid5

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.virtual.twin.faults import Fault
from inventory.address import EndpointField, HostPort, HostPortField, MacField, Name
from inventory.errors import BadInventory, Place, Problem

_NAMESPACE = UUID("5f0b1c56-5d5c-4f6e-9d7e-3c1f3a3c9b11")


class Model(BaseModel):
    """Frozen; a stray key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BmcSpec(Model):
    protocol: Literal["redfish", "ipmi"] = "redfish"
    address: HostPortField = Field(description="HOST:PORT on loopback; any of 127.0.0.0/8 needs no set-up.")
    user: str
    password: str | None = Field(default=None, repr=False)
    password_file: Path | None = Field(default=None, description="Read from the twin file's directory.")
    sessions: int = Field(default=8, ge=1, description="How many Redfish or RMCP+ sessions it holds at one time.")
    tree: Path | None = Field(
        default=None, description="A capture (directory or .tar.xz) to read from; power and boot come from the twin."
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
    faults: tuple[Fault, ...] = ()

    @property
    def system_uuid(self) -> UUID:
        """The SMBIOS UUID: the given one, or one that follows from the serial number."""
        return self.uuid or uuid5(_NAMESPACE, self.serial)


class NetworkSpec(Model):
    """What a layer-2 network answers by itself, and the largest IP packet that its switches carry."""

    gateway: IPv4Address | None = None
    mtu: int = Field(default=9216, ge=1280, le=9216)


class BootSpec(Model):
    http: str = Field(description="The boot script's URL as DHCP would give it; {mac} stands for the NIC's MAC.")


class TwinSpec(Model):
    kind: Literal["twin"] = "twin"
    name: Name
    speed: float = Field(default=1.0, ge=0, description="1: real lags; 100: a hundredth of them; 0: none.")
    boot: BootSpec
    admin: HostPortField = Field(
        default=HostPort("127.0.0.1", 0), description="Counters and faults as JSON; port 0: any free one."
    )
    ssh_port: int = Field(default=22022, ge=1, le=65535)
    networks: dict[Name, NetworkSpec] = Field(default_factory=dict)
    machines: tuple[MachineSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "TwinSpec":
        for what, values in self._identities():
            seen: set[str] = set()
            for value in values:
                if value in seen:
                    raise ValueError(f"two machines have the {what} {value}")
                seen.add(value)
        return self

    def _identities(self) -> Iterator[tuple[str, list[str]]]:
        nics = [nic for machine in self.machines for nic in machine.nics]
        yield "name", [machine.name for machine in self.machines]
        yield "serial", [machine.serial for machine in self.machines]
        yield "BMC address", [f"{machine.bmc.protocol} {machine.bmc.address}" for machine in self.machines]
        yield "MAC", [nic.mac for nic in nics]
        yield "address", [str(nic.address) for nic in nics if nic.address]
        yield "cable end", [str(nic.cable) for nic in nics if nic.cable]


def load(path: Path) -> TwinSpec:
    """Read a twin file; paths in it start at its directory. `BadInventory` with file and line of every fault."""
    try:
        text = path.read_text()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        told = yaml.safe_load(text)
    except OSError as error:
        raise BadInventory((Problem(Place(str(path), 0), str(error.strerror), "give a twin file"),)) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadInventory((Problem(Place(str(path), line), str(error.problem), "mend the YAML"),)) from error
    try:
        spec = TwinSpec.model_validate(told)
    except ValidationError as error:
        raise BadInventory(tuple(sorted(_problems(path, node, error)))) from error
    return _anchored(spec, path.parent)


def _problems(path: Path, root: yaml.Node | None, error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"]) or "the file"
        says = fault["msg"].removeprefix("Value error, ")
        yield Problem(Place(str(path), _line(root, fault["loc"])), f"{where}: {says}", "see docs/reference/twin.md")


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest part of `location` that the file has."""
    line = 0
    for part in location:
        if node is None:
            break
        line = node.start_mark.line + 1
        step = _child(node, part)
        if step is None:
            break
        line, node = step
    return line


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = next(((key, value) for key, value in node.value if key.value == part), None)
        return None if found is None else (found[0].start_mark.line + 1, found[1])
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child.start_mark.line + 1, child
    return None


def _anchored(spec: TwinSpec, directory: Path) -> TwinSpec:
    machines = tuple(
        machine.model_copy(
            update={
                "bmc": machine.bmc.model_copy(
                    update={
                        key: directory / value
                        for key in ("password_file", "tree")
                        if (value := machine.bmc.model_dump()[key]) is not None
                    }
                )
            }
        )
        for machine in spec.machines
    )
    return spec.model_copy(update={"machines": machines})


def password(bmc: BmcSpec) -> str:
    """`OSError` where its file cannot be read."""
    if bmc.password_file is not None:
        return bmc.password_file.read_text().rstrip("\n")
    return bmc.password or ""
