"""A node's interfaces as files for its system (pure): units of systemd-networkd, or a netplan.

Sources: systemd.netdev(5) and systemd.network(5) of systemd 252; netplan(5) of netplan 0.106.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from inventory.interfaces import Interface
from orchestrator.boot.render import render

Renderer = Literal["networkd", "netplan"]
STEM = "10-anneal-"
NETPLAN = "10-anneal.yaml"


@dataclass(frozen=True)
class HostNetwork:
    """All that a system is told. Resolvers are the host's; they are told at one interface: the one that leads out, else
    the first that has an address."""

    interfaces: tuple[Interface, ...]
    dns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def resolver(self) -> str | None:
        leading = [one.name for one in self.interfaces if any(way.default for way in one.routes)]
        return next(iter((*leading, *(one.name for one in self.interfaces if one.addresses))), None)


Files = Mapping[str, str]  # name to text


def rendered(network: HostNetwork, renderer: Renderer) -> Files:
    """The files by name."""
    return _RENDERERS[renderer](network)


def digest(files: Files) -> str:
    """One name for a whole set."""
    told = "".join(f"{name}\0{text}\0" for name, text in sorted(files.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _networkd(network: HostNetwork) -> Files:
    return dict(_units(network))


def _units(network: HostNetwork) -> Iterator[tuple[str, str]]:
    first = {one.name: one.members[0] for one in network.interfaces if one.mode == "active-backup"}
    for one in network.interfaces:
        here = one.name == network.resolver
        if one.kind != "nic":
            yield f"{STEM}{one.name}.netdev", render("network/networkd/netdev.j2", it=one)
        yield (
            f"{STEM}{one.name}.network",
            render(
                "network/networkd/network.j2",
                it=one,
                primary=one.bond is not None and first.get(one.bond) == one.name,
                dns=network.dns if here else (),
                domains=network.domains if here else (),
            ),
        )


def _netplan(network: HostNetwork) -> Files:
    text = render(
        "network/netplan.yaml.j2",
        interfaces=network.interfaces,
        resolver=network.resolver,
        dns=network.dns,
        domains=network.domains,
    )
    return {NETPLAN: text}


_RENDERERS: Mapping[Renderer, Callable[[HostNetwork], Files]] = MappingProxyType(
    {"networkd": _networkd, "netplan": _netplan}
)


def first(network: HostNetwork) -> HostNetwork:
    """What goes before the rest: bonds without addresses, and of their members all but the one that has booted and
    bears the traffic. Nothing where no bond has another member."""
    last = {one.bond for one in network.interfaces if one.last}
    members = [one for one in network.interfaces if one.bond in last and not one.last]
    ready = {one.bond for one in members}
    bonds = [
        one.model_copy(update={"addresses": (), "routes": (), "rules": (), "vlans": (), "bridge": None})
        for one in network.interfaces
        if one.kind == "bond" and one.name in ready
    ]
    return HostNetwork((*members, *bonds))
