"""The NICs of a host. A tree tells of them in up to four places: interfaces, device functions, ports, a vendor's own.

Interfaces may be missing or hold InfiniBand; functions know MACs; ports know speed, link and technology (quirk 53, 54).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from drivers.facts import NicFact
from drivers.plain import plain
from drivers.redfish.places import chassis_of
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree
from inventory.address import Mac

_LINK = MappingProxyType({"LinkUp": True, "Up": True, "LinkDown": False, "Down": False, "NoLink": False})
_TECHNOLOGY = ("ActiveLinkTechnology", "LinkNetworkTechnology", "PortProtocol")
_ADAPTER = ("NetworkDeviceFunctions",)
_FUNCTION = ("Ethernet",)
_PORT = ("LinkStatus",)
_OWN = ("MACAddress", "CurrentMACAddress", "PermanentMACAddress")  # the second is Dell's
# The host's end of its BMC's own cable, over USB or within the board, is no NIC of it; nor is what is not Ethernet.
_NOT_OURS = re.compile(
    r"^to ?(manager|host)$|\b(host)?usb\d*\b|\brshim\b|infini ?band|\bipoib\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Port:
    path: str
    macs: frozenset[Mac]
    infiniband: bool
    speed_mbps: int | None
    link: bool | None


def nics(tree: Tree, root: Resource, system: Resource) -> tuple[NicFact, ...]:
    """Every Ethernet MAC that can be this host's, each once. InfiniBand, empty and zero addresses are left out."""
    told = list(_interfaces(tree, system))
    foreign: set[Mac] = set()
    for adapter in _adapters(tree, root, system):
        ports = tuple(_ports(tree, adapter))
        foreign |= {mac for port in ports if port.infiniband for mac in port.macs}
        foreign |= _infiniband_functions(tree, adapter, ports)
        told += _functions(tree, adapter, ports)
    told = told or list(_of_hpe(tree, system))
    merged: dict[Mac, NicFact] = {}
    for nic in told:
        if nic.mac not in foreign:
            first = merged.setdefault(nic.mac, nic)
            merged[nic.mac] = replace(
                first,
                speed_mbps=first.speed_mbps if first.speed_mbps is not None else nic.speed_mbps,
                link=first.link if first.link is not None else nic.link,
            )
    return tuple(merged.values())


def _adapters(tree: Tree, root: Resource, system: Resource) -> Iterator[Resource]:
    """By the chassis that the host stands in; where those have none, by the host's own network interfaces."""
    seen: set[str] = set()
    for chassis in chassis_of(tree, root, system):
        for adapter in tree.members(chassis.link("NetworkAdapters"), *_ADAPTER):
            if adapter.path not in seen:
                seen.add(adapter.path)
                yield adapter
    if not seen:
        for interface in tree.members(system.link("NetworkInterfaces"), "Links"):
            link = interface.link("Links", "NetworkAdapter")
            # Some have functions and ports at the interface and no adapter.
            yield tree.at(link) if link else interface


def _interfaces(tree: Tree, system: Resource) -> Iterator[NicFact]:
    seen: set[Mac] = set()
    for one in tree.members(system.link("EthernetInterfaces"), "MACAddress"):
        if one.text("EthernetInterfaceType") == "Virtual" or _is_not_ours(one):
            continue
        mac = _own_mac(tree, one, seen)
        if mac is not None:
            link = _LINK.get(one.text("LinkStatus") or "")
            yield NicFact(mac, one.whole("SpeedMbps") or None, link, plain(one.path))


def _is_not_ours(interface: Resource) -> bool:
    if interface.inner("Links", "HostInterface").body:
        return True
    return any(_NOT_OURS.search(told) for key in ("Id", "Name", "Description") if (told := interface.label(key)))


def _functions(tree: Tree, adapter: Resource, ports: tuple[_Port, ...]) -> Iterator[NicFact]:
    """An adapter's functions, with speed and link of the port that carries them; its ports where it has none."""
    seen: set[Mac] = set()
    for function in tree.members(adapter.link("NetworkDeviceFunctions"), *_FUNCTION):
        dell = function.inner("Oem", "Dell", "DellNIC")
        mac = _own_mac(tree, function.inner("Ethernet"), seen) or _own_mac(tree, dell, seen)
        if mac is not None:
            port = _port_of(function, mac, ports)
            speed, link = (port.speed_mbps, port.link) if port else (None, None)
            yield NicFact(mac, speed, link, plain(function.path))
    if not seen:
        for port in ports:
            for mac in sorted(port.macs):
                yield NicFact(mac, port.speed_mbps, port.link, plain(port.path))


def _port_of(function: Resource, mac: Mac, ports: tuple[_Port, ...]) -> _Port | None:
    """By the MAC, else by the one port that the function names. Never by a short id: those collide."""
    carrying = next((port for port in ports if mac in port.macs), None)
    named = {
        *function.links("AssignablePhysicalPorts"),
        *function.links("AssignablePhysicalNetworkPorts"),
        *function.links("Links", "PhysicalPortAssignment"),
        *function.links("Links", "PhysicalNetworkPortAssignment"),
    }
    linked = [port for port in ports if port.path in named]
    return carrying or (linked[0] if len(linked) == 1 else None)


def _of_hpe(tree: Tree, system: Resource) -> Iterator[NicFact]:
    """iLO 4 and 5 tell of adapters that the standard places lack by a list of their own."""
    seen: set[Mac] = set()
    for vendor, links in (("Hpe", "Links"), ("Hp", "Links"), ("Hp", "links")):
        own = system.inner("Oem", vendor).inner(links)
        link = own.link("NetworkAdapters") or own.text("NetworkAdapters", "href")
        for adapter in tree.members(link, "PhysicalPorts"):
            for port in adapter.objects("PhysicalPorts"):
                text = port.text("MacAddress")
                mac = _mac(tree, text, port.path) if text else None
                if mac is not None and mac not in seen:
                    seen.add(mac)
                    up = _LINK.get(port.text("LinkStatus") or "")
                    yield NicFact(mac, port.whole("SpeedMbps") or None, up, plain(port.path))


def _infiniband_functions(tree: Tree, adapter: Resource, ports: tuple[_Port, ...]) -> set[Mac]:
    """On an adapter with an InfiniBand port only a function that calls itself Ethernet is believed to be."""
    mixed = any(port.infiniband for port in ports)
    found: set[Mac] = set()
    for function in tree.members(adapter.link("NetworkDeviceFunctions"), *_FUNCTION):
        kind = function.text("NetDevFuncType")
        if kind == "InfiniBand" or (mixed and kind != "Ethernet"):
            inner = function.inner("Ethernet")
            dell = function.inner("Oem", "Dell", "DellNIC")
            told = tuple(one.text(key) for one in (inner, dell) for key in _OWN)
            found |= {mac for text in told if text and (mac := _mac(tree, text, function.path))}
    return found


def _ports(tree: Tree, adapter: Resource) -> Iterator[_Port]:
    """By Ports, or the older NetworkPorts."""
    for port in tree.members(adapter.link("Ports") or adapter.link("NetworkPorts"), *_PORT):
        told = port.texts("Ethernet", "AssociatedMACAddresses") or port.texts("AssociatedNetworkAddresses")
        infiniband = any(port.text(key) == "InfiniBand" for key in _TECHNOLOGY)
        gbps = port.number("CurrentSpeedGbps")
        yield _Port(
            path=port.path,
            macs=frozenset(mac for text in told if (mac := _mac(tree, text, port.path))),
            infiniband=infiniband,
            speed_mbps=round(gbps * 1000) if gbps else port.whole("CurrentLinkSpeedMbps") or None,
            link=_LINK.get(port.text("LinkStatus") or ""),
        )


def _own_mac(tree: Tree, told: Resource, seen: set[Mac]) -> Mac | None:
    """The address in use, or the permanent one where another of its kind already has that."""
    doubled = False
    for key in _OWN:
        text = told.text(key)
        mac = _mac(tree, text, told.path) if text else None
        if mac is not None and mac not in seen:
            seen.add(mac)
            return mac
        doubled = doubled or mac is not None
    if doubled:
        tree.note("duplicate-mac", told.path, "another interface has this MAC; it is counted once")
    return None


def _mac(tree: Tree, text: str, path: str) -> Mac | None:
    try:
        return Mac(text)
    except ValueError as error:
        tree.note("no-mac", path, plain(str(error)))
        return None
