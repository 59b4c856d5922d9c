"""The config drive: who the installed system is, on an ISO 9660 volume `config-2`. The only import of pycdlib.

Source: OpenStack's config drive, version `latest`, as cloud-init 22.4 reads it (DataSourceConfigDrive, openstack.py).
"""

import base64
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

import pycdlib
from pydantic import JsonValue

from inventory.interfaces import At, Interface, lone
from inventory.model import Node, Site
from orchestrator.boot.render import render

USER = "anneal"
LABEL = "config-2"
DIRECTORY = ("openstack", "latest")


@dataclass(frozen=True)
class Greeting:
    """How an installed system finds us and knows us. `url` holds its one-time token."""

    instance_id: str
    ssh_key: str
    ca: str
    url: str = field(repr=False)


def config_drive(site: Site, node: Node, greeting: Greeting) -> str:
    """As the agent takes it: base64 of a gzipped ISO."""
    contents = {
        "meta_data.json": json.dumps(meta_data(site, node, greeting)),
        "network_data.json": json.dumps(network_data(site, node)),
        "user_data": user_data(site, node, greeting),
    }
    return pack(contents)


def pack(contents: Mapping[str, str]) -> str:
    """Files of the directory `openstack/latest`, by name."""
    return base64.b64encode(gzip.compress(volume_of(contents), mtime=0)).decode()


def meta_data(site: Site, node: Node, greeting: Greeting) -> dict[str, JsonValue]:
    return {
        "uuid": greeting.instance_id,
        "name": node.name,
        "hostname": f"{node.name}.{site.domain}",
        "availability_zone": node.rack,
        "launch_index": 0,
        "public_keys": {USER: greeting.ssh_key},
    }


def network_data(site: Site, node: Node) -> dict[str, JsonValue]:
    """For the first start: what NICs by themselves can have, known by their MACs; the boot NIC stands in for its bond.

    VLANs, bonds and bridges come later, on trial (role host-network).
    """
    found = lone(site, node)
    return {
        "links": [_link(one) for one in found],
        "networks": [_network(one, number, address) for one in found for number, address in enumerate(one.addresses)],
        "services": [{"type": "dns", "address": server} for server in site.dns],
    }


def user_data(site: Site, node: Node, greeting: Greeting) -> str:
    """The #cloud-config: our user and key, the site's CA and time servers, and the call home."""
    return render(
        "cloud-init/user-data.yaml.j2",
        hostname=node.name,
        fqdn=f"{node.name}.{site.domain}",
        user=USER,
        ssh_key=greeting.ssh_key,
        ca=greeting.ca,
        ntp=list(site.ntp),
        phone_home=json.dumps({"url": greeting.url, "instance_id": greeting.instance_id}),
        script=(files("templates") / "cloud-init" / "phone-home.py").read_text(),
    )


def _link(one: Interface) -> JsonValue:
    return {
        "id": one.name,
        "name": one.name,
        "type": "phy",
        "ethernet_mac_address": str(one.mac),
        "mtu": one.mtu,
    }


def _network(one: Interface, number: int, address: At) -> JsonValue:
    version = address.address.version
    ways = [way for way in one.routes if way.default and way.table is None and way.via == address.gateway]
    routes: list[JsonValue] = [
        {"network": str(way.to.network_address), "netmask": str(way.to.netmask), "gateway": str(way.via)}
        for way in ways
        if way.to.version == version
    ]
    return {
        "id": f"{one.name}-{number}",
        "network_id": address.network,
        "link": one.name,
        "type": f"ipv{version}",
        "ip_address": str(address.address),
        "netmask": str(address.prefix.netmask),
        "routes": routes,
    }


def volume_of(contents: Mapping[str, str]) -> bytes:
    """The volume itself, of files in `openstack/latest`.

    Rock Ridge keeps the names for Linux, Joliet for everybody else.
    """
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
    short = long = ""
    for name in DIRECTORY:
        short, long = f"{short}/{name.upper()}", f"{long}/{name}"
        iso.add_directory(short, rr_name=name, joliet_path=long)
    for name, text in contents.items():
        body = text.encode()
        where = f"{short}/{name.upper()}{'' if '.' in name else '.'};1"
        iso.add_fp(io.BytesIO(body), len(body), where, rr_name=name, joliet_path=f"{long}/{name}")
    sink = io.BytesIO()
    iso.write_fp(sink)
    iso.close()
    return sink.getvalue()
