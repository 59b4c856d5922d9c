"""Switches in memory, a site whose nodes are cabled to them, and a desk that reads and changes them."""

import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import insert

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
from orchestrator.engine.tables import LEASE
from orchestrator.ports import Phase, as_json, intents
from orchestrator.processes import here
from orchestrator.store import now
from orchestrator.switchdesk import SwitchDesk

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
    refuses: set[str] = field(default_factory=set)  # ports of which no setting is taken
    cut: Callable[[], None] = lambda: None  # called before and after each thing that is done to it
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
        waiting = ["waits for its word"] if self.chassis.before is not None else []
        return (*self.chassis.open_here, *waiting)

    def release(self, leftover):
        if leftover in self.chassis.open_here:
            self.chassis.open_here.remove(leftover)
        else:
            self.chassis.take_back()

    def stage(self, wanted, vlans):
        self.chassis.cut()
        if self.chassis.locked:
            raise Busy(self.chassis.name, "it is locked by ada", "wait")
        for port in sorted(self.chassis.refuses & set(wanted)):
            raise Refused(self.chassis.name, f"stage {port}: invalid input", "mend it")
        self.candidate = (wanted, vlans)
        return Staged(f"anneal-{len(self.chassis.commits)}", "+ as wanted", frozenset(wanted))

    def commit(self, staged, confirm_within):
        there, (wanted, vlans) = self.chassis, self.candidate
        there.cut()
        if there.fault == "refuses":
            raise Refused(there.name, "commit: line 7 is wrong", "mend it")
        there.before, there.saved = dict(there.ports), False
        if there.fault != "ignores":
            there.ports |= wanted
        there.vlan_names = {**vlans, **there.vlan_names}
        there.commits.append(staged.ports)
        there.cut()
        if there.fault == "loses the answer":
            raise UnknownOutcome(there.name, "commit: no answer", "look")

    def confirm(self, staged):
        self.chassis.cut()
        if self.chassis.fault == "reverts silently":
            self.chassis.take_back()
        self.chassis.before = None
        self.chassis.cut()

    def roll_back(self, staged):
        self.chassis.take_back()
        self.candidate = None

    def save(self):
        self.chassis.cut()
        self.chassis.saved = True
        self.chassis.cut()


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
    return SwitchDesk(site, store, lambda name: chassis[name].session())


class Diary:
    """A job whose intents are a dict, which outlives whoever is killed."""

    generation = 1

    def __init__(self, node, role, inputs):
        self.node, self.role, self.inputs = node, role, inputs
        self.intents = {}

    def once(self, key, do, seen):
        fresh = key not in self.intents
        closed, outcome = self.intents.setdefault(key, (False, None))
        if not closed:
            outcome = None if not fresh and seen() else do()
            self.intents[key] = (True, outcome)
        return outcome

    def done(self, key):
        return self.intents.get(key, (False,))[0]

    def signals(self, signal):
        return 0


@pytest.fixture
def diary(site):
    """A job of `ports-provision` on a node."""
    wants = {name: as_json(intents(site, node, Phase.PROVISION)) for name, node in site.nodes.items()}
    return lambda name: Diary(site.nodes[name], "ports-provision", {"ports": wants[name]})


@pytest.fixture
def leave_lease(store):
    """Have a switch leased, by a process of this machine that is gone where none is named."""
    dead = "a change by " + here().rpartition(":")[0] + ":1"

    def leave(switch, holder=dead):
        with store.begin() as connection:
            row = {"resource": f"switch:{switch}", "holder": holder, "until": now().timestamp() + 60}
            connection.execute(insert(LEASE).values(row))

    return leave
