"""What a switch tells, and how the ports of one are changed: a candidate, its difference, a commit under a timer.

Ports go by their canonical name in full, as `names.canonical` of the family gives it (Ethernet1/7,
GigabitEthernet1/0/1, swp1); a LAG by its own (Port-Channel7, bond7). VLANs are IEEE 802.1Q ids, 1 to 4094; MTU is in
bytes of an IP packet, whatever the switch counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from drivers.facts import Finding
from inventory.address import Mac


class PortIdKind(StrEnum):
    """Port id subtypes: IEEE 802.1AB-2016 table 8-3."""

    ALIAS = "alias"  # 1, ifAlias
    COMPONENT = "component"  # 2, entPhysicalAlias
    MAC = "mac"  # 3
    ADDRESS = "address"  # 4, a network address
    NAME = "name"  # 5, ifName
    CIRCUIT = "circuit"  # 6, agent circuit id
    LOCAL = "local"  # 7, whatever its maker liked


@dataclass(frozen=True)
class Neighbour:
    """Who is heard by LLDP at a port of the switch. None where that was not told.

    `kind` None: the switch does not tell which subtype it heard, and `port_id` may be any of them (quirk 110).
    """

    port: str
    chassis_id: str | None
    system: str | None
    kind: PortIdKind | None
    port_id: str
    port_description: str | None = None

    @property
    def mac(self) -> Mac | None:
        """The neighbour's MAC where it names its port by it."""
        try:
            return Mac(self.port_id) if self.kind in (PortIdKind.MAC, None) else None
        except ValueError:
            return None


@dataclass(frozen=True)
class SwitchFacts:
    """None where it does not tell."""

    vendor: str | None
    model: str | None
    serial: str | None
    version: str | None
    hostname: str | None
    uptime_s: float | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class SwitchPort:
    """A physical port as it is now. `lag`: the one that it is told to be in. `alias`: what else it is called, as SONiC
    calls it in its own LLDP."""

    name: str
    enabled: bool | None
    up: bool | None
    speed_mbps: int | None
    mtu: int | None = None
    mac: Mac | None = None
    lag: str | None = None
    lanes: int | None = None
    description: str | None = None
    alias: str | None = None


@dataclass(frozen=True)
class Learned:
    """A row of the MAC table; `port` may be a LAG."""

    mac: Mac
    vlan: int | None
    port: str
    static: bool = False


class MemberState(StrEnum):
    """Of a LAG's member, by IEEE 802.1AX-2020 6.4: collecting and distributing, or not."""

    BUNDLED = "bundled"
    INDIVIDUAL = "individual"  # forwards by itself: no partner was heard, and it falls back
    DOWN = "down"


@dataclass(frozen=True)
class Lag:
    """`partner`: the LACP system id heard, None where none is."""

    name: str
    members: Mapping[str, MemberState]
    partner: Mac | None = None


@dataclass(frozen=True)
class LagWanted:
    """`number` names the LAG on its switch. `fallback`: a member without a partner forwards by itself, so that a host
    can boot from the network (quirk 113)."""

    number: int
    fallback: bool


@dataclass(frozen=True)
class PortSettings:
    """What one port is told to be: the whole of it, written in one go (quirk 118).

    `untagged` None: no frame without a tag passes. `edge`: forwards at once, no spanning tree wait (quirk 112). The
    VLANs of a member of a LAG are those of the LAG. Read back, None for `mtu` and `edge` is: not told.
    """

    enabled: bool = True
    untagged: int | None = None
    tagged: frozenset[int] = frozenset()
    mtu: int | None = None
    edge: bool | None = True
    lag: LagWanted | None = None
    description: str | None = None


@runtime_checkable
class Switch(Protocol):
    """What every switch driver tells. Each call asks the switch; nothing is changed by any of them."""

    def facts(self) -> SwitchFacts: ...

    def ports(self) -> tuple[SwitchPort, ...]: ...

    def neighbours(self) -> tuple[Neighbour, ...]: ...

    def learned(self) -> tuple[Learned, ...]: ...

    def vlans(self) -> Mapping[int, str]:
        """Id to name of every VLAN that is there."""

    def lags(self) -> tuple[Lag, ...]: ...

    def settings(self, ports: Collection[str]) -> Mapping[str, PortSettings]:
        """What is in force for these, by the running configuration. A port that is not there is left out."""

    def running(self) -> str:
        """The running configuration as the switch writes it, without secrets."""

    def close(self) -> None:
        """Give the session back. Never raises; safe to call twice."""


class Confirm(StrEnum):
    """How a commit that is not confirmed takes itself back (quirk 115)."""

    NATIVE = "native"  # the switch does it, by its own timer
    EMULATED = "emulated"  # by a timer that we leave on the switch; a reload of the switch loses it
    NONE = "none"


@dataclass(frozen=True)
class Assurance:
    """What a family's commit can be relied on for; `says`: in words for the plan, a reload of the switch included."""

    confirm: Confirm
    says: str


@dataclass(frozen=True)
class Staged:
    """A candidate on the switch that is not in force. `session` names it there; `diff` is in the switch's own words,
    empty where nothing would change."""

    session: str
    diff: str
    ports: frozenset[str]


@runtime_checkable
class Configure(Protocol):
    """Changes port settings. The order is stage, commit, (look from outside), confirm, save; see `change.bring`.

    `Busy` where another holds the configuration; it is waited for, never broken (F19). `Refused` with the switch's
    words where it rejects a line, and the candidate is gone then.
    """

    def assurance(self) -> Assurance: ...

    def leftovers(self) -> tuple[str, ...]:
        """Sessions, candidates and timers of ours that a dead run left there; never anybody else's (quirk 114)."""

    def release(self, leftover: str) -> None:
        """Abort it. One that is gone already is released. A commit that waits for its word is rolled back."""

    def stage(self, wanted: Mapping[str, PortSettings], vlans: Mapping[int, str]) -> Staged:
        """Make a candidate of these ports and VLANs (made where they are missing, never removed) and no others.

        `Refused` with nothing staged for a port that the switch does not have.
        """

    def commit(self, staged: Staged, confirm_within: timedelta) -> None:
        """Put it in force. It takes itself back unless confirmed in time, where `assurance` says so.

        `UnknownOutcome` where the answer was lost: `settings`, over a new session, tell.
        """

    def confirm(self, staged: Staged) -> None:
        """Keep what was committed. `NotApplied` where it was taken back already."""

    def roll_back(self, staged: Staged) -> None:
        """Back to what was in force before `stage`, committed or not. Nothing of ours is left open."""

    def save(self) -> None:
        """Make the running configuration the one of the next start; `NotApplied` where it is not (quirk 119)."""


class SwitchDriver(Switch, Configure, Protocol):
    """What every driver of this rack's switches can do."""
