"""Open vSwitch, by one SSH login on the host that runs it: its own tools there, and lldpd as its ears.

Sources: ovs-vsctl(8), ovs-appctl(8), ovs-vswitchd.conf.db(5), lldpcli(8).
"""

import difflib
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from drivers.ability.switch import (
    Assurance,
    Confirm,
    Lag,
    Learned,
    MemberState,
    Neighbour,
    PortSettings,
    Staged,
    SwitchFacts,
    SwitchPort,
)
from drivers.errors import DriverError, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.facts import Finding
from drivers.patience import Patience
from drivers.switch import ovs_change, ovs_rows, ovs_transaction
from drivers.switch.keeper import Candidate, Keeper
from drivers.switch.lldpcli import neighbours
from drivers.switch.ovs_rows import Member, World
from drivers.switch.shell import Shell, first_met
from drivers.trust import Pins
from drivers.wire.ssh_login import Access
from inventory.address import Mac

_WITHIN = "20"  # seconds for ovs-vswitchd to do what the database says
_DURABLE = (  # RFC 7047 5.2.7; an empty transaction would not be written at all
    '["Open_vSwitch",{"op":"mutate","table":"Open_vSwitch","where":[],"mutations":[["next_cfg","+=",1]]},'
    '{"op":"commit","durable":true}]'
)
_SAYS = (
    "a timer on the switch's host takes back what is not confirmed; a reboot of that host loses the timer, and the"
    " change then stays until Anneal logs in there again and takes it back"
)


@dataclass(frozen=True)
class Places:
    """Where things are on the host: several Open vSwitches can run on one. None: where its programs look by themselves.

    `openvswitch` is a directory, OVS_RUNDIR of ovs-vsctl(8); `lldpd` a socket; `room` outlives a reboot.
    """

    openvswitch: str | None = None
    lldpd: str | None = None
    room: str = "/var/lib/anneal/openvswitch"


_USUAL = Places()
_PATIENCE = Patience()


class Ovs:
    """Every bridge of one Open vSwitch, as one switch. A port is an interface into which a cable goes."""

    def __init__(self, shell: Shell, places: Places = _USUAL) -> None:
        self._shell = shell
        self._places = places
        self._keeper = Keeper(shell, places.room)
        self._env = () if places.openvswitch is None else ("env", f"OVS_RUNDIR={places.openvswitch}")

    @classmethod
    def connect(cls, access: Access, pins: Pins, places: Places = _USUAL, patience: Patience = _PATIENCE) -> Self:
        """Log in, and look whether one runs there. The caller closes."""
        shell = Shell.open(first_met(access, pins, patience), patience)
        try:
            ovs = cls(shell, places)
            ovs._world()
        except DriverError:
            shell.close()
            raise
        return ovs

    def facts(self) -> SwitchFacts:
        world = self._world()
        version, hostname, uptime = self._shell.told_all(
            [[*self._env, "ovs-appctl", "version"], ["hostname"], ["cat", "/proc/uptime"]]
        )
        row, ids = world.switch, world.switch.get("external_ids")
        told = re.search(r"\d+(?:\.\d+)+\S*", version)
        return SwitchFacts(
            vendor="Open vSwitch",
            model=str(row.get("system_type") or "") or None,
            serial=ids.get("system-id") if isinstance(ids, Mapping) else None,
            version=told[0] if told else None,
            hostname=hostname.strip() or None,
            uptime_s=float(uptime.split()[0]),
            findings=tuple(_findings(world)),
        )

    def ports(self) -> tuple[SwitchPort, ...]:
        world = self._world()
        return tuple(_port(world, one) for one in world.physical)

    def neighbours(self) -> tuple[Neighbour, ...]:
        socket = () if self._places.lldpd is None else ("-u", self._places.lldpd)
        try:
            told = self._shell.told(["lldpcli", *socket, "-f", "json0", "show", "neighbors", "details"])
        except Refused as error:
            raise Unsupported(error.who, f"it hears no neighbours: {error.what}", "run lldpd on its ports") from error
        return neighbours(self._shell.who, told)

    def learned(self) -> tuple[Learned, ...]:
        world = self._world()
        tables = self._appctl(*(("fdb/show", bridge) for bridge in world.bridges))
        found = zip(world.bridges, map(ovs_rows.entries, tables), strict=True)
        return tuple(row for bridge, entries in found for row in _learned(world, bridge, entries))

    def vlans(self) -> Mapping[int, str]:
        return ovs_change.vlan_names(self._world())

    def lags(self) -> tuple[Lag, ...]:
        lacp, bonds = self._appctl(("lacp/show",), ("bond/show",))
        world = self._world()
        members = _joined(ovs_rows.lacp_members(lacp), ovs_rows.bond_members(bonds))
        return tuple(
            _lag(port.name, {name: members.get(name) for name in port.interfaces})
            for port in world.ports.values()
            if port.is_lag
        )

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        world = self._world()
        found = {name: ovs_change.settings_of(world, name) for name in ports}
        return {name: one for name, one in found.items() if one is not None}

    def running(self) -> str:
        """Our own choice of columns: others may hold keys of tunnels."""
        world = self._world()
        everything = ovs_change.Rows(
            ports=world.ports,
            mtus={one.name: one.mtu_request for one in world.physical},
            descriptions={one.name: one.description for one in world.physical},
            up={one.name: one.up is not False for one in world.physical},
            names={},
        )
        return "".join(f"{line}\n" for line in ovs_transaction.words(everything))

    def close(self) -> None:
        self._shell.close()

    def assurance(self) -> Assurance:
        return Assurance(Confirm.EMULATED, _SAYS)

    def leftovers(self) -> tuple[str, ...]:
        return self._keeper.left()

    def release(self, leftover: str) -> None:
        self._keeper.roll_back(leftover)

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        before, after = ovs_change.change(self._shell.who, self._world(), wanted, vlans)
        watched = self._watched(before)
        # Told before the rows are read once more: what somebody else changes from here on is found by `check`.
        now = self._shell.told(["sh", "-c", watched])
        before, after = ovs_change.change(self._shell.who, self._world(), wanted, vlans)
        same = f"same() {{ {watched} >now && cmp -s now before; }}\n"
        undone = self._written(after, before).strip() or "false"
        candidate = Candidate(
            check=f"{same}same\n",
            apply=f"set -e\n{self._written(before, after)}{_links(after)}",
            restore=f"set -e\n{same}same || {undone} || same\n{_links(before)}",
            files={"before": now},
        )
        return Staged(self._keeper.stage(candidate), _diff(before, after), frozenset(wanted))

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        self._keeper.commit(staged.session, confirm_within)
        try:
            there = self._world().interfaces
        except Transient as error:
            what = f"{staged.session} was taken, and then nobody answered: {error.what}"
            raise UnknownOutcome(error.who, what, "it takes itself back; read it again") from error
        faults = [f"{name}: {there[name].error}" for name in sorted(staged.ports & set(there)) if there[name].error]
        if faults:
            self._keeper.roll_back(staged.session)
            raise Refused(self._shell.who, f"ovs-vswitchd could not set up {'; '.join(faults)}", "look at its log")

    def confirm(self, staged: Staged) -> None:
        self._keeper.confirm(staged.session)

    def roll_back(self, staged: Staged) -> None:
        self._keeper.roll_back(staged.session)

    def save(self) -> None:
        """The database is a file; this has it on the disk. Ports that are off come up again with it, without a VLAN."""
        said = self._shell.told([*self._env, "ovsdb-client", "transact", _DURABLE])
        if '"error"' in said:
            raise NotApplied(self._shell.who, f"its database is not on the disk: {said.strip()}", "look at its disk")

    def _world(self) -> World:
        lists = [["--", f"--columns={','.join(columns)}", "list", table] for table, columns in ovs_rows.TABLES.items()]
        argv = ["ovs-vsctl", "-t", _WITHIN, "--format=json", *(word for each in lists for word in each)]
        return ovs_rows.read(self._shell.who, self._shell.told([*self._env, *argv]))

    def _appctl(self, *asked: Sequence[str]) -> tuple[str, ...]:
        return self._shell.told_all([[*self._env, "ovs-appctl", *words] for words in asked])

    def _vsctl(self, *words: str) -> str:
        return shlex.join([*self._env, "ovs-vsctl", "-t", _WITHIN, *words])

    def _watched(self, rows: ovs_change.Rows) -> str:
        """A command that prints what this change builds on."""
        listed = ["--", "--if-exists", "--columns=name,interfaces,vlan_mode,tag,trunks,lacp,bond_mode,other_config"]
        more = ["--", "--if-exists", "--columns=name,mtu_request,external_ids", "list", "Interface", *sorted(rows.up)]
        return self._vsctl("--format=json", *listed, "list", "Port", *sorted(rows.ports), *more)

    def _written(self, before: ovs_change.Rows, after: ovs_change.Rows) -> str:
        """A line of shell: one transaction for all of it; empty where no row differs."""
        words = ovs_transaction.transaction(before, after)
        return f"{self._vsctl('--')} {words}\n" if words else ""


def _links(rows: ovs_change.Rows) -> str:
    mtus = [("mtu", str(mtu), name) for name, mtu in sorted(rows.bare_mtus.items()) if mtu is not None]
    states = [("up" if up else "down", name) for name, up in sorted(rows.up.items())]
    return "".join(shlex.join(["ip", "link", "set", "dev", name, *words]) + "\n" for *words, name in (*mtus, *states))


def _diff(before: ovs_change.Rows, after: ovs_change.Rows) -> str:
    lines = difflib.unified_diff(ovs_transaction.words(before), ovs_transaction.words(after), lineterm="", n=0)
    return "".join(f"{line}\n" for line in lines if not line.startswith(("---", "+++", "@@")))


def _findings(world: World) -> Iterator[Finding]:
    for bridge in world.bridges.values():
        if bridge.guided:
            says = f"{bridge.name} does as its flows say: VLANs of ports hold only where those use NORMAL"
            yield Finding("switch.guided", f"Bridge/{bridge.name}", says)


def _port(world: World, one: ovs_rows.Interface) -> SwitchPort:
    row = world.port_of(one.name)
    return SwitchPort(
        name=one.name,
        enabled=one.up,
        up=one.link,
        speed_mbps=one.link_speed // 1_000_000 if one.link_speed else None,
        mtu=one.mtu,
        mac=_mac(one.mac),
        lag=row.name if row is not None and row.is_lag else None,
        description=one.description,
    )


def _learned(world: World, bridge: str, entries: Sequence[ovs_rows.Entry]) -> Iterator[Learned]:
    rows = {
        str(world.interfaces[name].ofport): port.name
        for port in world.ports.values()
        for name in port.interfaces
        if port.bridge == bridge and name in world.interfaces
    }
    for one in entries:
        mac = _mac(one.mac)
        if mac is not None:
            yield Learned(mac, one.vlan or None, rows.get(one.port, bridge), one.static)


def _joined(lacp: Sequence[Member], bonds: Sequence[Member]) -> Mapping[str, Member]:
    """LACP's word where there is one: a bond that waits for LACP says the same of its members, and less."""
    return {one.name: one for one in (*bonds, *lacp)}


def _lag(name: str, members: Mapping[str, Member | None]) -> Lag:
    partners = (_mac(one.partner) for one in members.values() if one is not None)
    states = {member: _state(one) for member, one in members.items()}
    return Lag(name, states, next((one for one in partners if one is not None), None))


def _state(member: Member | None) -> MemberState:
    if member is None or not member.forwards:
        return MemberState.DOWN
    alone = member.lacp is not None and not member.lacp.startswith("current")
    return MemberState.INDIVIDUAL if alone else MemberState.BUNDLED


def _mac(text: str | None) -> Mac | None:
    try:
        return Mac(text or "")
    except ValueError:
        return None
