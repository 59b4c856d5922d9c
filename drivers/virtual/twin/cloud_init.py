"""What cloud-init takes from a config drive: name, keys, addresses, time servers, and where to phone home.

Source: cloud-init 22.4, the ConfigDrive data source and the modules users-groups, write-files and ntp.
"""

import base64
import gzip
import json
import zlib
from binascii import Error as BadBase64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface, ip_network

import yaml

from drivers.virtual.twin.iso9660 import NoIso, read

LABEL = "config-2"
PHONE_HOME = "/etc/anneal/phone-home.json"
CALL_CA = "/etc/anneal/ca.pem"  # the only CA that the script which calls home trusts
DEFAULT_USER = "debian"
Mapped = Mapping[str, object]


class Unconfigured(Exception):
    """The drive cannot be used; an OS would come up without network and without keys."""


@dataclass(frozen=True)
class Link:
    """A NIC's settings by its MAC."""

    mac: str
    mtu: int
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    routes: tuple[tuple[str, str], ...]  # destination prefix or "default", gateway


@dataclass(frozen=True)
class CloudInit:
    hostname: str
    links: tuple[Link, ...]
    keys: Mapping[str, tuple[str, ...]]  # user to lines of authorized_keys
    ntp: tuple[str, ...]
    ca: str | None  # PEM; whom the call home trusts
    phone_home: Mapped | None
    instance_id: str = field(default="")


def parse(configdrive: str) -> CloudInit:
    """From base64 of a gzipped ISO, as agents are sent it, or of the bare ISO."""
    try:
        packed = base64.b64decode(configdrive)
        label, files = read(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    except (BadBase64, OSError, EOFError, zlib.error, NoIso) as error:
        raise Unconfigured(f"config drive: {error}") from error
    if label.lower() != LABEL:
        raise Unconfigured(f"config drive: its label is {label!r}, not {LABEL!r}")
    try:
        meta = _mapping(json.loads(files.get("openstack/latest/meta_data.json", b"{}")))
        network = _mapping(json.loads(files.get("openstack/latest/network_data.json", b"{}")))
        user = _user_data(files.get("openstack/latest/user_data", b""))
        return CloudInit(
            hostname=str(user.get("hostname") or meta.get("hostname") or "debian").partition(".")[0],
            links=tuple(_links(network)),
            keys=_keys(meta, user),
            ntp=_strings(_mapping(user.get("ntp")).get("servers")),
            ca=_written(user, CALL_CA),
            phone_home=_phone_home(user),
            instance_id=str(meta.get("uuid", "")),
        )
    except (ValueError, KeyError, yaml.YAMLError) as error:
        raise Unconfigured(f"config drive: {error!r}") from error


def _user_data(text: bytes) -> Mapped:
    if not text.startswith(b"#cloud-config"):
        return {}
    return _mapping(yaml.safe_load(text))


def _links(network: Mapped) -> Iterator[Link]:
    for link in _mappings(network.get("links")):
        mine = [told for told in _mappings(network.get("networks")) if told.get("link") == link.get("id")]
        mac = link.get("ethernet_mac_address")
        if mac is not None:
            yield Link(
                str(mac).lower(),
                int(str(link.get("mtu") or 1500)),
                tuple(_address(told) for told in mine if "ip_address" in told),
                tuple(route for told in mine for route in _routes(told)),
            )


def _address(told: Mapped) -> IPv4Interface | IPv6Interface:
    address = str(told["ip_address"])
    return ip_interface(address if "/" in address else f"{address}/{told['netmask']}")


def _routes(told: Mapped) -> Iterator[tuple[str, str]]:
    if told.get("gateway"):
        yield "default", str(told["gateway"])
    for route in _mappings(told.get("routes")):
        destination = ip_network(
            f"{route['network']}/{route['netmask']}" if "netmask" in route else str(route["network"])
        )
        yield "default" if destination.prefixlen == 0 else str(destination), str(route["gateway"])


def _keys(meta: Mapped, user: Mapped) -> Mapping[str, tuple[str, ...]]:
    keys = {DEFAULT_USER: _strings(user.get("ssh_authorized_keys"))}
    keys[DEFAULT_USER] += tuple(str(key) for key in _mapping(meta.get("public_keys")).values())
    for one in _mappings(user.get("users")):
        told = one.get("ssh_authorized_keys") or one.get("ssh-authorized-keys")
        keys[str(one.get("name"))] = _strings(told)
    return keys


def _phone_home(user: Mapped) -> Mapped | None:
    told = _written(user, PHONE_HOME)
    return None if told is None else _mapping(json.loads(told))


def _written(user: Mapped, path: str) -> str | None:
    """The content of a file that `write_files` lays down."""
    for file in _mappings(user.get("write_files")):
        if file.get("path") == path:
            content = str(file.get("content", ""))
            encoded = str(file.get("encoding", "")) in ("b64", "base64")
            return base64.b64decode(content).decode() if encoded else content
    return None


def _mapping(told: object) -> Mapped:
    return told if isinstance(told, dict) else {}


def _mappings(told: object) -> list[Mapped]:
    return [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []


def _strings(told: object) -> tuple[str, ...]:
    return tuple(str(item) for item in told) if isinstance(told, list) else ()
