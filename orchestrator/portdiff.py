"""Ports as they are beside what they are to be: what differs, what keeps a host from booting, who must wait (pure).

What a switch does not tell (None for MTU and edge) is not held against it. A description is for people: it is written
with the rest, and alone it is no difference.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.ability.switch import Lag, LagWanted, MemberState, PortSettings
from orchestrator.ports import SwitchIntent

Found = Mapping[str, PortSettings]


@dataclass(frozen=True)
class Line:
    """One setting of a port: `then` is what it is, `present` what it is to be; both as a person reads them."""

    name: str
    then: str
    present: str

    def __str__(self) -> str:
        return f"{self.name} is {self.then}, wanted {self.present}"


def lines(found: PortSettings, wanted: PortSettings) -> tuple[Line, ...]:
    """The settings that differ."""
    then, present = _spelled(found), spelled(wanted)
    return tuple(Line(name, then[name], text) for name, text in present.items() if then.get(name, text) != text)


def spelled(settings: PortSettings) -> dict[str, str]:
    """Each setting as a person reads it; without what is not told. Of a port that is to be off, nothing else."""
    return _spelled(settings) if settings.enabled else {"port": "off"}


def _spelled(settings: PortSettings) -> dict[str, str]:
    told = {
        "port": "on" if settings.enabled else "off",
        "untagged VLAN": "none" if settings.untagged is None else str(settings.untagged),
        "tagged VLANs": ", ".join(str(vlan) for vlan in sorted(settings.tagged)) or "none",
        "LAG": _lag(settings.lag),
    }
    if settings.mtu is not None:
        told["MTU"] = str(settings.mtu)
    if settings.edge is not None:
        told["edge port"] = "yes" if settings.edge else "no"
    return told


def lacking(wanted: SwitchIntent, found: Found, vlans: Collection[int]) -> dict[str, tuple[Line, ...]]:
    """By port, what is not as wanted; by `VLAN n`, those that are not there. Empty where all holds."""
    told: dict[str, tuple[Line, ...]] = {
        f"VLAN {vlan}": (Line("it", "not there", name),) for vlan, name in wanted.vlans.items() if vlan not in vlans
    }
    for name, one in wanted.ports.items():
        seen = found.get(name)
        differing = lines(seen, one.settings) if seen is not None else (Line("it", "no port of the switch", "one"),)
        if differing:
            told[name] = differing
    return told


def in_words(switch: str, told: Mapping[str, Sequence[Line]]) -> str:
    """`sw1 swp1: untagged VLAN is none, wanted 100; ...`."""
    return "; ".join(f"{switch} {name}: {', '.join(str(one) for one in differing)}" for name, differing in told.items())


def unbootable(wanted: SwitchIntent, found: Found) -> Iterator[str]:
    """Why firmware would not get through at a port that it boots by, in words (quirks 112, 113 and 118)."""
    for name, one in wanted.ports.items():
        seen = found.get(name)
        if seen is not None and one.boots:
            yield from (f"{name} ({one.node}:{one.nic}) {why}" for why in _hurdles(seen, one.settings))


def _hurdles(seen: PortSettings, wanted: PortSettings) -> Iterator[str]:
    if not seen.enabled:
        yield "is off"
    if seen.untagged != wanted.untagged:
        yield f"has {seen.untagged or 'no VLAN'} untagged, and it boots from {wanted.untagged}"
    if seen.edge is False:
        yield "is no edge port: spanning tree outlasts the patience of firmware"
    if seen.lag is not None and not seen.lag.fallback:
        yield f"is in LAG {seen.lag.number} without fallback: firmware speaks no LACP"


def occupied(wanted: SwitchIntent, lags: Sequence[Lag]) -> Iterator[str]:
    """LAG numbers that are wanted and have other ports in them: in words, with those ports."""
    for number, ports in _by_lag(wanted).items():
        for lag in lags:
            strangers = sorted(set(lag.members) - ports)
            if _number(lag.name) == number and strangers:
                yield f"LAG {number} is {lag.name} and has {', '.join(strangers)} in it"


def alive(ports: Collection[str], lags: Sequence[Lag]) -> frozenset[str]:
    """Of ports whose link is up those that forward: in no LAG, or not down in theirs."""
    down = {name for lag in lags for name, state in lag.members.items() if state is MemberState.DOWN}
    return frozenset(ports) - down


def takes_down(found: PortSettings | None, wanted: PortSettings) -> bool:
    """Whether a change interrupts what the port forwards: it leaves or joins a LAG, or goes off. VLANs, MTU and
    fallback change under way."""
    if found is None or not found.enabled:
        return False
    return not wanted.enabled or _number_of(found.lag) != _number_of(wanted.lag)


def waves(wanted: SwitchIntent, found: Found, up: Collection[str]) -> tuple[frozenset[str], ...]:
    """Ports in the order in which they may change, so that no bond with two members up loses both at one time.

    One wave, unless a bond would lose all members that forward now: then one of them goes first, and the others when
    that is back. Those that are to be off go off together: that is what is asked for.
    """
    later: set[str] = set()
    for ports in _bonds(wanted):
        moving = [one for one in ports if one in up and _moves(found.get(one), wanted.ports[one].settings)]
        staying = [one for one in ports if one in up and one not in moving and wanted.ports[one].settings.enabled]
        if not staying:
            later |= set(moving[1:])
    every = frozenset(wanted.ports)
    return tuple(wave for wave in (every - later, frozenset(later)) if wave)


def _moves(found: PortSettings | None, wanted: PortSettings) -> bool:
    return wanted.enabled and takes_down(found, wanted)


def _bonds(wanted: SwitchIntent) -> list[list[str]]:
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, one in sorted(wanted.ports.items()):
        found[one.node, one.interface].append(name)
    return list(found.values())


def _by_lag(wanted: SwitchIntent) -> dict[int, set[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for name, one in wanted.ports.items():
        if one.settings.lag is not None:
            found[one.settings.lag.number].add(name)
    return dict(found)


def _number(lag: str) -> int | None:
    """Of `Port-Channel7`, `bond7`, `ae7`."""
    told = re.search(r"\d+$", lag)
    return int(told[0]) if told else None


def _number_of(lag: LagWanted | None) -> int | None:
    return lag.number if lag is not None else None


def _lag(lag: LagWanted | None) -> str:
    if lag is None:
        return "none"
    return f"{lag.number} with fallback" if lag.fallback else f"{lag.number}"
