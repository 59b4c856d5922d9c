"""Networks do not overlap; addresses lie in their network, outside its DHCP ranges, and belong to one each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from inventory.address import Ip, Prefix
from inventory.draft import Claim, Draft, clashes
from inventory.errors import Place, Problem
from inventory.network import Bond, Bridge, Network, Nic
from inventory.switch import Switch


@dataclass(frozen=True)
class _Use:
    """An address on a network, whose it is, and where that was written."""

    address: Ip
    network: str
    by: str
    place: Place
    serves: bool = False  # Anneal may itself be the gateway


@dataclass(frozen=True, order=True)
class _Span:
    version: int
    first: int
    last: int
    says: str
    place: Place


def addressing(draft: Draft) -> Iterator[Problem]:
    for version in (4, 6):  # one wire may have a network of each
        yield from clashes("VLAN", _vlans(draft, version), "give each network its own VLAN id")
    yield from _overlaps(_prefixes(draft), "give each network its own prefix")
    for name, network in draft.networks.items():
        yield from _network(draft, name, network)
    uses = [*_served(draft), *_worn(draft), *_first_boots(draft)]
    for use in uses:
        yield from _misplaced(draft, use)
    claims = [Claim(str(use.address), use.by, use.place) for use in uses]
    yield from clashes("IP", (*claims, *_managed_hosts(draft)), "give each its own address")
    yield from _unbootable(draft)


def _vlans(draft: Draft, version: int) -> Iterator[Claim]:
    for name, network in draft.networks.items():
        if network.vlan is not None and network.prefix.version == version:
            yield Claim(str(network.vlan), f"network {name}", draft.place("networks", name, "vlan"))


def _prefixes(draft: Draft) -> Iterator[_Span]:
    for name, network in draft.networks.items():
        prefix, place = network.prefix, draft.place("networks", name, "prefix")
        first, last = int(prefix.network_address), int(prefix.broadcast_address)
        yield _Span(prefix.version, first, last, f"prefix {prefix} of network {name}", place)


def _ranges(draft: Draft, name: str, network: Network) -> Iterator[_Span]:
    for index, span in enumerate(network.ranges):
        place = draft.place("networks", name, "ranges", index)
        yield _Span(span.first.version, int(span.first), int(span.last), f"range {span}", place)


def _overlaps(spans: Iterable[_Span], remedy: str) -> Iterator[Problem]:
    """In order of their first address, each span against the one before it that reaches farthest."""
    reach: _Span | None = None
    for span in sorted(spans):
        if reach is not None and span.version == reach.version and span.first <= reach.last:
            yield Problem(span.place, f"{span.says} overlaps {reach.says}", remedy)
            reach = span if span.last > reach.last else reach
        else:
            reach = span


def _network(draft: Draft, name: str, network: Network) -> Iterator[Problem]:
    gateway = network.gateway
    if gateway is not None:
        place = draft.place("networks", name, "gateway")
        yield from _unfit(place, f"gateway {gateway}", gateway, network.prefix)
    for index, span in enumerate(network.ranges):
        place = draft.place("networks", name, "ranges", index)
        if span.first not in network.prefix or span.last not in network.prefix:
            yield Problem(place, f"range {span} is not in {network.prefix}", "keep both ends in the network's prefix")
        elif int(span.first) > int(span.last):
            yield Problem(place, f"range {span} ends before it begins", "swap first and last")
        elif gateway is not None and span.use == "dhcp" and span.holds(gateway):
            yield Problem(place, f"range {span} would give out the gateway {gateway}", "leave the gateway out")
    yield from _overlaps(_ranges(draft, name, network), "let ranges follow one another")


def _served(draft: Draft) -> Iterator[_Use]:
    if draft.provisioning is not None:
        place = draft.place("site", "provisioning", "address")
        yield _Use(draft.provisioning.address, draft.provisioning.network, "Anneal itself", place, serves=True)


def _worn(draft: Draft) -> Iterator[_Use]:
    """Declared addresses; those to be given out are fitting by the way they are chosen."""
    for name, node in draft.nodes.items():
        sections: tuple[tuple[str, tuple[Nic | Bond | Bridge, ...]], ...] = (
            ("nics", node.nics),
            ("bonds", node.bonds),
            ("bridges", node.bridges),
        )
        for section, interfaces in sections:
            for at, interface in enumerate(interfaces):
                for index, one in enumerate(interface.addresses):
                    place = draft.place("nodes", name, section, at, "addresses", index, "address")
                    if not one.auto:
                        yield _Use(one.address, one.network, f"{name}:{interface.name}", place)


def _first_boots(draft: Draft) -> Iterator[_Use]:
    for name, switch in draft.switches.items():
        if switch.first_boot is not None and draft.provisioning is not None:
            place = draft.place("switches", name, "first_boot", "address")
            yield _Use(switch.first_boot.address, draft.provisioning.network, name, place)


def _misplaced(draft: Draft, use: _Use) -> Iterator[Problem]:
    network = draft.networks.get(use.network)
    if network is None:
        return
    who = f"address {use.address} of {use.by}"
    yield from _unfit(use.place, who, use.address, network.prefix)
    if use.address == network.gateway and not use.serves:
        yield Problem(use.place, f"{who} is the gateway of network {use.network}", "give the node another address")
    for span in network.ranges:
        if span.use == "dhcp" and span.holds(use.address):
            says = f"{who} lies in the DHCP range {span} of network {use.network}"
            yield Problem(use.place, says, "move it out of the range, or shorten the range")


def _unfit(place: Place, who: str, address: Ip, prefix: Prefix) -> Iterator[Problem]:
    """Outside the prefix, or what no host of it can have. /31 and /127 have hosts only (RFC 3021, RFC 6164)."""
    if address not in prefix:
        yield Problem(place, f"{who} is not in {prefix}", f"choose one in {prefix}, or another network")
    elif prefix.num_addresses > 2 and address == prefix.network_address:
        yield Problem(place, f"{who} is the network itself, {prefix}", "choose one after it")
    elif prefix.version == 4 and prefix.num_addresses > 2 and address == prefix.broadcast_address:
        yield Problem(place, f"{who} is the broadcast address of {prefix}", "choose one before it")


def _is_served(switch: Switch) -> bool:
    """It is managed at the address that its first boot gets: that is claimed once."""
    given = switch.first_boot.address if switch.first_boot is not None else None
    return switch.management is not None and switch.management.address.host == str(given)


def _managed_hosts(draft: Draft) -> Iterator[Claim]:
    """One claim per host: several BMCs and switches at one address with ports of their own are no clash."""
    told = [
        (node.bmc.address.host, f"the BMC of {name}", draft.place("nodes", name, "bmc", "address"))
        for name, node in draft.nodes.items()
    ]
    told += [
        (switch.management.address.host, f"switch {name}", draft.place("switches", name, "management", "address"))
        for name, switch in draft.switches.items()
        if switch.management is not None and not _is_served(switch)
    ]
    seen: set[Ip] = set()
    for host, by, place in told:
        try:
            address = ip_address(host)
        except ValueError:
            continue
        if address not in seen:
            seen.add(address)
            yield Claim(str(address), by, place)


def _unbootable(draft: Draft) -> Iterator[Problem]:
    """A node is served at its boot NIC's (or that one's bond's) address on the provisioning network, without a tag:
    firmware sends none."""
    wanted = draft.provisioning.network if draft.provisioning is not None else None
    for name, node in draft.nodes.items() if wanted in draft.networks else ():
        nic = node.boot_nic
        place = draft.place("nodes", name, "nics", node.nics.index(nic))
        there = [one for one in node.addresses_at(nic) if one.network == wanted]
        if not there:
            says = f"{name} boots from {nic.name}, which has no address on the provisioning network {wanted!r}"
            yield Problem(place, says, "give it one under addresses:, or set boot: true on the NIC that has one")
        elif all(address.tagged for address in there):
            says = f"{name} boots from {nic.name}, where the provisioning network {wanted!r} is tagged"
            yield Problem(place, says, "leave tagged out there: firmware boots from frames without a tag")
