"""What a site is: racks, networks, images, profiles, switches, nodes and the cables between them.

Models are frozen and refuse unknown keys; what only holds between models (an address outside its network, a link to
nowhere) is checked where a site is put together.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field, JsonValue, PlainValidator, StrictBool, StrictInt, WithJsonSchema, model_validator

from inventory.address import (
    Endpoint,
    EndpointField,
    Host,
    HostPort,
    HostPortField,
    Ip,
    IpField,
    Name,
    Resolver,
)
from inventory.form import Model
from inventory.network import Address, Bond, Bridge, Conduit, Network, Nic
from inventory.packages import Packages
from inventory.profile import Profile
from inventory.quantity import Speed
from inventory.secrets import SecretRefField
from inventory.switch import Switch, Unit

PortNumber = Annotated[StrictInt, Field(ge=1, le=65535)]


KernelWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,:=/@+-]{0,199}$")]


_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class Image(Model):
    """A ramdisk or an operating system in the image store."""

    name: Name
    kind: Literal["os", "ramdisk", "nos"]
    artefact: str = Field(
        pattern="^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$", description="Its name in the image store (`anneal image list`)."
    )
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="Pins the content; any other is refused."
    )
    kernel_args: tuple[KernelWord, ...] = Field(
        default=(), description="Further words on a ramdisk's kernel command line. Nothing secret: all may read it."
    )


class BmcNetwork(Model):
    """What a BMC is to have on its own network. The address itself is `bmc.address`: there it is to be found."""

    prefix: StrictInt | None = Field(
        default=None, ge=1, le=32, description="Its address is static, with a prefix of so many bits."
    )
    gateway: IpField | None = Field(default=None, description="Beside a prefix; as it is where it is not given.")
    dhcp: StrictBool = Field(default=False, description="It has its address by DHCP.")
    met_at: HostPortField | None = Field(
        default=None, description="Where it answers before it has its address; it is moved from there."
    )
    hostname: str | None = Field(
        default=None,
        pattern=r"^([A-Za-z0-9-]|\{node\}){1,63}$",
        description="Its name without a domain; {node} stands for the node's.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "BmcNetwork":
        if self.dhcp and self.prefix is not None:
            raise ValueError("its address is told twice; write either prefix: or dhcp: true")
        if self.gateway is not None and self.prefix is None:
            raise ValueError("a gateway goes with a static address; write its prefix: too")
        if self.met_at is not None and not self.moves:
            raise ValueError("it is to be moved and nothing says how; write prefix: or dhcp: true beside met_at:")
        return self

    @property
    def moves(self) -> bool:
        """Whether it is said how it gets its address."""
        return self.dhcp or self.prefix is not None


class Bmc(Model):
    """How a machine's management controller is reached."""

    address: HostPortField
    protocol: Literal["redfish", "ipmi"] = "redfish"
    user: str
    password: SecretRefField
    tls: Literal["pin", "verify"] = Field(
        default="pin",
        description="pin: trust the certificate first met and no other. verify: by the system's CAs or `ca`.",
    )
    ca: str | None = Field(default=None, description="A PEM file, from the site's directory, that `verify` trusts.")
    old_tls: StrictBool = Field(
        default=False, description="Take TLS older than 1.2, and its ciphers; for BMCs that know no better."
    )
    expired: Literal["rotate", "stop"] = Field(
        default="stop", description="rotate: a BMC that wants a new password before all else gets one of its own."
    )
    network: BmcNetwork | None = None

    @model_validator(mode="after")
    def _settable(self) -> "Bmc":
        if self.network is not None and self.protocol != "redfish":
            raise ValueError("its network is set by redfish alone; leave network: out, or reach it by redfish")
        if self.network is not None and self.network.prefix is not None:
            self._check_static(self.network.gateway)
        return self

    def _check_static(self, gateway: Ip | None) -> None:
        for what, text in (("address", self.address.host), ("gateway", str(gateway) if gateway else None)):
            try:
                IPv4Address(text or "0.0.0.1")
            except ValueError as error:
                raise ValueError(f"its static {what} must be an IPv4 address") from error

    @property
    def places(self) -> tuple[HostPort, ...]:
        """Where it may answer: where it is to be, and where it is met before that."""
        met_at = self.network.met_at if self.network is not None else None
        return (self.address,) if met_at is None or met_at == self.address else (self.address, met_at)


class RootDisk(Model):
    """Which disk the OS goes to: all that is given must match. Never 'the first one'."""

    serial: str | None = None
    wwn: str | None = None
    model: str | None = None


class StorageDisk(Model):
    """A disk that bears volumes, by what is on its label: never by the kernel's name for it."""

    serial: str | None = Field(default=None, min_length=1)
    wwn: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _told(self) -> "StorageDisk":
        if self.serial is None and self.wwn is None:
            raise ValueError("nothing says which disk it is; write its serial: or its wwn:")
        return self

    def __str__(self) -> str:
        return " ".join(f"{key} {value}" for key, value in self.model_dump(exclude_none=True).items())


class Storage(Model):
    """What a node gives to the site's volumes: whole disks, and the network that they are reached over."""

    network: Name
    disks: tuple[StorageDisk, ...] = Field(min_length=1)


class Node(Model):
    """A server: a place in a rack, and what stands there."""

    name: Name
    rack: Name
    unit: Unit = Field(description="The lowest rack unit that it fills, counted from the bottom.")
    height: StrictInt = Field(default=1, ge=1, le=20, description="Rack units that it fills.")
    serial: str | None = Field(default=None, description="Refuses any other machine in this place.")
    profile: Name | None = None
    bmc: Bmc
    nics: tuple[Nic, ...] = Field(min_length=1)
    bonds: tuple[Bond, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    conduits: tuple[Conduit, ...] = Field(
        default=(), description="Ports that are found by speed and place; what it boots from is declared under nics."
    )
    addresses: tuple[Address, ...] = Field(default=(), description="On the conduits that their networks name.")
    groups: tuple[Name, ...] = Field(min_length=1, description="Role groups: what is to become of it.")
    image: Name
    boot_mode: Literal["bios", "uefi"] = "uefi"
    root_disk: RootDisk | None = Field(
        default=None, description="Without it: the only disk; more than one is then an error."
    )
    storage: Storage | None = Field(default=None, description="Of a node with the role storage: what it gives to it.")

    @model_validator(mode="after")
    def _bmc_has_a_name(self) -> "Node":
        name = self.bmc_hostname
        if name is not None and not _LABEL.fullmatch(name):
            raise ValueError(
                f"the name of its BMC would be {name!r}: letters, digits and hyphens, 63 at most (RFC 1123)"
            )
        return self

    @property
    def bmc_hostname(self) -> str | None:
        pattern = self.bmc.network.hostname if self.bmc.network is not None else None
        return pattern.replace("{node}", self.name) if pattern is not None else None

    @property
    def boot_nic(self) -> Nic:
        return next((nic for nic in self.nics if nic.boot), self.nics[0])

    def bond_of(self, nic: Nic) -> Bond | None:
        return next((bond for bond in self.bonds if nic.name in bond.members), None)

    @property
    def interfaces(self) -> tuple[Nic | Bond | Bridge | Conduit, ...]:
        """All that may have addresses."""
        return (*self.nics, *self.bonds, *self.bridges, *self.conduits)

    @property
    def ports(self) -> tuple[Nic | Bond, ...]:
        """What frames leave by: bonds, and NICs that are in none."""
        return (*(nic for nic in self.nics if self.bond_of(nic) is None), *self.bonds)

    def bridges_of(self, interface: str) -> tuple[Bridge, ...]:
        """What a bond, or a NIC that is in none, is a member of."""
        return tuple(bridge for bridge in self.bridges if interface in bridge.members)

    def addresses_at(self, nic: Nic) -> tuple[Address, ...]:
        """Of the interface that it is, or is a part of."""
        own = self.bond_of(nic) or nic
        bridged = [(bridge, one) for bridge in self.bridges_of(own.name) for one in bridge.addresses]
        return (*own.addresses, *(one.model_copy(update={"tagged": bridge.tagged}) for bridge, one in bridged))

    def networks_at(self, nic: Nic) -> Mapping[str, bool]:
        """All that its wire carries, with an address of the node or without: each network, and whether it is tagged."""
        own = self.bond_of(nic) or nic
        return {bridge.network: bridge.tagged for bridge in self.bridges_of(own.name)} | {
            one.network: one.tagged for one in self.addresses_at(nic)
        }


class Rack(Model):
    name: Name
    units: Unit = 42
    row: str | None = None


class Link(Model):
    """A declared cable."""

    a: EndpointField
    b: EndpointField
    label: str | None = None
    speed: Speed | None = Field(default=None, description="What both ends must run at; any where it is not given.")


class Group(Model):
    """A name for the roles that a kind of node gets; milestones bring what they need."""

    name: Name
    roles: tuple[Name, ...] = Field(min_length=1)
    inputs: Mapping[Name, Mapping[str, JsonValue]] = Field(default_factory=dict, description="Role name to its inputs.")


def _many(value: object) -> int | str:
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("it is no number of nodes; write 1 or more, or all")


Many = Annotated[
    int | str,
    PlainValidator(_many),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]


class Placement(Model):
    """A role that goes to so many nodes, whichever are fit for it. Its nodes get its name as a group."""

    name: Name
    role: Name
    count: Many = Field(default=1, description="Nodes that get it; `all` that are fit.")
    spread: Literal["rack"] | None = Field(default=None, description="No two of them in one rack.")
    among: Name | None = Field(
        default=None, description="A group: only its nodes are asked. All where it is not given."
    )

    @model_validator(mode="after")
    def _countable(self) -> "Placement":
        if self.spread is not None and self.count == "all":
            raise ValueError("all that are fit cannot be spread; give a count: or leave spread: out")
        return self


class Provisioning(Model):
    """The network that machines boot from, and the address Anneal serves it at."""

    network: Name
    address: IpField
    ramdisk: Name
    dhcp: Literal["anneal", "external"] = "anneal"
    ssh_port: PortNumber = Field(default=22, description="Where the installed OS answers SSH.")
    http_port: PortNumber = 8080
    https_port: PortNumber = 8443
    image_port: PortNumber = 8081
    tftp_port: PortNumber = 69


class Head(Model):
    """What a site says of itself."""

    name: Name
    domain: Host = Field(default="example.test", description="The DNS domain of the nodes' names.")
    ntp: tuple[Host, ...] = Field(default=(), description="Time servers, by name or address.")
    dns: tuple[Resolver, ...] = Field(default=(), description="Resolvers, by address.")
    provisioning: Provisioning
    quarantine: Name | None = Field(
        default=None,
        description="The network for ports of nodes that are kept apart; without it they are off.",
    )
    at_once: Mapping[Name, Annotated[StrictInt, Field(ge=1)]] = Field(
        default_factory=dict,
        description="Role to how many nodes may be at it at one time, in place of the role's own number.",
    )
    packages: Packages | None = Field(default=None, description="Where nodes with the role packages get theirs from.")
    pack: Name | None = Field(default=None, description="A service pack: what it places is added to `placement`.")


class Site(Head):
    """All that is wanted, put together and checked. Mappings are by name, in the order of the files."""

    networks: Mapping[str, Network]
    images: Mapping[str, Image]
    profiles: Mapping[str, Profile]
    groups: Mapping[str, Group]
    racks: Mapping[str, Rack]
    switches: Mapping[str, Switch]
    nodes: Mapping[str, Node]
    links: tuple[Link, ...]
    placement: Mapping[str, Placement] = Field(default_factory=dict)

    def link_of(self, device: str, port: str) -> Link | None:
        """The declared cable at one end, or None where nothing is declared."""
        return self._cables.get(Endpoint(device, port))

    @cached_property
    def _cables(self) -> Mapping[Endpoint, Link]:
        return {end: link for link in self.links for end in (link.a, link.b)}
