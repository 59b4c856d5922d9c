"""The NICs of a host. A tree tells of them in up to three places: interfaces, device functions and ports.

Interfaces may be missing or hold InfiniBand; functions know MACs; ports know speed, link and technology.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from drivers.facts import NicFact
from drivers.redfish.resource import Resource
from drivers.redfish.tree import Tree
from inventory.address import Mac

_LINK = MappingProxyType({"LinkUp": True, "Up": True, "LinkDown": False, "Down": False, "NoLink": False})
_TECHNOLOGY = ("ActiveLinkTechnology", "LinkNetworkTechnology", "PortProtocol")


@dataclass(frozen=True)
class _Port:
    macs: frozenset[Mac]
    infiniband: bool
    speed_mbps: int | None
    link: bool | None
    source: str


def nics(tree: Tree, system: Resource) -> tuple[NicFact, ...]:
    """Every Ethernet MAC that can be this host's, each once. InfiniBand, empty and zero addresses are left out."""
    told = list(_interfaces(tree, system))
    foreign: set[Mac] = set()
    for chassis in system.links("Links", "Chassis"):
        for adapter in tree.members(tree.at(chassis).link("NetworkAdapters")):
            ports = tuple(_ports(tree, adapter))
            foreign |= {mac for port in ports if port.infiniband for mac in port.macs}
            foreign |= _infiniband_functions(tree, adapter, ports)
            told += _functions(tree, adapter, ports)
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


def _interfaces(tree: Tree, system: Resource) -> Iterator[NicFact]:
    seen: set[Mac] = set()
    for one in tree.members(system.link("EthernetInterfaces")):
        if one.text("EthernetInterfaceType") == "Virtual":
            continue
        mac = _own_mac(tree, one, seen)
        if mac is not None:
            link = _LINK.get(one.text("LinkStatus") or "")
            yield NicFact(mac, one.whole("SpeedMbps") or None, link, one.path)


def _functions(tree: Tree, adapter: Resource, ports: tuple[_Port, ...]) -> Iterator[NicFact]:
    """An adapter's functions, with speed and link of the port that carries their MAC; its ports where it has none."""
    seen: set[Mac] = set()
    for function in tree.members(adapter.link("NetworkDeviceFunctions")):
        mac = _own_mac(tree, function.inner("Ethernet"), seen)
        if mac is not None:
            port = next((port for port in ports if mac in port.macs), None)
            yield NicFact(mac, port.speed_mbps if port else None, port.link if port else None, function.path)
    if not seen:
        for port in ports:
            for mac in sorted(port.macs):
                yield NicFact(mac, port.speed_mbps, port.link, port.source)


def _infiniband_functions(tree: Tree, adapter: Resource, ports: tuple[_Port, ...]) -> set[Mac]:
    """On an adapter with an InfiniBand port only a function that calls itself Ethernet is believed to be."""
    mixed = any(port.infiniband for port in ports)
    found: set[Mac] = set()
    for function in tree.members(adapter.link("NetworkDeviceFunctions")):
        kind = function.text("NetDevFuncType")
        if kind == "InfiniBand" or (mixed and kind != "Ethernet"):
            inner = function.inner("Ethernet")
            told = (inner.text("MACAddress"), inner.text("PermanentMACAddress"))
            found |= {mac for text in told if text and (mac := _mac(tree, text, function.path))}
    return found


def _ports(tree: Tree, adapter: Resource) -> Iterator[_Port]:
    """By Ports, or the older NetworkPorts."""
    for port in tree.members(adapter.link("Ports") or adapter.link("NetworkPorts")):
        told = port.texts("Ethernet", "AssociatedMACAddresses") or port.texts("AssociatedNetworkAddresses")
        infiniband = any(port.text(key) == "InfiniBand" for key in _TECHNOLOGY)
        gbps = port.number("CurrentSpeedGbps")
        yield _Port(
            macs=frozenset(mac for text in told if (mac := _mac(tree, text, port.path))),
            infiniband=infiniband,
            speed_mbps=round(gbps * 1000) if gbps else port.whole("CurrentLinkSpeedMbps") or None,
            link=_LINK.get(port.text("LinkStatus") or ""),
            source=port.path,
        )


def _own_mac(tree: Tree, told: Resource, seen: set[Mac]) -> Mac | None:
    """The address in use, or the permanent one where another of its kind already has that."""
    doubled = False
    for key in ("MACAddress", "PermanentMACAddress"):
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
        tree.note("no-mac", path, str(error))
        return None
