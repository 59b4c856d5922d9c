"""The site's names (pure): which zones there are, and what stands in them for the nodes of the inventory.

Each address has one name and each name leads back to its address: NODE.DOMAIN on the wire that the node boots from,
NODE.NETWORK.DOMAIN on every other. A name that is the inventory's bears a mark in the zone itself, so that what guests
register is told apart and left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from pydantic import JsonValue

from inventory import interfaces as links
from inventory.address import Ip, Prefix
from inventory.model import Node, Site
from inventory.zone import Record

SERVER = "dns-server"
MARK = '"of the inventory"'
GUEST = '"of a guest"'
_OURS = ("A", "AAAA", "PTR")
_OCTET, _NIBBLE = 8, 4  # bits of a label of in-addr.arpa (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5)


@dataclass(frozen=True)
class Changes:
    come: frozenset[Record]
    gone: frozenset[Record]

    @property
    def none(self) -> bool:
        return not self.come and not self.gone


def servers(site: Site) -> tuple[Node, ...]:
    """Nodes that are to serve names, in the order of the inventory: the first is the primary."""
    having = {name for name, group in site.groups.items() if SERVER in group.roles}
    return tuple(node for node in site.nodes.values() if having.intersection(node.groups)) if having else ()


def as_json(site: Site, node: Node) -> JsonValue:
    """What a node may read of the site's names: all of it on a server; None where nobody serves."""
    found = servers(site)
    if not found:
        return None
    told: dict[str, JsonValue] = {
        "servers": [{"name": one.name, "address": _home(site, one)} for one in found],
        "primary": found[0].name,
        "allowed": [str(network.prefix) for network in site.networks.values()],
    }
    if node in found:
        wanted = records(site)
        told["zones"] = [
            {"name": zone, "records": [[one.name, one.type, one.value] for one in sorted(wanted[zone])]}
            for zone in zones(site)
        ]
    return told


def zones(site: Site) -> tuple[str, ...]:
    """The site's domain, then its networks' reverse zones."""
    reverse = [zone for network in site.networks.values() for zone in reverse_zones(network.prefix)]
    return tuple(dict.fromkeys((f"{site.domain}.", *reverse)))


def reverse_zones(prefix: Prefix) -> tuple[str, ...]:
    """Those that just hold the prefix; the one around it where it ends inside of a last octet's label."""
    bits = _OCTET if prefix.version == 4 else _NIBBLE
    longest = prefix.max_prefixlen - bits
    if prefix.prefixlen > longest:
        cut = [prefix.supernet(new_prefix=longest)]
    else:
        cut = list(prefix.subnets(new_prefix=max(bits, -(-prefix.prefixlen // bits) * bits)))
    return tuple(_arpa(one, bits) for one in cut)


def records(site: Site) -> dict[str, frozenset[Record]]:
    """By zone, for all nodes that have addresses."""
    found: dict[str, set[Record]] = {zone: set() for zone in zones(site)}
    for server in servers(site):
        for zone, there in found.items():
            there.add(Record(zone, "NS", f"{server.name}.{site.domain}."))
    for node in site.nodes.values():
        for name, address in _named(site, node):
            back = f"{address.reverse_pointer}."
            forward = found[f"{site.domain}."]
            reverse = next(records for zone, records in found.items() if back.endswith(f".{zone}"))
            forward |= {Record(name, "A" if address.version == 4 else "AAAA", str(address)), Record(name, "TXT", MARK)}
            reverse |= {Record(back, "PTR", name), Record(back, "TXT", MARK)}
    return {zone: frozenset(one) for zone, one in found.items()}


def of_guest(site: Site, guest: str, address: Ip) -> dict[str, frozenset[Record]]:
    """By zone, the name of a guest forwards and backwards; a mark of its own keeps it apart from the inventory's."""
    name, back = f"{guest}.{site.domain}.", f"{address.reverse_pointer}."
    reverse = next(zone for zone in zones(site) if back.endswith(f".{zone}"))
    forward = {Record(name, "A" if address.version == 4 else "AAAA", str(address)), Record(name, "TXT", GUEST)}
    return {f"{site.domain}.": frozenset(forward), reverse: frozenset({Record(back, "PTR", name)})}


def left_of_guest(site: Site, guest: str, there: frozenset[Record]) -> frozenset[Record]:
    """What a zone holds of a guest's name, whatever its address was."""
    name = f"{guest}.{site.domain}."
    return frozenset(one for one in there if one.name == name or (one.type, one.value) == ("PTR", name))


def changes(zone: str, there: frozenset[Record], wanted: frozenset[Record]) -> Changes:
    """What makes the inventory's names right, its apex's servers too, and leaves all other names as they are."""
    marked = {one.name for one in there if (one.type, one.value) == ("TXT", MARK)}
    names = marked | {one.name for one in wanted if one.name != zone}
    managed = {
        one
        for one in there
        if (one.name in names and (one.type in _OURS or one.value == MARK)) or (one.name, one.type) == (zone, "NS")
    }
    return Changes(frozenset(wanted - there), frozenset(managed - wanted))


def left_in_copy(zone: str, here: frozenset[Record], copy: frozenset[Record]) -> frozenset[Record]:
    """What a copy alone still has of names that are not the inventory's, for a primary that lost its disk."""
    taken = {one.name for one in here} | {one.name for one in copy if (one.type, one.value) == ("TXT", MARK)} | {zone}
    return frozenset(one for one in copy if one.name not in taken)


def _named(site: Site, node: Node) -> Iterator[tuple[str, Ip]]:
    spelled = links.interfaces(site, node)
    boot = next((one.name for one in spelled for at in one.addresses if at.network == site.provisioning.network), None)
    for one in spelled:
        for at in one.addresses:
            inner = "" if one.name == boot else f".{at.network}"
            yield f"{node.name}{inner}.{site.domain}.", at.address


def _home(site: Site, node: Node) -> JsonValue:
    found = links.home(site, node)
    return str(found) if found is not None else None


def _arpa(prefix: Prefix, bits: int) -> str:
    """RFC 1035 3.5, RFC 3596 2.5: the pointer's name of its first address, without what the prefix leaves open."""
    pointer = ip_network(prefix).network_address.reverse_pointer.split(".")
    return ".".join((*pointer[(prefix.max_prefixlen - prefix.prefixlen) // bits :], ""))
