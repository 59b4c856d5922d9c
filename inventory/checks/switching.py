"""Driven switches: which ports we may touch, what those must carry, and how the switch is let in to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Literal

from inventory.address import Endpoint
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Place, Problem
from inventory.model import Bmc, Link, Node
from inventory.network import Bond, Network, Nic
from inventory.quantity import speed_in_words
from inventory.switch import Family, Switch, SwitchManagement
from inventory.wording import one_of

BMC_PORTS: Mapping[str, int] = MappingProxyType({"redfish": 443, "ipmi": 623})  # DSP0266; IPMI 2.0 13.1.2 (RMCP)


@dataclass(frozen=True)
class Access:
    """How a family is reached where nothing else is said."""

    over: Literal["HTTPS", "SSH"]
    port: int


# eAPI and NX-API are HTTPS; NETCONF over SSH is RFC 6242.
ACCESS: Mapping[Family, Access] = MappingProxyType(
    {
        "eos": Access("HTTPS", 443),
        "nxos": Access("HTTPS", 443),
        "sonic": Access("SSH", 22),
        "junos": Access("SSH", 830),
        "ios": Access("SSH", 22),
        "linux": Access("SSH", 22),
        "ovs": Access("SSH", 22),
    }
)


def switching(draft: Draft) -> Iterator[Problem]:
    for switch in draft.switches.values():
        yield from _uplinks(draft, switch)
        if switch.management is not None:
            yield from _management(draft, switch, switch.management)
    yield from clashes("management at", _services(draft), "give each device its own address or port")
    yield from _quarantine(draft)
    yield from _offered(draft)
    cables = _cables(draft)
    for node in draft.nodes.values():
        for nic in node.nics:
            yield from _port(draft, node, nic, cables.get(Endpoint(node.name, nic.name)))
        for at, bond in enumerate(node.bonds):
            yield from _bond(draft, node, at, bond, cables)


def endpoint_of(bmc: Bmc) -> str:
    return _spelled(bmc.address.host, bmc.address.port or BMC_PORTS[bmc.protocol])


def _uplinks(draft: Draft, switch: Switch) -> Iterator[Problem]:
    for uplink in switch.uplinks:
        if uplink not in switch.ports:
            says = f"uplink {uplink!r} is no port of {switch.name}"
            yield Problem(draft.place("switches", switch.name, "uplinks"), says, one_of(uplink, switch.ports))


def _management(draft: Draft, switch: Switch, told: SwitchManagement) -> Iterator[Problem]:
    access = ACCESS[told.family]
    if access.over == "HTTPS" and told.password is None:
        place = draft.place("switches", switch.name, "management", "key")
        says = f"{switch.name} is reached by HTTPS ({told.family}), and has no password"
        yield Problem(place, says, "give password:, as a reference to a secret; a key is for SSH")
    if access.over == "SSH" and told.tls == "verify":
        place = draft.place("switches", switch.name, "management", "tls")
        says = f"{switch.name} is reached by SSH ({told.family}), where no CA vouches for a host key"
        yield Problem(place, says, "leave tls out: the key first met is trusted, and no other")


def _services(draft: Draft) -> Iterator[Claim]:
    """BMCs once for each address: what they have between them is said elsewhere."""
    bmcs: dict[str, str] = {}
    for name, node in draft.nodes.items():
        bmcs.setdefault(endpoint_of(node.bmc), name)
    for what, name in bmcs.items():
        yield Claim(what, f"the BMC of {name}", draft.place("nodes", name, "bmc"))
    for name, switch in draft.switches.items():
        if switch.management is not None:
            address = switch.management.address
            what = _spelled(address.host, address.port or ACCESS[switch.management.family].port)
            yield Claim(what, f"switch {name}", draft.place("switches", name, "management", "address"))


def _spelled(host: str, port: int) -> str:
    """In one spelling, so that `fd00::7` and `[FD00:0::7]:443` are the same."""
    try:
        return f"{ip_address(host)} port {port}"
    except ValueError:
        return f"{host.lower()} port {port}"


def _quarantine(draft: Draft) -> Iterator[Problem]:
    wanted = draft.head.quarantine if draft.head is not None else None
    if wanted is None:
        return
    place = draft.place("site", "quarantine")
    network = draft.networks.get(wanted)
    if network is None and draft.whole and wanted not in draft.declared("networks"):
        yield Problem(place, f"there is no network {wanted!r}", one_of(wanted, draft.declared("networks")))
    if network is not None and network.vlan is None:
        says = f"network {wanted} is the quarantine, and has no vlan"
        yield Problem(place, says, "give it one: a switch puts ports there by it")


def _offered(draft: Draft) -> Iterator[Problem]:
    """What a tenant may be put on carries neither the boots of the site nor those that are kept apart."""
    own = {draft.provisioning.network: "machines are provisioned on"} if draft.provisioning is not None else {}
    own |= (
        {draft.head.quarantine: "nodes are kept apart on"} if draft.head is not None and draft.head.quarantine else {}
    )
    driven = any(switch.management is not None for switch in draft.switches.values())
    for network in [one for one in draft.networks.values() if one.tenants]:
        place = draft.place("networks", network.name, "tenants")
        if driven and network.vlan is None:
            says = f"network {network.name} is offered to tenants, and has no vlan"
            yield Problem(place, says, "give it one: a switch puts ports there by it")
        for other in draft.networks.values():
            if other.name == network.name or (network.vlan is not None and other.vlan == network.vlan):
                yield from _unfit(network, other, own, place)


def _unfit(network: Network, other: Network, own: Mapping[str, str], place: Place) -> Iterator[Problem]:
    """`other`: of the same wire, or the network itself."""
    wire = "" if other.name == network.name else f"shares its wire with {other.name}, which "
    if other.name in own:
        says = f"network {network.name} is offered to tenants, and {wire or 'is what '}{own[other.name]}"
        yield Problem(place, says, "take tenants: out, or give them a network of their own")
    elif not other.tenants:
        says = f"network {network.name} is offered to tenants, and {wire}is not"
        yield Problem(place, says, "offer both or none: whoever is on one is on the other")


@dataclass(frozen=True)
class _Cable:
    index: int
    far: Endpoint
    link: Link


Cables = Mapping[Endpoint, _Cable]


def _cables(draft: Draft) -> Cables:
    """By either end."""
    found: dict[Endpoint, _Cable] = {}
    for index, link in draft.links.items():
        found |= {link.a: _Cable(index, link.b, link), link.b: _Cable(index, link.a, link)}
    return found


def _driven(draft: Draft, cable: _Cable | None) -> bool:
    switch = draft.switches.get(cable.far.device) if cable is not None else None
    return switch is not None and switch.management is not None


def _port(draft: Draft, node: Node, nic: Nic, cable: _Cable | None) -> Iterator[Problem]:
    if cable is None:
        return
    place, switch = draft.place("links", cable.index), draft.switches.get(cable.far.device)
    if switch is not None and cable.far.port in switch.uplinks:
        says = f"{node.name}:{nic.name} is cabled to {cable.far}, which is an uplink and never touched"
        yield Problem(place, says, "end the cable at another port, or take it out of uplinks")
    for name in _carried(draft, node, nic) if _driven(draft, cable) else ():
        network = draft.networks.get(name)
        if network is not None and network.vlan is None:
            says = f"{cable.far} is a port of a driven switch and is to carry network {name}, which has no vlan"
            yield Problem(place, says, "give the network the vlan that it has on the switch")


def _carried(draft: Draft, node: Node, nic: Nic) -> list[str]:
    """The networks of a NIC's port, in any phase."""
    carried = list(node.networks_at(nic))
    if draft.provisioning is not None and nic == node.boot_nic:
        carried.append(draft.provisioning.network)
    return list(dict.fromkeys(carried))


def _bond(draft: Draft, node: Node, at: int, bond: Bond, cables: Cables) -> Iterator[Problem]:
    place = draft.place("nodes", node.name, "bonds", at, "members")
    plugged = [cable for nic in bond.members if (cable := cables.get(Endpoint(node.name, nic))) is not None]
    speeds = sorted({one.link.speed for one in plugged if one.link.speed is not None})
    if len(speeds) > 1:
        told = " and ".join(speed_in_words(one) for one in speeds)
        says = f"bond {bond.name} of {node.name} has cables of {told}"
        yield Problem(place, says, "bond cables of one speed")
    ends = sorted({one.far.device for one in plugged})
    if bond.mode != "lacp" or not any(_driven(draft, one) for one in plugged):
        return
    if len(ends) > 1:
        says = f"bond {bond.name} of {node.name} is LACP and ends at {' and '.join(ends)}: a LAG over two switches"
        remedy = "is not offered yet. End its cables at one switch, or make it mode: active-backup"
        yield Problem(place, says, remedy)
