"""VIFs: what is attached to a node's interfaces, each a network that the site offers to tenants (decision 15)."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from inventory.model import Node, Site
from inventory.network import Bond, Network, Nic
from orchestrator import tenancies, vifs
from orchestrator.api.call import Answer, Call
from orchestrator.api.cards import Card, port_uuid
from orchestrator.api.desk import Desk
from orchestrator.api.errors import Bad, Conflict
from orchestrator.api.networks import ident
from orchestrator.ports import driven
from orchestrator.tenancy import Vif

_LONGEST = 255
_MARK = "@"  # after the network in an id, before whatever makes it one of its own
_AT_WORK = frozenset({"deploying", "wait call-back"})


def listed(desk: Desk, call: Call) -> Answer:
    card = desk.card(call, own=True)
    with desk.store.engine.connect() as connection:
        found = vifs.read(connection, [card.name]).get(card.name, ())
    return Answer({"vifs": [{"id": one.id, **_told(one)} for one in found]})


def attach(desk: Desk, call: Call) -> Answer:
    """One at each interface, or more at one that is named: the first there untagged, further ones by their VLAN id.

    Of a node that is somebody's the ports are moved after the answer.
    """
    card, document = desk.card(call, own=True), call.document()
    vif, node = document.get("id"), desk.site.nodes[card.name]
    if not isinstance(vif, str) or not 0 < len(vif) <= _LONGEST:
        raise Bad("The id of the VIF must be given.")
    network, asked = _network(desk.site, node, document), _interface(node, document)
    with desk.tenants.lending() as connection:
        _check_at_rest(desk.pool.read(connection, [card.name])[card.name])
        if vifs.holder(connection, vif) is not None:
            raise Conflict(f"Unable to attach VIF {vif} because it is attached already.")
        there = vifs.read(connection, [card.name]).get(card.name, ())
        interface = asked or _free(desk.site, node, there)
        if interface is None:
            raise Bad(f"Unable to attach VIF {vif}, not enough free physical ports on node {card.uuid}.")
        mates = [one for one in there if one.interface == interface]
        made = _placed(desk.site, Vif(vif, interface, network.name if network is not None else None), mates)
        vifs.keep(connection, card.name, made)
        tenancies.rewired(connection, card.name)
        desk.store.append(connection, call.event("attached", f"VIF {vif}: {_says(made)}", card.name))
    return Answer(status=204)


def detach(desk: Desk, call: Call) -> Answer:
    card, vif = desk.card(call, own=True), call.path["vif"]
    with desk.tenants.lending() as connection:
        _check_at_rest(desk.pool.read(connection, [card.name])[card.name])
        if not vifs.drop(connection, card.name, vif):
            raise Bad(f"Unable to detach VIF {vif} from node {card.uuid} because it is not attached to it.")
        tenancies.rewired(connection, card.name)
        desk.store.append(connection, call.event("detached", f"VIF {vif}", card.name))
    return Answer(status=204)


def check(site: Site, node: Node, attached: Sequence[Vif]) -> None:
    """`Bad` where a node cannot be deployed with what is attached to it: the inventory may be another since."""
    for one in attached:
        if one.network is None and any(driven(site, node)):
            raise Bad(f"VIF {one.id} names no network. Detach it, and attach one of: {_offers(site)}.")
        if one.network is not None and not _is_offered(site, one.network):
            raise _not_offered(site, one.network)


def _check_at_rest(card: Card) -> None:
    if card.fields["provision_state"] in _AT_WORK:
        raise Conflict(
            f"Node {card.uuid} is being deployed with what is attached to it, please retry after that is completed."
        )


def _network(site: Site, node: Node, document: Mapping[str, JsonValue]) -> Network | None:
    """By name or uuid: as `network` beside the id, or in the id before its mark.

    None: an id that means nothing to the site; it is kept, where no port of the node could be moved by it.
    """
    beside = document.get("network")
    wanted = beside if isinstance(beside, str) else str(document["id"]).partition(_MARK)[0]
    found = next((one for one in site.networks.values() if wanted in (one.name, ident(one.name))), None)
    if found is not None and found.tenants:
        return found
    if found is None and beside is None and _MARK not in str(document["id"]) and not any(driven(site, node)):
        return None
    raise _not_offered(site, wanted)


def _not_offered(site: Site, wanted: str) -> Bad:
    return Bad(f"Network {wanted[:100]} is not offered to tenants. Those that are: {_offers(site)}.")


def _is_offered(site: Site, network: str) -> bool:
    return network in site.networks and site.networks[network].tenants


def _offers(site: Site) -> str:
    return ", ".join(name for name, one in site.networks.items() if one.tenants) or "none"


def _interface(node: Node, document: Mapping[str, JsonValue]) -> str | None:
    """The one that is named by `port_uuid` or `portgroup_uuid`; a NIC in a bond stands for that."""
    wanted = document.get("port_uuid") or document.get("portgroup_uuid")
    if wanted is None:
        return None
    for nic in node.nics:
        if wanted == port_uuid(node.name, nic.mac):
            return (node.bond_of(nic) or nic).name
    for bond in node.bonds:
        if wanted == port_uuid(node.name, bond.name):
            return bond.name
    raise Bad(f"Node {node.name} has no port or portgroup {str(wanted)[:60]}.")


def _free(site: Site, node: Node, there: Sequence[Vif]) -> str | None:
    """At driven switches first; of those bonds before NICs, the one that boots before others, as Ironic has it."""
    cabled = {nic.name for nic, _, _ in driven(site, node)}

    def rank(one: Nic | Bond) -> tuple[bool, bool, bool]:
        nics = one.members if isinstance(one, Bond) else (one.name,)
        return not cabled & set(nics), not isinstance(one, Bond), node.boot_nic.name not in nics

    taken = {one.interface for one in there}
    return next((one.name for one in sorted(node.ports, key=rank) if one.name not in taken), None)


def _placed(site: Site, vif: Vif, mates: Sequence[Vif]) -> Vif:
    """Beside what is at the interface already. What is there stays as it is."""
    if not mates:
        return vif
    network = site.networks.get(vif.network or "")
    if network is None:
        raise Bad(f"Unable to attach VIF {vif.id}: {vif.interface} has one, and a further one must name a network.")
    for one in mates:
        other = site.networks.get(one.network or "")
        if other is not None and (other.name == network.name or other.vlan == network.vlan):
            raise Conflict(f"Unable to attach VIF {vif.id}: VIF {one.id} has {vif.interface} on that network already.")
    tagged = any(not one.tagged for one in mates)
    if tagged and network.vlan is None:
        raise Bad(f"Unable to attach VIF {vif.id}: network {network.name} has no VLAN id to be tagged by.")
    return Vif(vif.id, vif.interface, vif.network, tagged)


def _told(vif: Vif) -> dict[str, JsonValue]:
    """Beside Ironic's own: where it is, and which VLAN way."""
    if vif.network is None:
        return {}
    return {"network": vif.network, "interface": vif.interface, "tagged": vif.tagged}


def _says(vif: Vif) -> str:
    if vif.network is None:
        return "recorded"
    return f"network {vif.network} at {vif.interface}, {'tagged' if vif.tagged else 'untagged'}"
