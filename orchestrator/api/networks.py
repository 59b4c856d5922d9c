"""VIFs, kept for whoever attaches them, and as much of Neutron as metalsmith reads: ports and networks of nodes."""

import uuid
from collections.abc import Iterator

from pydantic import JsonValue
from sqlalchemy import delete, func, insert, select

from inventory.model import Node
from orchestrator.agent.messages import node_uuid
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Fields, port_uuid
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Conflict, Missing
from orchestrator.api.tables import VIF

_LONGEST = 255


def vifs(desk: Desk, call: Call) -> Answer:
    card = desk.card(call, own=True)
    with desk.store.engine.connect() as connection:
        found = connection.scalars(select(VIF.c.id).where(VIF.c.node == card.name).order_by(VIF.c.id)).all()
    return Answer({"vifs": [{"id": one} for one in found]})


def attach(desk: Desk, call: Call) -> Answer:
    """As many as the node has NICs, each at one node. The network that it stands for is not put on the switch yet."""
    card, vif = desk.card(call, own=True), call.document().get("id")
    if not isinstance(vif, str) or not 0 < len(vif) <= _LONGEST:
        raise Bad("The id of the VIF must be given.")
    with desk.store.decide() as connection:
        if connection.scalar(select(VIF.c.node).where(VIF.c.id == vif)) is not None:
            raise Conflict(f"Unable to attach VIF {vif} because it is attached already.")
        count = connection.scalar(select(func.count()).where(VIF.c.node == card.name)) or 0
        if count >= len(desk.site.nodes[card.name].nics):
            raise Bad(f"Unable to attach VIF {vif}, not enough free physical ports on node {card.uuid}.")
        connection.execute(insert(VIF).values(id=vif, node=card.name))
        desk.store.append(connection, call.event("attached", f"VIF {vif}", card.name))
    return Answer(status=204)


def detach(desk: Desk, call: Call) -> Answer:
    card, vif = desk.card(call, own=True), call.path["vif"]
    with desk.store.decide() as connection:
        done = connection.execute(delete(VIF).where(VIF.c.id == vif, VIF.c.node == card.name))
        if done.rowcount == 0:
            raise Bad(f"Unable to detach VIF {vif} from node {card.uuid} because it is not attached to it.")
        desk.store.append(connection, call.event("detached", f"VIF {vif}", card.name))
    return Answer(status=204)


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
            {"ip_address": str(one.address), "subnet_id": _ident(one.network)} for one in addresses if not one.auto
        ]
        yield {
            "id": port_uuid(node.name, nic.mac),
            "name": f"{node.name}-{nic.name}",
            "mac_address": str(nic.mac),
            "network_id": _ident(addresses[0].network) if addresses else None,
            "fixed_ips": fixed,
            "binding:host_id": node_uuid(node.name),
            "status": "ACTIVE",
        }


def networks(desk: Desk, _call: Call) -> Answer:
    return Answer({"networks": [_network(desk, name) for name in desk.site.networks]})


def network(desk: Desk, call: Call) -> Answer:
    found = [name for name in desk.site.networks if call.path["network"] in (name, _ident(name))]
    if not found:
        raise Missing(f"Network {call.path['network'][:60]} could not be found.")
    return Answer({"network": _network(desk, found[0])})


def _network(desk: Desk, name: str) -> Fields:
    told = desk.site.networks[name]
    return {"id": _ident(name), "name": name, "mtu": told.mtu, "status": "ACTIVE", "subnets": [_ident(name)]}


def _ident(network: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{network}.network.anneal"))
