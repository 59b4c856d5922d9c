"""MAC and IP addresses, names, cable ends and endpoints as value types. The only import of netaddr."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Self

import netaddr
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

Ip = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


class Mac(str):
    """An EUI-48 that can name one interface: lower case, colons, unicast, not zero."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not netaddr.valid_mac(text):
            raise ValueError(f"{text!r} is no MAC address; write six octets as 52:54:00:77:00:01")
        octets = netaddr.EUI(text, dialect=netaddr.mac_unix_expanded)
        if int(octets) == 0 or octets.words[0] & 1:
            raise ValueError(f"{text!r} is zero, multicast or broadcast; write the address of one interface")
        return super().__new__(cls, str(octets))


def _mac(value: object) -> Mac:
    if not isinstance(value, str):
        raise ValueError("this is no MAC address; write six octets as 52:54:00:77:00:01")
    return Mac(value)


def _ip(value: object) -> Ip:
    """Text only: a bare number would pass for an address."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        return ip_address(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(
            f"{value!r} is no IP address; write it as 10.77.0.11 or fd00:77::11, without a prefix"
        ) from error


AUTO = IPv4Address(0)  # stands for an address that is yet to be given out; no host can have it (RFC 1122 3.2.1.3)


def _address(value: object) -> Ip:
    return AUTO if value == "auto" else _ip(value)


def _address_text(value: Ip) -> str:
    return "auto" if value == AUTO else str(value)


def _prefix(value: object) -> Prefix:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value if isinstance(value, str) and "/" in value else ""
    try:
        whole = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{value!r} is no prefix; write it as 10.77.0.0/24") from error
    if str(whole.network_address) != text.partition("/")[0] and whole.network_address != ip_address(
        text.partition("/")[0]
    ):
        raise ValueError(f"{value!r} is an address within a prefix; the prefix itself is {whole}")
    return whole


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(NAME_PATTERN, value):
        raise ValueError(f"{value!r} is no name; use lower-case letters, digits and hyphens, 63 at most (RFC 1123 2.1)")
    return value


def _host(value: object) -> str:
    """As text, for it goes into other programs' configuration: nothing but a name or an address may."""
    try:
        return str(_ip(value))
    except ValueError:
        if isinstance(value, str) and re.fullmatch(_HOST, value):
            return value
    raise ValueError(f"{value!r} is neither a host name nor an IP address; write it as ntp1.example.net or 10.77.0.1")


def _resolver(value: object) -> str:
    return str(_ip(value))


@dataclass(frozen=True)
class Endpoint:
    """One end of a cable: a node's NIC or a switch's port, written `r1-n01:eth0`."""

    device: str
    port: str

    @classmethod
    def parse(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        device, colon, port = value.partition(":") if isinstance(value, str) else ("", "", "")
        if not (device and colon and port):
            raise ValueError(f"{value!r} is no cable end; write DEVICE:PORT, as r1-n01:eth0 or r1-sw1:swp1")
        return cls(device, port)

    def __str__(self) -> str:
        return f"{self.device}:{self.port}"


@dataclass(frozen=True)
class HostPort:
    """Where a service listens: a host name or address and, where it is not the standard one, a port."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, value: object) -> Self:
        """`10.0.0.7`, `10.0.0.7:8443`, `bmc1.example.net`, `[fd00::7]:443`."""
        if isinstance(value, cls):
            return value
        found = (
            re.fullmatch(rf"(?:\[([0-9a-fA-F:.]+)\]|({_HOST}))(?::(\d{{1,5}}))?", value)
            if isinstance(value, str)
            else None
        )
        if found is None or int(found[3] or 1) not in range(1, 65536):
            # The text is not repeated: it may be a URL with a password in it.
            raise ValueError("this is no address; write HOST or HOST:PORT, an IPv6 host in brackets")
        return cls(found[1] or found[2], int(found[3]) if found[3] else None)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


MacField = Annotated[
    Mac,
    PlainValidator(_mac),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["52:54:00:77:00:01"]}),
]
IpField = Annotated[
    Ip, PlainValidator(_ip), PlainSerializer(str), WithJsonSchema({"type": "string", "examples": ["10.77.0.11"]})
]
AddressField = Annotated[
    Ip,
    PlainValidator(_address),
    PlainSerializer(_address_text),
    WithJsonSchema({"type": "string", "examples": ["10.77.0.11", "auto"]}),
]
PrefixField = Annotated[
    Prefix,
    PlainValidator(_prefix),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["10.77.0.0/24"]}),
]
Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
Host = Annotated[str, PlainValidator(_host), WithJsonSchema({"type": "string", "examples": ["ntp1.example.net"]})]
Resolver = Annotated[str, PlainValidator(_resolver), WithJsonSchema({"type": "string", "examples": ["10.77.0.1"]})]
EndpointField = Annotated[
    Endpoint,
    PlainValidator(Endpoint.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["r1-n01:eth0"]}),
]
HostPortField = Annotated[
    HostPort,
    PlainValidator(HostPort.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["10.78.0.11", "10.78.0.11:8443"]}),
]


def spread(text: str, most: int = 65536) -> list[str]:
    """The host addresses of `10.0.0.7`, `10.0.0.0/24` or `10.0.0.7-10.0.0.40`. ValueError where it is none of these."""
    first, dash, last = text.partition("-")
    try:
        found = netaddr.IPRange(first.strip(), last.strip()) if dash else netaddr.IPNetwork(text.strip())
    except netaddr.AddrFormatError as error:
        raise ValueError(f"{text!r} is no address, prefix or range; write 10.0.0.0/24 or 10.0.0.7-10.0.0.40") from error
    if found.size > most:
        raise ValueError(f"{text!r} holds {found.size} addresses, {most} at most can be asked in one go; narrow it")
    return [str(one) for one in (found if dash else found.iter_hosts())]


def free(spans: Iterable[tuple[Ip, Ip]], taken: Iterable[Ip]) -> Iterator[Ip]:
    """The addresses of spans, ends included, that nobody has, the lowest first."""
    left = netaddr.IPSet()
    for first, last in spans:
        left.update(netaddr.IPRange(str(first), str(last)))
    left -= netaddr.IPSet([str(one) for one in taken])
    return (ip_address(str(one)) for block in sorted(left.iter_cidrs()) for one in block)
