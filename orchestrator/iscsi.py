"""Who bears volumes, who asks for them, and by what names and addresses they know each other (pure)."""

from inventory import interfaces as links
from inventory.address import HostPort
from inventory.model import Node, Site

ROLE = "storage"
PORT = 3260  # RFC 7143 4.2.7.1: what IANA gave it


def iscsi_name(site: Site, node: Node) -> str:
    """The iSCSI name of a node (RFC 3721 1.1): the site's domain reversed, and since when names are made so."""
    return f"iqn.2026-11.{'.'.join(reversed(site.domain.lower().split('.')))}:{node.name}"


def storage_nodes(site: Site) -> tuple[Node, ...]:
    """Nodes that are to bear volumes, in the order of the inventory."""
    having = {name for name, group in site.groups.items() if ROLE in group.roles}
    return tuple(node for node in site.nodes.values() if having.intersection(node.groups))


def portal(site: Site, node: Node) -> HostPort | None:
    """The node's address on the network that it serves volumes on."""
    if node.storage is None:
        return None
    at = (one for each in links.interfaces(site, node) for one in each.addresses if one.network == node.storage.network)
    return next((HostPort(str(one.address), PORT) for one in at), None)


def owner(site: Site, node: Node) -> str:
    """By what a node's group of volumes is known for its own: a tag of LVM's."""
    return f"anneal.{site.name}.{node.name}"
