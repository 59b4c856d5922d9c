"""Ports and portgroups: the NICs and bonds of the inventory, with the switch port at the other end of the cable."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from inventory.model import Node
from inventory.network import Bond, Nic
from orchestrator.agent.messages import node_uuid
from orchestrator.api import versions
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Card, Fields, links, port_uuid
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Missing
from orchestrator.api.listing import fields_asked, known, page

Kind = Literal["ports", "portgroups"]
_LISTED: Mapping[Kind, frozenset[str]] = {
    "ports": frozenset({"uuid", "address"}),
    "portgroups": frozenset({"uuid", "address", "name"}),
}
_SINCE: Mapping[Kind, versions.Since] = {"ports": versions.PORT, "portgroups": versions.PORTGROUP}
_MODES = {"lacp": "802.3ad", "active-backup": "active-backup"}
_FILTERS = frozenset({"node", "node_uuid", "address", "portgroup", "shard"})
_UNKNOWN_SWITCH = "00:00:00:00:00:00"  # a switch is known here by its name, in switch_info


def ports(desk: Desk, call: Call) -> Answer:
    return _list(desk, call, "ports", whole=call.flag("detail") or False)


def ports_detailed(desk: Desk, call: Call) -> Answer:
    return _list(desk, call, "ports", whole=True)


def ports_of_node(desk: Desk, call: Call) -> Answer:
    return _list(desk, call, "ports", whole=call.flag("detail") or False)


def ports_of_group(desk: Desk, call: Call) -> Answer:
    group = _one(desk, call, "portgroups")["uuid"]
    return _page(
        call, "ports", [one for one in _all(desk, call, "ports") if one["portgroup_uuid"] == group], whole=False
    )


def port(desk: Desk, call: Call) -> Answer:
    return _shown(call, "ports", _one(desk, call, "ports"))


def groups(desk: Desk, call: Call) -> Answer:
    return _list(desk, call, "portgroups", whole=call.flag("detail") or False)


def groups_detailed(desk: Desk, call: Call) -> Answer:
    return _list(desk, call, "portgroups", whole=True)


def group(desk: Desk, call: Call) -> Answer:
    return _shown(call, "portgroups", _one(desk, call, "portgroups"))


def _list(desk: Desk, call: Call, kind: Kind, *, whole: bool) -> Answer:
    known(call, _FILTERS)
    found = _all(desk, call, kind)
    address = call.query.get("address")
    if address is not None:
        found = [one for one in found if one["address"] == address.lower()]
    if "portgroup" in call.query:
        wanted = call.query["portgroup"]
        found = [one for one in found if one.get("portgroup_uuid") == wanted]
    return _page(call, kind, found, whole=whole)


def _page(call: Call, kind: Kind, found: Sequence[Fields], *, whole: bool) -> Answer:
    there = frozenset(found[0]) if found else _LISTED[kind]
    only = fields_asked(call, there | {"links"}, _SINCE[kind]) if found or "fields" not in call.query else ()
    if only is not None and whole:
        raise Bad("Can't fetch a subset of fields with the detail view.")
    shown, following = page(call, found, lambda one: one, there)
    chosen = only if only is not None else tuple(there) if whole else tuple(_LISTED[kind])
    told: list[JsonValue] = [_told(call, kind, one, chosen) for one in shown]
    return Answer({kind: told} | ({"next": following} if following else {}))


def _shown(call: Call, kind: Kind, one: Fields) -> Answer:
    only = fields_asked(call, frozenset(one) | {"links"}, _SINCE[kind])
    return Answer(_told(call, kind, one, tuple(one) if only is None else only))


def _told(call: Call, kind: Kind, one: Fields, only: Sequence[str]) -> Fields:
    since = _SINCE[kind]
    told: Fields = {name: one[name] for name in one if name in only and since.get(name, 0) <= call.minor}
    if kind == "portgroups" and "ports" not in told:
        told["ports"] = links(call.base, f"portgroups/{one['uuid']}/ports")
    return told | {"links": links(call.base, f"{kind}/{one['uuid']}")}


def _one(desk: Desk, call: Call, kind: Kind) -> Fields:
    """By uuid; a portgroup by its name, too, where one node alone has that."""
    ident = call.path["part"]
    found = [one for one in _all(desk, call, kind) if ident in (one["uuid"], one.get("name"))]
    if len(found) != 1:
        raise Missing(f"{'Port' if kind == 'ports' else 'Portgroup'} {ident} could not be found.")
    return found[0]


def _all(desk: Desk, call: Call, kind: Kind) -> list[Fields]:
    """Of the nodes that the caller may know; of one alone where the path or the query names it."""
    ident = call.path.get("node") or call.query.get("node") or call.query.get("node_uuid")
    cards: Sequence[Card] = [desk.pool.card(ident)] if ident else desk.pool.all()
    shards = call.query.get("shard")
    shown = [card for card in cards if card.seen_by(call.tenant) and (shards is None or card.fields["shard"] == shards)]
    if ident and not shown:
        raise Missing(f"Node {ident} could not be found.")
    return [one for card in shown for one in _of(desk, desk.site.nodes[card.name], kind)]


def _of(desk: Desk, node: Node, kind: Kind) -> list[Fields]:
    if kind == "ports":
        return [_port(desk, node, nic) for nic in node.nics]
    return [_group(node, bond) for bond in node.bonds]


def _port(desk: Desk, node: Node, nic: Nic) -> Fields:
    bond = node.bond_of(nic)
    plain = [name for name, tagged in node.networks_at(nic).items() if not tagged]
    return {
        "uuid": port_uuid(node.name, nic.mac),
        "address": str(nic.mac),
        "node_uuid": node_uuid(node.name),
        "pxe_enabled": nic == node.boot_nic,
        "local_link_connection": _cable(desk, node, nic),
        "physical_network": plain[0] if plain else None,
        "portgroup_uuid": port_uuid(node.name, bond.name) if bond else None,
        "internal_info": {},
        "extra": {"name": nic.name},
        "is_smartnic": False,
        "created_at": None,
        "updated_at": None,
    }


def _cable(desk: Desk, node: Node, nic: Nic) -> Fields:
    cable = desk.site.link_of(node.name, nic.name)
    if cable is None:
        return {}
    other = cable.b if cable.a.device == node.name and cable.a.port == nic.name else cable.a
    return {"switch_id": _UNKNOWN_SWITCH, "switch_info": other.device, "port_id": other.port}


def _group(node: Node, bond: Bond) -> Fields:
    return {
        "uuid": port_uuid(node.name, bond.name),
        "name": f"{node.name}-{bond.name}",
        "address": None,
        "node_uuid": node_uuid(node.name),
        "mode": _MODES[bond.mode],
        "properties": {"xmit_hash_policy": bond.hash},
        "standalone_ports_supported": True,
        "physical_network": None,
        "internal_info": {},
        "extra": {},
        "created_at": None,
        "updated_at": None,
    }
