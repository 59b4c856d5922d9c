"""What is to become of Open vSwitch's rows. Pure.

VLAN modes: ovs-vswitchd.conf.db(5), "VLAN Configuration" of table Port. An empty `trunks` carries every VLAN, so a port
that is to carry none trunks the reserved VLAN 4095 alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.ovs_rows import Bridge, Interface, Port, World

NOWHERE = frozenset({4095})  # IEEE 802.1Q-2018 table 9-2: reserved, never on a wire
_ALL = frozenset(range(1, 4095))
_EDGE, _STP, _FALLBACK, _PRIMARY = "rstp-port-admin-edge", "stp-enable", "lacp-fallback-ab", "bond-primary"
VLAN_NAME = "vlan-"  # in a bridge's external_ids: what a VLAN is called


@dataclass(frozen=True)
class Rows:
    """The rows that a change touches, as they are before or after it. A port that is None is not there.

    `mtus`, `descriptions`: by interface. `up`: those whose admin state is to be set. `names`: by bridge and VLAN.
    `bare_mtus`: of interfaces for which nobody asks one any more; to clear the request alone changes nothing.
    """

    ports: Mapping[str, Port | None]
    mtus: Mapping[str, int | None]
    descriptions: Mapping[str, str | None]
    up: Mapping[str, bool]
    names: Mapping[tuple[str, int], str | None]
    bare_mtus: Mapping[str, int | None] = field(default_factory=dict)


def settings_of(world: World, interface: str) -> PortSettings | None:
    """None for a name that is no physical port of a bridge."""
    port, told = world.port_of(interface), world.interfaces.get(interface)
    if port is None or told is None or told not in world.physical:
        return None
    untagged, tagged = _vlans_of(port)
    return PortSettings(
        enabled=told.up is not False,
        untagged=untagged,
        tagged=tagged,
        mtu=told.mtu,
        edge=_edge_of(port, world.bridges[port.bridge]),
        lag=LagWanted(number_of(port), port.other_config.get(_FALLBACK) == "true") if port.is_lag else None,
        description=told.description,
    )


def number_of(lag: Port) -> int:
    """Of `bond7` 7; 0 for a name without one."""
    told = re.search(r"\d+$", lag.name)
    return int(told[0]) if told else 0


def vlan_names(world: World) -> dict[int, str]:
    """Every VLAN that a port or a name says is there; all others are there as well, for who asks for them."""
    found = dict.fromkeys((vlan for port in world.ports.values() for vlan in _named(port)), "")
    for bridge in world.bridges.values():
        for key, name in bridge.external_ids.items():
            if key.startswith(VLAN_NAME) and key.removeprefix(VLAN_NAME).isdecimal():
                found[int(key.removeprefix(VLAN_NAME))] = name
    return dict(sorted((vlan, name) for vlan, name in found.items() if vlan in _ALL))


def change(who: str, world: World, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> tuple[Rows, Rows]:
    """The rows before and after. `Refused` for a port that is not there, and for LAGs that cannot be as wanted."""
    absent = sorted(name for name in wanted if settings_of(world, name) is None)
    if absent:
        raise Refused(who, f"it has no port {', '.join(absent)}", "name its ports as it does, in the inventory")
    after = _Draft(who, world, frozenset(name for name, one in wanted.items() if not one.enabled))
    for name, one in sorted(wanted.items(), key=lambda each: (each[1].enabled, each[0])):
        after.place(name, one)
    bridges = sorted({port.bridge for port in after.touched.values() if port is not None})
    nameless = [(b, v) for b in bridges for v in vlans if f"{VLAN_NAME}{v}" not in world.bridges[b].external_ids]
    asked = {name: one.mtu for name, one in wanted.items() if one.mtu not in (None, _mtu(world.interfaces[name]))}
    said = {name: one.description for name, one in wanted.items() if one.description is not None}
    there = world.interfaces
    before = Rows(
        ports={name: world.ports.get(name) for name in after.touched},
        mtus={name: there[name].mtu_request for name in asked},
        descriptions={name: there[name].description for name in said},
        up={name: there[name].up is not False for name in wanted},
        names=dict.fromkeys(nameless),
        bare_mtus={name: there[name].mtu for name in asked if there[name].mtu_request is None},
    )
    names = {(bridge, vlan): vlans[vlan] for bridge, vlan in nameless}
    return before, Rows(after.touched, asked, said, {name: one.enabled for name, one in wanted.items()}, names)


def _mtu(interface: Interface) -> int | None:
    return interface.mtu if interface.mtu_request in (None, interface.mtu) else None


class _Draft:
    """Rows as they become, one port after the other: first those that are to be off."""

    def __init__(self, who: str, world: World, off: frozenset[str]) -> None:
        self._who = who
        self._world = world
        self._off = off
        self.touched: dict[str, Port | None] = {}
        self._vlans: dict[str, tuple[str, int | None, frozenset[int]]] = {}  # of LAGs, with who said so

    def place(self, name: str, wanted: PortSettings) -> None:
        here = self._row_of(name)
        lag = self._lag(wanted.lag.number, here.bridge) if wanted.lag is not None else None
        home = lag.name if lag is not None else name
        if here.name != home:
            self._leave(here, name)
        there = self._row(home)
        if there is None:
            there = lag or Port(name, here.bridge, ())
        if lag is None and set(there.interfaces) - {name}:
            raise self._refused(f"a LAG bears the name of port {name}")
        joined = replace(there, interfaces=tuple(sorted({*there.interfaces, name})))
        spanning = self._world.bridges[here.bridge].spanning
        dressed = _dressed(joined, wanted, spanning)
        if not wanted.enabled and set(dressed.interfaces) - self._off:
            dressed = replace(dressed, vlan_mode=there.vlan_mode, tag=there.tag, trunks=there.trunks or NOWHERE)
        elif lag is not None and wanted.enabled:
            self._agree(home, name, wanted)
        self.touched[home] = dressed

    def _row(self, name: str) -> Port | None:
        return self.touched[name] if name in self.touched else self._world.ports.get(name)

    def _row_of(self, interface: str) -> Port:
        rows = {**self._world.ports, **self.touched}.values()
        return next(row for row in rows if row is not None and interface in row.interfaces)

    def _lag(self, number: int, bridge: str) -> Port:
        rows = [row for row in {**self._world.ports, **self.touched}.values() if row is not None]
        found = next((row for row in rows if row.is_lag and number_of(row) == number), None)
        if found is None:
            if any(row.name == f"bond{number}" for row in rows):
                raise self._refused(f"bond{number} is there and is no LAG")
            return Port(f"bond{number}", bridge, (), lacp="active")
        if found.bridge != bridge:
            raise self._refused(f"LAG {number} is {found.name} of bridge {found.bridge}, and not of {bridge}")
        return found

    def _leave(self, row: Port, interface: str) -> None:
        left = tuple(one for one in row.interfaces if one != interface)
        if row.fixed is not None and not left:
            raise self._refused(f"{row.name} cannot go: {row.fixed} holds it")
        self.touched[row.name] = _led(replace(row, interfaces=left)) if left else None

    def _agree(self, lag: str, name: str, wanted: PortSettings) -> None:
        first, untagged, tagged = self._vlans.setdefault(lag, (name, wanted.untagged, wanted.tagged))
        if (untagged, tagged) != (wanted.untagged, wanted.tagged):
            raise self._refused(f"{first} and {name} are wanted in {lag} with different VLANs")

    def _refused(self, what: str) -> Refused:
        return Refused(self._who, what, "mend it there, or the links in the inventory")


def _dressed(port: Port, wanted: PortSettings, spanning: str | None) -> Port:
    other = dict(port.other_config)
    if wanted.edge is not None:
        other[_EDGE] = "true" if wanted.edge else "false"
        if spanning == "stp":  # the old protocol knows no edge ports: this one stays out of it
            other[_STP] = "false" if wanted.edge else "true"
    if wanted.lag is None:
        other.pop(_FALLBACK, None)
        port = replace(port, lacp=None, bond_mode=None)
    else:
        other[_FALLBACK] = "true" if wanted.lag.fallback else "false"
        port = replace(port, lacp="active", bond_mode="balance-tcp")
    mode, tag, trunks = _columns(wanted)
    return _led(replace(port, vlan_mode=mode, tag=tag, trunks=trunks, other_config=other))


def _led(port: Port) -> Port:
    """Where one member forwards by itself, it is the first: else whichever of a booting host's links came up first."""
    other = {key: value for key, value in port.other_config.items() if key != _PRIMARY}
    if port.other_config.get(_FALLBACK) == "true":
        other[_PRIMARY] = min(port.interfaces, key=_counted)
    return replace(port, other_config=other)


def _counted(name: str) -> tuple[str, int]:
    """swp2 before swp10."""
    told = re.search(r"\d+$", name)
    return (name[: told.start()], int(told[0])) if told else (name, -1)


def _columns(wanted: PortSettings) -> tuple[str, int | None, frozenset[int]]:
    match wanted.enabled, wanted.untagged, wanted.tagged:
        case False, _, _:  # a restart of its host turns it on: it carries nothing even then
            return "trunk", None, NOWHERE
        case _, None, tagged:
            return "trunk", None, tagged or NOWHERE
        case _, vlan, tagged if tagged - {vlan}:
            return "native-untagged", vlan, tagged - {vlan}
        case _, vlan, _:
            return "access", vlan, frozenset()


def _vlans_of(port: Port) -> tuple[int | None, frozenset[int]]:
    """Untagged VLAN 0: frames without a tag pass, in no VLAN of their own. A VLAN that leaves tagged and takes frames
    without a tag as well (native-tagged) is told as both."""
    carried = (port.trunks or _ALL) - NOWHERE - {0}
    match port.vlan_mode or ("trunk" if port.tag is None else "access"):
        case "access":
            return port.tag, frozenset()
        case "trunk":
            return (0 if not port.trunks or 0 in port.trunks else None), carried
        case "native-untagged":
            return port.tag or 0, carried - {port.tag or 0}
        case "native-tagged":
            return port.tag or 0, carried | {port.tag or 0}
        case _:  # dot1q-tunnel: whatever comes is carried within the service VLAN
            return 0, frozenset()


def _named(port: Port) -> frozenset[int]:
    return port.trunks | ({port.tag} if port.tag is not None else frozenset())


def _edge_of(port: Port, bridge: Bridge) -> bool:
    match bridge.spanning:
        case "rstp":
            return port.other_config.get(_EDGE) == "true" or port.other_config.get("rstp-enable") == "false"
        case "stp":
            return port.other_config.get(_STP) == "false"
        case _:
            return port.other_config.get(_EDGE, "true") == "true"
