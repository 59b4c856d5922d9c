"""What a Linux NOS's ports are told, by its kernel; and its interfaces files as they are to be. Pure.

Attributes: ifupdown-addons-interfaces(5) of ifupdown2. A port that carries nothing is in no bridge: as a member it
would inherit the bridge's VLANs.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from drivers.ability.switch import LagWanted, PortSettings
from drivers.errors import Refused
from drivers.switch.interfaces_file import Interfaces, Stanza, members, ranges, vlans
from drivers.switch.linux_kernel import STP_IN_KERNEL, STP_OFF, STP_OUTSIDE, Kernel, Link, Vlans

_ALL = frozenset(range(1, 4095))
_FALLBACK = "bond-lacp-bypass-allow"
_EDGE = "mstpctl-portadminedge"
_VLAN_KEYS = ("bridge-access", "bridge-pvid", "bridge-vids", "bridge-allow-untagged")
_OURS = frozenset({*_VLAN_KEYS, _FALLBACK, _EDGE, "bond-slaves", "bond-mode", "mtu"})
_ROUTED = ("address", "gateway", "vrf")
# A backslash joins lines, ${ is Mako's and $IFACE ifupdown2's.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\\]|\$\{|\$IFACE|<%|^\s|\s$")
_ALIAS_BYTES = 255  # Linux, IFALIASZ


def settings_of(kernel: Kernel, files: Interfaces, port: str) -> PortSettings | None:
    """By the kernel; whether a LAG falls back too, where it tells. Only Cumulus' does: of another the stanza is all
    that there is.

    None for a name that is no port.
    """
    link = kernel.port(port)
    if link is None:
        return None
    bond, bridge = kernel.bond_of(port), kernel.bridge_of(port)
    member = bond.name if bond is not None else port
    untagged, tagged = _carried(bridge, kernel.vlans.get(member, Vlans()))
    return PortSettings(
        enabled=link.up,
        untagged=untagged,
        tagged=tagged,
        mtu=link.mtu,
        edge=_edge(bridge, kernel.edges.get(member)),
        lag=LagWanted(number_of(bond.name), _falls_back(kernel, files, bond.name)) if bond is not None else None,
        description=link.alias,
    )


def _carried(bridge: Link | None, told: Vlans) -> tuple[int | None, frozenset[int]]:
    """Untagged VLAN 0: frames without a tag pass in a way that no setting of a port describes."""
    if bridge is None:
        return None, frozenset()
    if bridge.own.get("vlan_filtering") != 1:
        return 0, _ALL
    if told.pvid is None:
        return (0 if told.untagged else None), told.tagged
    return (0 if told.untagged - {told.pvid} else told.pvid), told.tagged


def _edge(bridge: Link | None, told: bool | None) -> bool | None:  # noqa: FBT001  None is its third value
    """The kernel's own spanning tree knows no edge ports; without one each port forwards at once."""
    if bridge is None or bridge.own.get("stp_state", STP_OFF) == STP_OFF:
        return True
    return False if bridge.own.get("stp_state") == STP_IN_KERNEL else told


def _falls_back(kernel: Kernel, files: Interfaces, bond: str) -> bool:
    told = kernel.bypasses.get(bond)
    return told if told is not None else (files.value(bond, _FALLBACK) or "no").lower() in ("yes", "on", "1", "true")


def number_of(bond: str) -> int:
    """Of `bond7` 7; 0 for a name without one."""
    told = re.search(r"\d+$", bond)
    return int(told[0]) if told else 0


def declared_vlans(kernel: Kernel, files: Interfaces) -> dict[int, str]:
    """Those that the bridges' stanzas name and those that a port carries. Linux knows no names for them."""
    found = {vlan for told in kernel.vlans.values() for vlan in told.tagged | told.untagged}
    for stanza in files.stanzas():
        if stanza.value("bridge-ports") is not None:
            found |= vlans(stanza.value("bridge-vids"))
    return dict.fromkeys(sorted(found & _ALL), "")


@dataclass(frozen=True)
class Edit:
    """`names`: of the stanzas that are ours to change: ports, LAGs, bridges."""

    files: Interfaces
    names: frozenset[str]


def edited(files: Interfaces, kernel: Kernel, wanted: Mapping[str, PortSettings], ids: Collection[int]) -> Edit:
    """With these ports as wanted and these VLANs on their bridges. `Refused` for what no stanza of ours can say."""
    absent = sorted(name for name in wanted if kernel.port(name) is None)
    if absent:
        raise Refused(files.who, f"it has no port {', '.join(absent)}", "name its ports as it does, in the inventory")
    _agree(files, wanted)
    draft = _Draft(files, kernel, frozenset(name for name, one in wanted.items() if not one.enabled))
    for name, one in sorted(wanted.items()):
        draft.place(name, one)
    for bridge in draft.bridges:
        draft.name_vlans(bridge, frozenset(ids))
    return Edit(draft.files, frozenset(draft.touched))


def _agree(files: Interfaces, wanted: Mapping[str, PortSettings]) -> None:
    first: dict[int, tuple[str, PortSettings]] = {}
    for name, one in sorted(wanted.items()):
        if one.lag is not None and one.enabled:
            other, told = first.setdefault(one.lag.number, (name, one))
            if (told.untagged, told.tagged) != (one.untagged, one.tagged):
                what = f"{other} and {name} are wanted in LAG {one.lag.number} with different VLANs"
                raise Refused(files.who, what, "mend the links in the inventory")


class _Draft:
    """The files as they become, one port after the other."""

    def __init__(self, files: Interfaces, kernel: Kernel, off: frozenset[str]) -> None:
        self.files = files
        self.bridges: set[str] = set()
        self.touched: set[str] = set()
        self._kernel = kernel
        self._off = off

    def place(self, port: str, wanted: PortSettings) -> None:
        bridge = self._bridge(port, wanted)
        self.bridges.add(bridge.name)
        edge = self._edge(bridge.name, wanted)
        mtu = {"mtu": str(wanted.mtu)} if wanted.mtu is not None else {}
        own: dict[str, str | None] = {**mtu, "link-down": None if wanted.enabled else "yes"}
        if wanted.description is not None:
            own["alias"] = self._written(port, wanted.description)
        if wanted.lag is None:
            self._leave_bonds(port, None)
            carried = _carrying(wanted)
            self._set(port, {**own, **carried, **edge}, bridge)
            self._join(bridge, port, there=any(carried.values()))
            return
        bond = self._bond(wanted.lag.number, bridge.name)
        self._leave_bonds(port, bond)
        self._set(port, {**own, **dict.fromkeys(_VLAN_KEYS), _EDGE: None}, bridge)
        self._join(bridge, port, there=False)
        lag = {"bond-mode": "802.3ad", _FALLBACK: "yes" if wanted.lag.fallback else "no", **mtu, **edge}
        self._bundle(bond, port, wanted, lag, bridge)

    def name_vlans(self, bridge: str, ids: frozenset[int]) -> None:
        there = vlans(self.files.value(bridge, "bridge-vids"))
        if ids - there:
            self.files = self.files.changed(bridge, {"bridge-vids": ranges(there | ids)}, self.files.main)
            self.touched.add(bridge)

    def _bridge(self, port: str, wanted: PortSettings) -> Stanza:
        """The one that the port is in, or else the only one that tells VLANs apart."""
        link = self._kernel.bridge_of(port)
        aware = [one for one in self.files.stanzas() if one.says("bridge-vlan-aware")]
        found = [one for one in aware if link is None or one.name == link.name]
        if len(found) != 1:
            said = f"{port} is in bridge {link.name}" if link is not None else f"{port} is in no bridge"
            what = f"{said}, and {len(found)} stanzas there say bridge-vlan-aware"
            raise self.files.refused(what, "make one bridge of its ports, with bridge-vlan-aware yes")
        self._fit(port, wanted, found[0])
        return found[0]

    def _fit(self, port: str, wanted: PortSettings, bridge: Stanza) -> None:
        """`Refused` where its stanza, or the bridge's, says what cannot be together with what is wanted."""
        routed = [key for key in _ROUTED if self.files.value(port, key) is not None]
        if routed:
            raise self.files.refused(f"{port} has {', '.join(routed)}: it is routed", "free it there, by hand")
        inside = [one.key for one in bridge.attributes if re.search(rf"(^|\s){re.escape(port)}=", one.value)]
        if inside:
            what = f"{bridge.name} says {', '.join(inside)} of {port} in its own stanza"
            raise self.files.refused(what, "say it in the port's")
        stp = self._kernel.links[bridge.name].own.get("stp_state") if bridge.name in self._kernel.links else None
        if wanted.edge and stp == STP_IN_KERNEL:
            what = f"{bridge.name} runs the kernel's spanning tree, which knows no edge ports"
            raise Refused(self.files.who, what, "run mstpd there, or set bridge-stp off")

    def _edge(self, bridge: str, wanted: PortSettings) -> dict[str, str | None]:
        link = self._kernel.links.get(bridge)
        if wanted.edge is None or link is None or link.own.get("stp_state") != STP_OUTSIDE:
            return {}
        return {_EDGE: "yes" if wanted.edge else "no"}

    def _written(self, port: str, text: str) -> str | None:
        if _UNWRITABLE.search(text) or len(text.encode()) > _ALIAS_BYTES:
            what = f"the description of {port} cannot be written there: {text!r}"
            raise Refused(self.files.who, what, "leave out what is not plain text, and keep it short")
        return text or None

    def _bundle(
        self, bond: str, port: str, wanted: PortSettings, lag: Mapping[str, str | None], bridge: Stanza
    ) -> None:
        slaves = {*members(self.files, self.files.value(bond, "bond-slaves")), port}
        whole_off = not slaves - self._off
        carried = _carrying(wanted) if wanted.enabled or whole_off else {}
        self._set(bond, {"bond-slaves": " ".join(_sorted(slaves)), **lag, **carried}, bridge)
        if wanted.enabled or whole_off:
            self._join(bridge, bond, there=any(carried.values()))

    def _set(self, name: str, wanted: Mapping[str, str | None], bridge: Stanza) -> None:
        self.files = self.files.changed(name, wanted, bridge.path)
        self.touched.add(name)

    def _join(self, bridge: Stanza, name: str, there: bool) -> None:  # noqa: FBT001  a wanted state
        now = members(self.files, self.files.value(bridge.name, "bridge-ports"))
        if (name in now) != there:
            ports = [*now, name] if there else [one for one in now if one != name]
            wanted = {"bridge-ports": " ".join(ports) or "none"}
            self._set(bridge.name, wanted, bridge)

    def _bond(self, number: int, bridge: str) -> str:
        for one in self.files.stanzas():
            if one.value("bond-slaves") is not None and number_of(one.name) == number:
                link = self._kernel.bridge_of(one.name)
                if link is not None and link.name != bridge:
                    raise self.files.refused(f"{one.name} is in {link.name}, not in {bridge}", "mend it there")
                return one.name
        name = f"bond{number}"
        if name in self._kernel.links or self.files.stanza(name) is not None:
            raise self.files.refused(f"{name} is there and has no bond-slaves", "mend it there")
        return name

    def _leave_bonds(self, port: str, but: str | None) -> None:
        for one in tuple(self.files.stanzas()):
            slaves = members(self.files, one.value("bond-slaves"))
            if one.name == but or port not in slaves:
                continue
            left = [name for name in slaves if name != port]
            self.touched.add(one.name)
            if left:
                self.files = self.files.changed(one.name, {"bond-slaves": " ".join(left)}, one.path)
                continue
            if others := sorted({told.key for told in one.attributes} - _OURS):
                what = f"{one.name} would have no member left and says {', '.join(others)}"
                raise self.files.refused(what, "take it out by hand")
            for bridge in [each for each in self.files.stanzas() if each.says("bridge-vlan-aware")]:
                self._join(bridge, one.name, there=False)
            self.files = self.files.without(one.name)


def _carrying(wanted: PortSettings) -> dict[str, str | None]:
    """All None where it carries nothing."""
    told: dict[str, str | None] = dict.fromkeys(_VLAN_KEYS)
    tagged = wanted.tagged - {wanted.untagged or 0}
    if not wanted.enabled:
        return told
    if wanted.untagged is not None and not tagged:
        told["bridge-access"] = str(wanted.untagged)
    elif tagged:
        told["bridge-vids"] = ranges(tagged)
        told["bridge-pvid"] = str(wanted.untagged) if wanted.untagged is not None else None
        told["bridge-allow-untagged"] = "no" if wanted.untagged is None else None
    return told


def _sorted(names: Collection[str]) -> list[str]:
    """In the order of their numbers."""
    return sorted(
        names, key=lambda name: [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]
    )


def difference(before: Interfaces, after: Interfaces) -> str:
    """Line by line, each place with its file and its stanza."""
    return "".join(f"{line}\n" for path in before.differing(after) for line in _hunks(path, before, after))


def _hunks(path: str, before: Interfaces, after: Interfaces) -> Iterator[str]:
    old, new = before.texts[path].split("\n"), after.texts[path].split("\n")
    heads = [one for one in before.stanzas() if one.path == path]
    said = None
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        inside = next((one.name for one in heads if one.first < i1 <= one.end), None)
        place = f"@@ {path}" + (f" iface {inside}" if inside is not None else "")
        if place != said:
            yield place
            said = place
        yield from (f"-{line}" for line in old[i1:i2])
        yield from (f"+{line}" for line in new[j1:j2])


def drift(kernel: Kernel, files: Interfaces, wanted: Mapping[str, PortSettings]) -> Iterator[str]:
    """A line for each port that is otherwise than its stanza says, for who finds no difference in the files."""
    for name in sorted(wanted):
        now, one = settings_of(kernel, files, name), wanted[name]
        if now is not None and (now.enabled, now.untagged, now.tagged) != (one.enabled, one.untagged, one.tagged):
            yield f"@@ running iface {name}: is otherwise than its stanza says, which is applied anew\n"
