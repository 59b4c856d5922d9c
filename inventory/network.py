"""Networks, and what of a node is on them: NICs, bonds, addresses."""

from typing import Literal

from pydantic import Field, StrictBool, StrictInt

from inventory.address import AUTO, AddressField, Ip, IpField, MacField, Name, PrefixField
from inventory.form import Model
from inventory.ports import PortsField

INTERFACE = "^[a-zA-Z0-9._-]{1,15}$"  # IFNAMSIZ less its NUL, linux/if.h


class Range(Model):
    """Addresses first to last, both included, given out for one use."""

    first: IpField
    last: IpField
    use: Literal["dhcp", "static"] = "static"

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def holds(self, address: Ip) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)


class Route(Model):
    """A way to somewhere else, from every node that is on a network."""

    to: PrefixField
    via: IpField | None = Field(default=None, description="The next router; the network's gateway without it.")
    metric: StrictInt | None = Field(default=None, ge=1, le=4294967294, description="The lowest is taken.")


class Network(Model):
    """One layer-2 network and its prefix. IPv4 and IPv6 of one wire are two networks with one VLAN id."""

    name: Name
    prefix: PrefixField
    vlan: StrictInt | None = Field(
        default=None, ge=1, le=4094, description="IEEE 802.1Q VLAN id; none where the wire is untagged."
    )
    gateway: IpField | None = None
    mtu: StrictInt = Field(default=1500, ge=1280, le=9216, description="Bytes of an IP packet.")
    ranges: tuple[Range, ...] = ()
    default_route: StrictBool | None = Field(
        default=None,
        description="Its gateway is the nodes' way to everywhere; where no network of a node says so, the provisioning "
        "network's is.",
    )
    routes: tuple[Route, ...] = ()
    table: StrictInt | None = Field(
        default=None,
        ge=1,
        le=252,
        description="A routing table of its own: what is sent from an address here leaves by the gateway here.",
    )
    tenants: StrictBool = Field(
        default=False, description="Offered to tenants: a claim may have a node's switch ports put on it."
    )
    conduit: PortsField | None = Field(
        default=None, description="Which ports of a node lead here, where the node itself says an address alone."
    )


class Address(Model):
    """An address of an interface on a network."""

    network: Name
    address: AddressField = Field(description="auto: one of the network's static ranges, given out by Anneal.")
    tagged: StrictBool = Field(
        default=False, description="Frames bear the network's VLAN id; else it is the interface's untagged network."
    )

    @property
    def auto(self) -> bool:
        """Asked for, and not given yet."""
        return self.address == AUTO


class Nic(Model):
    """One port of a node, known by its MAC."""

    name: str = Field(pattern=INTERFACE, description="The interface's name in the installed OS.")
    mac: MacField
    boot: StrictBool = Field(default=False, description="The NIC that network-boots; the first one where none says so.")
    addresses: tuple[Address, ...] = ()


class Bond(Model):
    """NICs that are one interface. Its members have no addresses of their own; where one boots from the network, it
    does so alone, before the bond is there."""

    name: str = Field(pattern=INTERFACE)
    members: tuple[str, ...] = Field(min_length=1, description="Names of NICs.")
    mode: Literal["lacp", "active-backup"] = "lacp"
    rate: Literal["fast", "slow"] = Field(
        default="fast", description="How often the switch is to send LACPDUs: each second, or each 30 (802.1AX 6.4)."
    )
    hash: Literal["layer2", "layer2+3", "layer3+4"] = Field(
        default="layer3+4", description="What of a frame says which member bears it."
    )
    addresses: tuple[Address, ...] = ()


class Bridge(Model):
    """Interfaces on one network that are one interface, for what runs on the node: virtual machines, containers."""

    name: str = Field(pattern=INTERFACE)
    members: tuple[str, ...] = Field(min_length=1, description="Names of bonds, and of NICs that are in none.")
    network: Name
    tagged: StrictBool = Field(default=False, description="Members bear it with its VLAN id, the bridge without.")
    addresses: tuple[Address, ...] = Field(default=(), description="Of the node, on this network or its other family.")


class Conduit(Model):
    """Ports by what they are, and what is on them: found on each machine once its ramdisk has told of its NICs."""

    name: str = Field(pattern=INTERFACE, description="The bond's, where it is one; else a label, good for bridges.")
    ports: PortsField
    addresses: tuple[Address, ...] = ()
