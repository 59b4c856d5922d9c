"""NetBox: files for its import of devices, interfaces, MAC addresses and IP addresses, in that order (pure).

Source: the import forms of NetBox 4.6 (dcim and ipam, forms/bulk_import.py).
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network

from inventory import interfaces as links
from orchestrator.errors import Impossible
from orchestrator.export.proven import Handover, Machine

_BMC = "bmc"
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "devices": ("name", "role", "manufacturer", "device_type", "serial", "status", "site", "rack", "position", "face"),
    "interfaces": ("device", "name", "type", "parent", "bridge", "lag", "mtu", "mgmt_only", "enabled"),
    "mac-addresses": ("mac_address", "device", "interface", "is_primary"),
    "ip-addresses": ("address", "status", "device", "interface", "is_primary", "is_oob", "dns_name"),
}
_TYPES = {"bridge": "bridge", "bond": "lag", "nic": "other", "vlan": "virtual"}  # parts after what they are part of
_Row = Mapping[str, object]


def netbox(given: Handover) -> dict[str, str]:
    """File name to content. `Impossible` where a device would have no type."""
    rows = {
        "devices": [_device(given, one) for one in given.machines],
        "interfaces": [row for one in given.machines for row in _interfaces(given, one)],
        "mac-addresses": [row for one in given.machines for row in _macs(one)],
        "ip-addresses": [row for one in given.machines for row in _addresses(given, one)],
    }
    return {f"{place}-{name}.csv": _csv(_COLUMNS[name], rows[name]) for place, name in enumerate(_COLUMNS, 1)}


def _device(given: Handover, one: Machine) -> _Row:
    facts = one.metal.facts
    if not (facts.get("vendor") and facts.get("model")):
        raise Impossible(
            f"NetBox wants a manufacturer and a device type, and the BMC of {one.name} tells none. "
            f"Leave it out: {one.rack},-{one.name}"
        )
    return {
        "name": one.name,
        "role": one.groups[0],
        "manufacturer": facts["vendor"],
        "device_type": facts["model"],
        "serial": one.node.serial or facts.get("serial") or "",
        "status": "active",
        "site": given.site.name,
        "rack": one.rack,
        "position": one.node.unit,
        "face": "front",
    }


def _interfaces(given: Handover, one: Machine) -> Iterator[_Row]:
    """What others are part of comes before them: a row may name only what is there."""
    spelled = {each.name: each for each in links.interfaces(given.site, one.node)}
    for each in sorted(spelled.values(), key=lambda each: tuple(_TYPES).index(each.kind)):
        more = {"parent": each.parent or "", "bridge": each.bridge or "", "lag": each.bond or "", "mtu": each.mtu}
        yield {"device": one.name, "name": each.name, "type": _TYPES[each.kind], "enabled": "true", **more}
    for name in (*(nic.name for nic in one.node.nics if nic.name not in spelled), _BMC):
        only = {"mgmt_only": "true"} if name == _BMC else {}
        yield {"device": one.name, "name": name, "type": _TYPES["nic"], "enabled": "true", **only}


def _macs(one: Machine) -> Iterator[_Row]:
    for nic in one.node.nics:
        yield {"mac_address": str(nic.mac), "device": one.name, "interface": nic.name, "is_primary": "true"}


def _addresses(given: Handover, one: Machine) -> Iterator[_Row]:
    for at in one.places:
        home = at.address == one.address
        yield {
            "address": f"{at.address}/{ip_network(at.prefix).prefixlen}",
            "status": "active",
            "device": one.name,
            "interface": at.interface,
            "is_primary": "true" if home else "",
            "dns_name": f"{one.name}.{given.site.domain}" if home else "",
        }
    network = one.node.bmc.network
    if network is not None and network.prefix is not None:
        where = f"{one.node.bmc.address.host}/{network.prefix}"
        yield {"address": where, "status": "active", "device": one.name, "interface": _BMC, "is_oob": "true"}


def _csv(columns: Sequence[str], rows: Sequence[_Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
