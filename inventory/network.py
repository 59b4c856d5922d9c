"""Networks, and what of a node is on them: NICs, bonds, addresses."""

from typing import Literal

from pydantic import Field, StrictBool, StrictInt

from inventory.address import Ip, IpField, MacField, Name, PrefixField
from inventory.form import Model

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


class Network(Model):
    """One layer-2 network and its prefix."""

    name: Name
    prefix: PrefixField
    vlan: StrictInt | None = Field(
        default=None, ge=1, le=4094, description="IEEE 802.1Q VLAN id; none where the wire is untagged."
    )
    gateway: IpField | None = None
    mtu: StrictInt = Field(default=1500, ge=1280, le=9216, description="Bytes of an IP packet.")
    ranges: tuple[Range, ...] = ()


class Address(Model):
    """An address of an interface on a network."""

    network: Name
    address: IpField
    tagged: StrictBool = Field(
        default=False, description="Frames bear the network's VLAN id; else it is the interface's untagged network."
    )


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
    addresses: tuple[Address, ...] = ()
