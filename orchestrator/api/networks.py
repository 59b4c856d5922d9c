"""As much of Neutron as metalsmith reads: ports and networks of nodes."""

import uuid
from collections.abc import Iterator

from pydantic import JsonValue

from inventory.model import Node
from orchestrator.agent.messages import node_uuid
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Fields, port_uuid
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Missing


def versions(_desk: Desk, call: Call) -> Answer:
    own: JsonValue = [{"rel": "self", "href": f"{call.base}/networking/v2.0/"}]
    return Answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": own}]})


def resources(_desk: Desk, _call: Call) -> Answer:
    return Answer({"resources": [{"name": name, "collection": f"{name}s"} for name in ("network", "port")]})


def ports(desk: Desk, call: Call) -> Answer:
    """Each NIC with its addresses; `binding:host_id` asks for those of one node."""
    wanted = call.query.get("binding:host_id")
    names = [card.name for card in desk.pool.all() if card.seen_by(call.tenant) and wanted in (None, card.uuid)]
    told: list[JsonValue] = [port for name in names for port in _ports(desk.site.nodes[name])]
    return Answer({"ports": told})


def _ports(node: Node) -> Iterator[Fields]:
    for nic in node.nics:
        addresses = node.addresses_at(nic)
        fixed: list[JsonValue] = [
            {"ip_address": str(one.address), "subnet_id": ident(one.network)} for one in addresses if not one.auto
        ]
        yield {
            "id": port_uuid(node.name, nic.mac),
            "name": f"{node.name}-{nic.name}",
            "mac_address": str(nic.mac),
            "network_id": ident(addresses[0].network) if addresses else None,
            "fixed_ips": fixed,
            "binding:host_id": node_uuid(node.name),
            "status": "ACTIVE",
        }


def networks(desk: Desk, _call: Call) -> Answer:
    return Answer({"networks": [_network(desk, name) for name in desk.site.networks]})


def network(desk: Desk, call: Call) -> Answer:
    found = [name for name in desk.site.networks if call.path["network"] in (name, ident(name))]
    if not found:
        raise Missing(f"Network {call.path['network'][:60]} could not be found.")
    return Answer({"network": _network(desk, found[0])})


def _network(desk: Desk, name: str) -> Fields:
    told = desk.site.networks[name]
    return {"id": ident(name), "name": name, "mtu": told.mtu, "status": "ACTIVE", "subnets": [ident(name)]}


def ident(network: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{network}.network.anneal"))
