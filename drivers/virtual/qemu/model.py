"""A rack of QEMU machines as its file describes it: machines, switches, networks, and which cable goes where."""

import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from drivers.virtual.rackfile import Document, Keys, parse
from inventory.address import MacField, Name
from inventory.errors import BadInventory, Problem

NAME_CHARACTERS = 20  # with a machine's name it makes socket paths, which end at 107 (unix(7))
IPMI_PASSWORD_BYTES = 20  # IPMI 2.0, 22.30 Set User Password
_UUIDS = UUID("6f1d7c1e-6c0b-4c53-9d0c-0f6a52d9b0a4")


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    return (info.context["directory"] / path).resolve() if info.context else path


def _conf_word(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,72}", secret.get_secret_value()):
        raise ValueError('use 1 to 72 printable ASCII characters without space, " and \\')
    return secret


class Model(BaseModel):
    """Frozen; a stray key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


# At most 15 characters (IFNAMSIZ); no hyphen, which marks the interfaces that the rack itself adds.
Port = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,13}[0-9]$")]
# virtio-blk passes 20 bytes of a serial number, VIRTIO 1.1 5.2.6.1.
Serial = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,20}$")]


_HostName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


class Bmc(Model):
    """The machine's management controller, on the out-of-band network, at its protocol's standard port."""

    protocol: Literal["ipmi", "redfish"]
    address: IPv4Address
    user: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$", description="IPMI 2.0, 22.28 allows 16 bytes.")
    password: Annotated[SecretStr, AfterValidator(_conf_word)]


class Nic(Model):
    mac: MacField
    port: Port | None = Field(
        default=None, description="The switch port at the other end of its cable; none: no cable is plugged."
    )
    network: Name | None = Field(
        default=None, description="The network whose VLAN is untagged on that port at first; without it, in none."
    )


class Disk(Model):
    serial: Serial
    gib: int = Field(ge=1, le=2048)
    image: Annotated[Path, AfterValidator(_beside_the_file)] | None = Field(
        default=None, description="Raw content to begin with; the path starts at this file."
    )


class Machine(Model):
    name: Name
    serial: Serial
    firmware: Literal["bios", "uefi"]
    cpus: int = Field(default=1, ge=1, le=64)
    memory_mib: int = Field(ge=256)
    bmc: Bmc
    nics: tuple[Nic, ...] = Field(min_length=1, max_length=8, description="The first one boots.")
    disks: tuple[Disk, ...] = Field(default=(), max_length=16)

    def uuid(self, rack: str) -> UUID:
        """The same for the same rack and name, whenever it is brought up."""
        return uuid5(_UUIDS, f"{rack}/{self.name}")


class SwitchLogin(Model):
    """An SSH login at the standard port, with the rights of root there."""

    address: IPv4Address
    user: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    password: Annotated[SecretStr, AfterValidator(_conf_word)]


class Nos(Model):
    """A virtual machine in the place of the switch."""

    image: str = Field(description="Its name in the image store, as `anneal image build nos` gives it.")
    uplink: Port = Field(description="A port of its own, to the fabric: every network, by its tag.")


class Switch(Model):
    """A name and the ports that it announces by LLDP; all switches are one layer-2 fabric."""

    name: Name
    ports: tuple[Port, ...]
    management: SwitchLogin | None = Field(default=None, description="On the out-of-band network.")
    nos: Nos | None = Field(default=None, description="Without it the switch is a part of the fabric.")


class Network(Model):
    """A VLAN, with the address that the provisioner has on it: its gateway, time server and resolver."""

    name: Name
    vlan: int = Field(ge=1, le=4094)
    provisioner: IPv4Interface
    provisioner6: IPv6Interface | None = None


class Rack(Model):
    kind: Literal["qemu"]
    name: Name
    oob: IPv4Interface = Field(description="The provisioner's address on the out-of-band network.")
    switches: tuple[Switch, ...] = Field(min_length=1)
    networks: tuple[Network, ...] = Field(min_length=1)
    machines: tuple[Machine, ...] = Field(min_length=1)
    names: dict[_HostName, IPv4Address | IPv6Address] = Field(
        default={}, description="What the rack's resolver knows, both ways; of every other name it says there is none."
    )

    def network(self, name: str) -> Network:
        return next(network for network in self.networks if network.name == name)


def read(document: Document) -> Rack:
    """`BadInventory` with every fault: first those of single values, then those between values."""
    rack = parse(document, Rack)
    faults = [*_repeated(rack), *_dangling(rack), *_unfit(rack)]
    if faults:
        problems = (Problem(document.place(keys), says, remedy) for keys, says, remedy in faults)
        raise BadInventory(tuple(sorted(problems)))
    return rack


Fault = tuple[Keys, str, str]


def _repeated(rack: Rack) -> Iterator[Fault]:
    """What must be unique in a rack and is not. Port names too: each is an interface in one namespace."""
    named: list[tuple[str, str, Keys]] = []
    for s, switch in enumerate(rack.switches):
        named.append(("name", switch.name, ("switches", s, "name")))
        named += [("port", port, ("switches", s, "ports", p)) for p, port in enumerate(switch.ports)]
        if switch.management is not None:
            named.append(("address", str(switch.management.address), ("switches", s, "management", "address")))
    for n, network in enumerate(rack.networks):
        named.append(("network", network.name, ("networks", n, "name")))
        named.append(("VLAN", str(network.vlan), ("networks", n, "vlan")))
    named.append(("address", str(rack.oob.ip), ("oob",)))
    for m, machine in enumerate(rack.machines):
        at: Keys = ("machines", m)
        named.append(("name", machine.name, (*at, "name")))
        named.append(("serial", machine.serial, (*at, "serial")))
        named.append(("address", str(machine.bmc.address), (*at, "bmc", "address")))
        nics = [(nic, (*at, "nics", i)) for i, nic in enumerate(machine.nics)]
        named += [("MAC", nic.mac, (*place, "mac")) for nic, place in nics]
        named += [("cable to port", nic.port, (*place, "port")) for nic, place in nics if nic.port is not None]
        named += [("disk serial", disk.serial, (*at, "disks", d, "serial")) for d, disk in enumerate(machine.disks)]
    counts = Counter((what, value) for what, value, _ in named)
    for what, value, keys in named:
        if counts[what, value] > 1:
            yield keys, f"{what} {value} is there {counts[what, value]} times", "give each its own"


def _dangling(rack: Rack) -> Iterator[Fault]:
    ports = {port for switch in rack.switches for port in switch.ports}
    networks = {network.name for network in rack.networks}
    for s, switch in enumerate(rack.switches):
        if switch.nos is not None:
            yield from _dangling_nos(rack, switch, ("switches", s))
    for m, machine in enumerate(rack.machines):
        for i, nic in enumerate(machine.nics):
            at: Keys = ("machines", m, "nics", i)
            if nic.port is not None and nic.port not in ports:
                yield (*at, "port"), f"no switch has a port {nic.port}", f"there are {', '.join(sorted(ports))}"
            if nic.network is not None and nic.network not in networks:
                there = ", ".join(sorted(networks))
                yield (*at, "network"), f"there is no network {nic.network}", f"there are {there}"


def _dangling_nos(rack: Rack, switch: Switch, at: Keys) -> Iterator[Fault]:
    nos = switch.nos
    taken = {nic.port for machine in rack.machines for nic in machine.nics}
    if nos is not None and (nos.uplink not in switch.ports or nos.uplink in taken):
        what = f"{nos.uplink} is no free port of {switch.name}"
        yield (*at, "nos", "uplink"), what, "name a port of it at which no machine is"
    if switch.management is None:
        yield at, f"{switch.name} is a machine that nobody can log in to", "give it a management"


def _unfit(rack: Rack) -> Iterator[Fault]:
    if len(rack.name) > NAME_CHARACTERS:
        yield ("name",), f"{rack.name} is longer than {NAME_CHARACTERS} characters", "shorten it"
    for keys, address in _out_of_band(rack):
        if address not in rack.oob.network:
            yield keys, f"{address} is not in {rack.oob.network}", "take one of the oob prefix"
    for m, machine in enumerate(rack.machines):
        at: Keys = ("machines", m)
        bmc = machine.bmc
        if bmc.protocol == "ipmi" and len(bmc.password.get_secret_value()) > IPMI_PASSWORD_BYTES:
            yield (*at, "bmc", "password"), f"IPMI takes {IPMI_PASSWORD_BYTES} characters", "shorten it"
        for d, disk in enumerate(machine.disks):
            yield from _unfit_disk(disk, (*at, "disks", d))


def _unfit_disk(disk: Disk, at: Keys) -> Iterator[Fault]:
    if disk.image is not None and not disk.image.is_file():
        yield (*at, "image"), f"{disk.image} is no file", "build or import the image first"
    elif disk.image is not None and disk.image.stat().st_size > disk.gib << 30:
        yield (*at, "gib"), f"{disk.image} is larger than {disk.gib} GiB", "make the disk larger"


def _out_of_band(rack: Rack) -> Iterator[tuple[Keys, IPv4Address]]:
    for s, switch in enumerate(rack.switches):
        if switch.management is not None:
            yield ("switches", s, "management", "address"), switch.management.address
    yield from ((("machines", m, "bmc", "address"), machine.bmc.address) for m, machine in enumerate(rack.machines))
