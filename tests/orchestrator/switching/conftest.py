"""Switches in memory, a site whose nodes are cabled to them, and a desk that reads and changes them."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from drivers.ability.switch import (
    Assurance,
    Confirm,
    Lag,
    MemberState,
    PortSettings,
    Staged,
    SwitchFacts,
    SwitchPort,
)
from drivers.errors import Busy, Refused, UnknownOutcome, Unreachable
from inventory.model import Site
from orchestrator.switchdesk import SwitchDesk
from orchestrator.switches import bring

BLANK = PortSettings(untagged=1, edge=False)


@dataclass
class Chassis:
    """One switch: what is in force, who is connected, and what each commit changed. Only one session at a time."""

    name: str
    ports: dict[str, PortSettings]
    vlan_names: dict[int, str] = field(default_factory=lambda: {1: "default"})
    linked: set[str] = field(default_factory=set)
    strangers: dict[str, list[str]] = field(default_factory=dict)  # LAGs that are not ours, with their members
    open_here: list[str] = field(default_factory=list)  # sessions that a dead run left
    commits: list[frozenset[str]] = field(default_factory=list)
    before: dict[str, PortSettings] | None = None  # what a commit that waits for its word goes back to
    saved: bool = False
    fault: str = ""
    sessions: int = 0
    away: bool = False
    locked: bool = False  # by another's session
    busy: threading.Lock = field(default_factory=threading.Lock)

    def take_back(self):
        self.ports, self.before = self.before or self.ports, None

    @contextmanager
    def session(self):
        if self.fault == "cuts management" and self.before is not None:
            raise Unreachable(self.name, "log in", "look at its cable")
        if self.away:
            raise Unreachable(self.name, "log in", "look at its cable")
        assert self.busy.acquire(timeout=20), "two sessions at one time"
        self.sessions += 1
        try:
            yield Session(self)
        finally:
            self.busy.release()


@dataclass
class Session:
    """`SwitchDriver` of a chassis."""

    chassis: Chassis
    candidate: object = None

    def facts(self):
        return SwitchFacts("Virtual", "Chassis", f"SN-{self.chassis.name}", "1", self.chassis.name)

    def ports(self):
        told = self.chassis.ports
        return tuple(SwitchPort(name, one.enabled, name in self.chassis.linked, 25000) for name, one in told.items())

    def neighbours(self):
        return ()

    def learned(self):
        return ()

    def vlans(self):
        return dict(self.chassis.vlan_names)

    def lags(self):
        found = {f"Port-Channel{one.lag.number}": {} for one in self.chassis.ports.values() if one.lag}
        for name, one in self.chassis.ports.items():
            if one.lag:
                found[f"Port-Channel{one.lag.number}"][name] = MemberState.INDIVIDUAL
        told = [Lag(name, members) for name, members in found.items()]
        others = self.chassis.strangers.items()
        return (*told, *(Lag(name, dict.fromkeys(members, MemberState.BUNDLED)) for name, members in others))

    def settings(self, ports):
        return {name: replace(self.chassis.ports[name]) for name in ports if name in self.chassis.ports}

    def running(self):
        return ""

    def close(self):
        pass

    def assurance(self):
        return Assurance(Confirm.NATIVE, "the switch takes it back by its own timer")

    def leftovers(self):
        return tuple(self.chassis.open_here)

    def release(self, leftover):
        self.chassis.open_here.remove(leftover)

    def stage(self, wanted, vlans):
        if self.chassis.locked:
            raise Busy(self.chassis.name, "it is locked by ada", "wait")
        self.candidate = (wanted, vlans)
        return Staged(f"anneal-{len(self.chassis.commits)}", "+ as wanted", frozenset(wanted))

    def commit(self, staged, confirm_within):
        there, (wanted, vlans) = self.chassis, self.candidate
        if there.fault == "refuses":
            raise Refused(there.name, "commit: line 7 is wrong", "mend it")
        there.before, there.saved = dict(there.ports), False
        if there.fault != "ignores":
            there.ports |= wanted
        there.vlan_names = {**vlans, **there.vlan_names}
        there.commits.append(staged.ports)
        if there.fault == "loses the answer":
            raise UnknownOutcome(there.name, "commit: no answer", "look")

    def confirm(self, staged):
        if self.chassis.fault == "reverts silently":
            self.chassis.take_back()
        self.chassis.before = None

    def roll_back(self, staged):
        self.chassis.take_back()
        self.candidate = None

    def save(self):
        self.chassis.saved = True


def node(name, number, ends, **more):
    """A node with a NIC at each of `ends`; the first boots."""
    first = {"network": "provisioning", "address": f"127.77.0.{10 + number}"}
    nics = [
        {"name": f"eth{index}", "mac": f"52:54:00:{number:02x}:00:{index:02x}", "addresses": [] if index else [first]}
        for index in range(len(ends))
    ]
    if "bonds" in more:
        nics = [{**nic, "addresses": []} for nic in nics]
        more["bonds"] = [{**more["bonds"][0], "addresses": [first]}]
    return {
        "name": name,
        "rack": "r1",
        "unit": number,
        "bmc": {"address": f"127.78.0.{number}", "user": "admin", "password": "env:BMC"},
        "nics": nics,
        "groups": ["compute"],
        "image": "debian-12",
        **more,
    }


BOND = [{"name": "bond0", "members": ["eth0", "eth1"]}]


@pytest.fixture
def apart():
    """The network on which the site keeps nodes apart; empty for a site that has none."""
    return ""


@pytest.fixture
def site(site, apart):
    """n1 by one cable at sw1, n2 by a bond at sw1, n3 by a bond over sw1 and sw2, more by one cable each at sw1."""
    cables = {
        "n1": ["sw1:swp1"],
        "n2": ["sw1:swp2", "sw1:swp3"],
        "n3": ["sw1:swp4", "sw2:swp1"],
        **{f"n{number}": [f"sw1:swp{number + 1}"] for number in range(4, 44)},
    }
    bonds = {"n2": BOND, "n3": [{**BOND[0], "mode": "active-backup"}]}
    nodes = [
        node(name, at, ends, **({"bonds": bonds[name]} if name in bonds else {}))
        for at, (name, ends) in enumerate(cables.items(), 1)
    ]
    management = {"family": "eos", "address": "127.79.0.1", "user": "a", "password": "env:P"}
    switches = [
        {"name": name, "rack": "r1", "unit": 40, "ports": [f"swp{at}" for at in range(1, 51)], "uplinks": ["swp50"],
         "management": management}
        for name in ("sw1", "sw2")
    ]  # fmt: skip
    written = site.model_dump(mode="json")
    written["networks"] |= {
        "provisioning": {**written["networks"]["provisioning"], "vlan": 100},
        "apart": {"name": "apart", "prefix": "10.77.66.0/24", "vlan": 666},
    }
    if apart:
        written["quarantine"] = apart
    links = [{"a": f"{name}:eth{at}", "b": end} for name, ends in cables.items() for at, end in enumerate(ends)]
    return Site.model_validate(
        {
            **written,
            "nodes": {one["name"]: one for one in nodes},
            "switches": {one["name"]: one for one in switches},
            "links": links,
        }
    )


@pytest.fixture
def chassis(site):
    return {name: Chassis(name, dict.fromkeys(one.ports, BLANK)) for name, one in site.switches.items()}


@pytest.fixture
def desk(site, store, chassis):
    return SwitchDesk(site, store, lambda name: chassis[name].session(), bring)
