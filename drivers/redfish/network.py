"""A BMC's own network by Redfish: its name, whether it speaks IPMI, and its IPv4 address.

Source: DSP0268, Manager, ManagerNetworkProtocol, EthernetInterface.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface, ip_address

from pydantic import JsonValue

from drivers.ability.management import Dhcp, Static
from drivers.ability.progress import Handle
from drivers.errors import Busy, Faltered, IdentityChanged, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.redfish.host import Host
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree
from drivers.wire.https import Json
from inventory.quantity import in_words

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NO_EDGES = 31  # bits; a prefix so long has no network and no broadcast address (RFC 3021)


class _Standing(Enum):
    """How an interface is, measured by what it should be."""

    IN_FORCE = auto()
    STORED = auto()  # it is told so, and goes on as before: some wait for a restart of the BMC
    OTHER = auto()
    GONE = auto()  # nobody, or another machine, answers where it was


class RedfishNetwork:
    """The manager that is the host's."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def set_hostname(self, name: str) -> None:
        """On its interface and among its protocols, wherever it is told. A place that refuses it is not writable."""
        if not _LABEL.fullmatch(name):
            what = f"{name!r} is no host name"
            raise Refused(self._who, what, "use letters, digits and hyphens, 63 at most. Nothing was sent")
        refusals: list[Refused | Unsupported] = []
        places = [one.path for one in (self._own_or_none(), self._protocols()) if one and "HostName" in one.body]
        if not places:
            raise Unsupported(self._who, "its BMC tells no host name of its own", "set it by hand or by DHCP")
        for path in places:
            try:
                self._hold(path, {"HostName": name}, lambda told: _host_name(told).casefold() == name.casefold())
            except (Refused, Unsupported) as error:
                refusals.append(error)
        if len(refusals) == len(places):
            raise refusals[0]

    def set_ipmi(self, *, enabled: bool) -> None:
        protocols = self._protocols()
        if protocols is None or protocols.flag("IPMI", "ProtocolEnabled") is None:
            what = "its BMC does not tell whether it speaks IPMI over LAN"
            raise Unsupported(self._who, what, "look on its own page, and switch it there")
        change: Json = {"IPMI": {"ProtocolEnabled": enabled}}
        self._hold(protocols.path, change, lambda told: told.flag("IPMI", "ProtocolEnabled") is enabled)

    def has_address(self, wanted: Static | Dhcp) -> bool:
        nic = self._own()
        return _standing(nic, wanted) is _Standing.IN_FORCE and self._speaks_to(nic, wanted)

    def set_address(self, wanted: Static | Dhcp) -> Handle | None:
        wrong = _wrong(wanted) if isinstance(wanted, Static) else None
        if wrong:
            raise Refused(self._who, wrong, "correct the address, its prefix or the gateway. Nothing was sent")
        nic = self._own()
        match _standing(nic, wanted):
            case _Standing.IN_FORCE:
                return None
            case _Standing.STORED:
                return _handle(nic, wanted, _Standing.STORED, datetime.now(UTC))
        return self._moved(nic, wanted)

    def _moved(self, nic: Resource, wanted: Static | Dhcp) -> Handle | None:
        why: list[Refused | NotApplied] = []
        for form in _forms(nic, wanted):
            begun = datetime.now(UTC)
            try:
                answered = self._answered(nic.path, form)
            except Refused as error:
                why.append(error)
                continue
            standing, nic = self._followed(nic, wanted)
            if standing is not _Standing.OTHER:
                proven = standing is _Standing.IN_FORCE and self._speaks_to(nic, wanted)
                return None if proven else _handle(nic, wanted, standing, begun)
            what = f"{nic.path} was told to have {wanted}, and after {in_words(self._host.patience.settle)} "
            what += f"has {_has(nic)}"
            why.insert(0, NotApplied(self._who, what, "set it on its own page; restart its BMC"))
            if not answered:
                break  # it may yet come about: nothing else is sent meanwhile
        raise why[0]

    @property
    def _who(self) -> str:
        return self._host.session.who

    def _manager(self) -> Resource:
        if not self._host.manager.path:
            what = "no manager is known to be this host's"
            raise Unsupported(self._who, what, "set it by hand, or update its firmware")
        return self._host.manager

    def _protocols(self) -> Resource | None:
        link = self._manager().link("NetworkProtocol")
        return self._host.session.find(link) if link else None

    def _own_or_none(self) -> Resource | None:
        try:
            return self._own()
        except Unsupported:
            return None

    def _own(self) -> Resource:
        """The interface with the address that we speak to; else the only one that is up and no line to the host."""
        manager, here = self._manager(), self._host.session.address.host
        tree = Tree(self._host.session, manager, whole=True)
        # What is written out without a link of its own cannot be written to.
        nics = [nic for nic in tree.members(manager.link("EthernetInterfaces")) if "#" not in nic.path]
        found = [nic for nic in nics if here in _addresses(nic)]
        if not found:
            if tree.bad:
                what = f"which interface is its own cannot be told: {tree.findings[-1].path} cannot be read"
                raise Busy(self._who, what, "nothing was written; retry, or restart its BMC")
            found = [nic for nic in nics if _outward(nic)]
        if len(found) == 1:
            return found[0]
        named = ", ".join(nic.path for nic in found) or "none"
        what = f"of the BMC's interfaces it cannot be told which one {here} leads to (it may be: {named})"
        raise Unsupported(self._who, what, "name the BMC by its address in the inventory, or set it on its own page")

    def _hold(self, path: str, change: Json, holds: Callable[[Resource], bool]) -> None:
        session = self._host.session
        if holds(session.get(path)):
            return
        self._answered(path, change)
        for told in self._host.readings(lambda: session.get(path), f"{_shown(change)} to {path}"):
            if holds(told):
                return
        held = _shown({name: told.body.get(name) for name in change})
        what = f"{_shown(change)} was sent to {path}, and after {in_words(self._host.patience.settle)} it has {held}"
        raise NotApplied(self._who, what, "set it on its own page; restart its BMC")

    def _answered(self, path: str, change: Json) -> bool:
        """Send it. False where what became of it is for reading back to tell."""
        try:
            self._host.session.patch(path, change)
        except (UnknownOutcome, Faltered):
            return False
        return True

    def _followed(self, nic: Resource, wanted: Static | Dhcp) -> tuple[_Standing, Resource]:
        """How it is once it had time to settle, and the last that was read of it. It may have left us on its way."""
        standing = _Standing.GONE
        for _ in self._host.patience.looks(self._host.patience.settle):
            try:
                nic = self._host.session.get(nic.path)
            except (Transient, IdentityChanged):
                standing = _Standing.GONE
                continue
            standing = _standing(nic, wanted)
            if standing is _Standing.IN_FORCE:
                break
        return standing, nic

    def _speaks_to(self, nic: Resource, wanted: Static | Dhcp) -> bool:
        here = self._host.session.address.host
        return here == str(wanted.address.ip) if isinstance(wanted, Static) else here in _addresses(nic)


def _wrong(wanted: Static) -> str | None:
    """Why a machine that is given this address would be lost; None where nothing is wrong with it."""
    ip, network, gateway = wanted.address.ip, wanted.address.network, wanted.gateway
    edges = {network.network_address, network.broadcast_address} if network.prefixlen < _NO_EDGES else set()
    checks = (
        (ip.is_unspecified or ip.is_multicast or ip.is_reserved or ip.is_link_local, f"{ip} is no host's address"),
        (network.prefixlen == 0, f"{wanted.address} has no prefix"),
        (ip in edges, f"{ip} is the network or broadcast address of {network}"),
        (gateway is not None and gateway not in network, f"the gateway {gateway} is not within {network}"),
        (gateway == ip, f"the gateway {gateway} is the address itself"),
        (gateway in edges, f"the gateway {gateway} is the network or broadcast address of {network}"),
    )
    return next((says for applies, says in checks if applies), None)


def _forms(nic: Resource, wanted: Static | Dhcp) -> list[Json]:
    """The ways to say it, first the one that fits what the interface tells. Each says all of it in one write.

    In two writes it would be without an address between them. IPv4StaticAddresses and DHCPv4 came with
    EthernetInterface 1.4; before that, IPv4Addresses was written.
    """
    if isinstance(wanted, Dhcp):
        forms: list[Json] = [{"DHCPv4": {"DHCPEnabled": True}}, {"IPv4Addresses": [{"AddressOrigin": "DHCP"}]}]
        return forms if "DHCPv4" in nic.body or "IPv4StaticAddresses" in nic.body else forms[::-1]
    entry: dict[str, JsonValue] = {"Address": str(wanted.address.ip), "SubnetMask": str(wanted.address.netmask)}
    if wanted.gateway:
        entry["Gateway"] = str(wanted.gateway)
    still = nic.flag("DHCPv4", "DHCPEnabled") is not False and "DHCPv4" in nic.body
    switch: dict[str, JsonValue] = {"DHCPv4": {"DHCPEnabled": False}} if still else {}
    own: Json = {**switch, "IPv4StaticAddresses": [entry]}
    old: Json = {**switch, "IPv4Addresses": [{**entry, "AddressOrigin": "Static"}]}
    return [own, old] if "DHCPv4" in nic.body or "IPv4StaticAddresses" in nic.body else [old, own]


def _standing(nic: Resource, wanted: Static | Dhcp) -> _Standing:
    on = nic.flag("DHCPv4", "DHCPEnabled")
    if isinstance(wanted, Dhcp):
        origins = {one.text("AddressOrigin") for one in nic.objects("IPv4Addresses") if _parsed(one)}
        if on is not False and ("DHCP" in origins or (on and origins == {None})):
            return _Standing.IN_FORCE
        return _Standing.STORED if on else _Standing.OTHER
    if on:
        return _Standing.OTHER
    stored = any(_matches(nic, "IPv4StaticAddresses", one, wanted) for one in nic.objects("IPv4StaticAddresses"))
    for one in nic.objects("IPv4Addresses"):
        # With neither a switch nor an origin told, only its standing among the static ones tells where it is from.
        origin = one.text("AddressOrigin") or ("Static" if on is False or stored else None)
        if origin == "Static" and _matches(nic, "IPv4Addresses", one, wanted):
            return _Standing.IN_FORCE
    return _Standing.STORED if stored and on is False else _Standing.OTHER


def _matches(nic: Resource, kind: str, entry: Resource, wanted: Static) -> bool:
    """An entry's gateway counts for the whole list: the first alone may have one (DSP0268, IPAddresses)."""
    gateways = {one.text("Gateway") for one in nic.objects(kind)}
    return _parsed(entry) == wanted.address and (wanted.gateway is None or str(wanted.gateway) in gateways)


def _parsed(entry: Resource) -> IPv4Interface | None:
    """None for one that is not used, or tells no mask."""
    try:
        told = IPv4Interface(f"{entry.text('Address')}/{entry.text('SubnetMask')}")
    except ValueError:
        return None
    return None if told.ip == IPv4Address(0) else told


def _addresses(nic: Resource) -> set[str]:
    told = (one.text("Address") for kind in ("IPv4Addresses", "IPv6Addresses") for one in nic.objects(kind))
    return {address for text in told if text and (address := _canonical(text))}


def _canonical(text: str) -> str | None:
    try:
        return str(ip_address(text.partition("/")[0]))
    except ValueError:
        return None


def _outward(nic: Resource) -> bool:
    return nic.link("Links", "HostInterface") is None and nic.flag("InterfaceEnabled") is not False


def _host_name(place: Resource) -> str:
    return place.text("HostName") or ""


def _handle(nic: Resource, wanted: Static | Dhcp, standing: _Standing, begun: datetime) -> Handle:
    mac = nic.label("MACAddress")
    whose = f"{nic.path}, {mac}" if mac else nic.path
    what = f"the BMC's move to {wanted} ({whose})"
    if standing is _Standing.STORED:
        what += "; it is stored, and not in force before its BMC is restarted or has found its network"
    return Handle(what, None, begun)


def _has(nic: Resource) -> str:
    told = ", ".join(str(parsed) for one in nic.objects("IPv4Addresses") if (parsed := _parsed(one)))
    on = nic.flag("DHCPv4", "DHCPEnabled")
    return f"{told or 'none'}, DHCP {'not told' if on is None else 'on' if on else 'off'}"


def _shown(change: Json) -> str:
    return ", ".join(f"{name} {value}" for name, value in change.items())
