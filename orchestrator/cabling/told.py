"""What switches and hosts told of who is at their ports, as kept, and who that is by the inventory.

Port ids come in every subtype, and some switches put the description in the name's place (quirk 110): all of it is
kept, a host is known by MAC or name, a switch's port by its name in whatever length.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from inventory.address import Endpoint, Mac, MacField
from inventory.model import Site

_NAME = re.compile(r"([A-Za-z][A-Za-z-]*?)\s*(\d\S*)$")
_TEXTUAL = ("mac", "local", None)  # port id kinds that may be a MAC; None: not told which


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(_Model):
    """One neighbour's words. `kind`: its port id's subtype as `PortIdKind` has it; None: not told."""

    chassis: str | None = None
    system: str | None = None
    kind: str | None = None
    port: str
    description: str | None = None


class NeighbourTold(_Model):
    at_port: str
    told: Told


class PortTold(_Model):
    """`lag`: the one that it is told to be in."""

    name: str
    up: bool | None = None
    enabled: bool | None = None
    speed_mbps: int | None = None
    lanes: int | None = None
    lag: str | None = None


class LearnedTold(_Model):
    mac: MacField
    port: str


class SwitchSeen(_Model):
    """What one switch told at one moment. `lags`: members by LAG."""

    at: datetime
    ports: tuple[PortTold, ...] = ()
    neighbours: tuple[NeighbourTold, ...] = ()
    learned: tuple[LearnedTold, ...] = ()
    lags: Mapping[str, tuple[str, ...]] = {}


class Directory:
    """Who is who in a site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @cached_property
    def nics(self) -> Mapping[Mac, Endpoint]:
        return {nic.mac: Endpoint(node.name, nic.name) for node in self._site.nodes.values() for nic in node.nics}

    @cached_property
    def bonds(self) -> Mapping[Endpoint, frozenset[Endpoint]]:
        """The NICs of the bond that a NIC is in: any of them may show any one's MAC."""
        found: dict[Endpoint, frozenset[Endpoint]] = {}
        for node in self._site.nodes.values():
            for bond in node.bonds:
                members = frozenset(Endpoint(node.name, name) for name in bond.members)
                found |= dict.fromkeys(members, members)
        return found

    def who(self, told: Told) -> Endpoint:
        """The end that told this of itself; in its own words where it is not of this site."""
        by_mac = self._by_mac(told.port) if told.kind in _TEXTUAL else None
        if by_mac is not None:
            return by_mac
        device = self._device(told)
        names = (told.description, told.port) if told.kind == "mac" else (told.port, told.description)
        if device is None:
            return Endpoint(told.system or told.chassis or "somebody", told.port)
        return self.port(device, *(name for name in names if name))

    def port(self, device: str, *names: str) -> Endpoint:
        """The first of these names that the device has, in the inventory's spelling; else the first as it is."""
        known = self._ports(device)
        found = next((one for name in names if (one := same_port(name, known)) is not None), None)
        return Endpoint(device, found or names[0])

    def _ports(self, device: str) -> Collection[str]:
        node, switch = self._site.nodes.get(device), self._site.switches.get(device)
        return [nic.name for nic in node.nics] if node else switch.ports if switch else ()

    def _by_mac(self, text: str | None) -> Endpoint | None:
        try:
            return self.nics.get(Mac(text or ""))
        except ValueError:
            return None

    def _device(self, told: Told) -> str | None:
        """By system name, with or without its domain; else by chassis id, as a name or as the MAC of a NIC."""
        known = self._site.nodes.keys() | self._site.switches.keys()
        for text in (told.system, told.chassis):
            name = (text or "").casefold()
            for each in (name, name.partition(".")[0]):
                if each in known:
                    return each
        by_mac = self._by_mac(told.chassis)
        return by_mac.device if by_mac else None


def same_port(name: str, known: Iterable[str]) -> str | None:
    """Which of the known ports a name means: as it stands, else by its letters cut short (quirk 111), if just one."""
    ports = list(known)
    if name in ports:
        return name
    wanted = name.strip().casefold().removesuffix(".0")  # Junos names the unit of an access port
    same = [port for port in ports if port.casefold() == wanted] or [port for port in ports if _short(wanted, port)]
    return same[0] if len(same) == 1 else None


def _short(name: str, port: str) -> bool:
    one, other = _NAME.match(name), _NAME.match(port.casefold())
    if one is None or other is None or one[2] != other[2]:
        return False
    return one[1].startswith(other[1]) or other[1].startswith(one[1])
