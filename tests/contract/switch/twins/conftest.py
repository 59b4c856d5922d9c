"""A switch of each family that a twin plays, and the driver that the catalogue gives for it."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

import pytest

from drivers.ability.switch import SwitchDriver
from drivers.patience import Patience
from drivers.switch.catalog import Entry, connect
from drivers.trust import Trust
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.drivers.switch.conftest import FirstMet

COUNT = itertools.count(1)
QUICK = Patience(
    connect=timedelta(seconds=5), answer=timedelta(seconds=10), settle=timedelta(seconds=1),
    steady=timedelta(seconds=1), poll=timedelta(milliseconds=100),
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Its ports are cabled to nobody; the last two are another's. `blank`: the VLAN of one as it left its packing;
    `restarts_as_saved`: a reload loses what was not saved; `exclusive`: who stages keeps others from changing;
    `candidates`: what is staged is on the switch, and may be another's; `timer`: an unconfirmed commit goes back;
    `took`: what is said of one that did, where what it went back to stays behind, or not."""

    ports: tuple[str, ...]
    strange: str
    uplink: str
    blank: int | None = 1
    restarts_as_saved: bool = True
    exclusive: bool = False
    candidates: bool = True
    timer: bool = True
    took: str = "the switch took it back"


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "eos": Family(tuple(f"Ethernet{at}" for at in range(1, 7)), "Ethernet6", "Ethernet49/1"),
        "junos": Family(
            tuple(f"xe-0/0/{at}" for at in range(6)), "xe-0/0/5", "et-0/0/48",
            blank=None, restarts_as_saved=False, exclusive=True,
        ),
        "ios": Family(
            tuple(f"TwentyFiveGigE1/0/{at}" for at in range(1, 7)), "TwentyFiveGigE1/0/6", "HundredGigE1/0/49",
            candidates=False, took="we took it back",
        ),
        "nxos": Family(
            tuple(f"Ethernet1/{at}" for at in range(1, 7)), "Ethernet1/6", "Ethernet1/49",
            candidates=False, timer=False,
        ),
    }
)  # fmt: skip


@dataclass
class Rig:
    """`ports`: ours; `before`: the whole running configuration at first."""

    name: str
    family: Family
    twin: Twin
    pins: FirstMet = field(default_factory=FirstMet)

    def __post_init__(self) -> None:
        self.box = self.twin.switches["leaf1"]
        self.ports = self.family.ports[:4]
        self.before = self.lines()

    @contextmanager
    def open(self) -> Iterator[SwitchDriver]:
        entry = Entry(self.box.chassis.spec.address, "admin", Secret("s3cret"))
        driver = connect(self.name, entry, Trust(self.pins), "SN-LEAF1", QUICK)
        try:
            yield driver
        finally:
            driver.close()

    def strike(self, *faults: str) -> None:
        for fault in faults:
            self.twin.set_fault("leaf1", fault)

    def mend(self, *faults: str) -> None:
        for fault in faults:
            self.twin.clear_fault("leaf1", fault)

    def lines(self) -> list[str]:
        """The running configuration, a line with what it stands under."""
        running = self.box.running
        if isinstance(running, list):
            return sorted(running)
        return sorted(
            " ".join(words) for head, lines in running.items() for words in [(head,), *((head, x) for x in lines)]
        )

    def saved(self) -> bool:
        return self.name == "junos" or self.box.startup == self.box.running

    def outside(self) -> list[str]:
        """What of the configuration is no port of ours and no VLAN."""
        ours = [re.compile(rf"(protocols rstp )?interfaces? {port}( |$)") for port in self.ports]
        return [one for one in self.lines() if not one.startswith("vlan") and not any(own.match(one) for own in ours)]

    def left(self) -> list[str]:
        """What of anybody's is open there, or waits for its word."""
        told = self.box.counters()
        held = ["candidate"] * bool(told.get("modified")) + ["lock"] * bool(told.get("locked"))
        return [*told.get("sessions", ()), *held, *([told["timed"]] if told["timed"] else [])]

    def back(self) -> None:
        """Once it has restarted."""
        for _ in QUICK.looks(timedelta(seconds=20)):
            if not self.box.chassis.away:
                return
        raise AssertionError("it did not come back")

    def meddle(self, port: str) -> None:
        """Somebody else's change, at once."""
        self.box.running[f"interface {port}"] = ["shutdown"]


@pytest.fixture(params=sorted(FAMILIES))
def rig(request, tmp_path):
    family = FAMILIES[request.param]
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = next(COUNT)
    leaf = {
        "name": "leaf1", "family": request.param, "serial": "SN-LEAF1", "user": "admin", "password": "s3cret",
        "address": str(HostPort(f"127.{160 + worker}.{number // 250}.{number % 250 + 1}", 8443)),
        "ports": list(family.ports), "uplinks": [family.uplink], "vlans": {100: "provision"},
    }  # fmt: skip
    spec = {"kind": "twin", "name": "r1", "boot": {"http": "http://127.0.0.1:1/{mac}"}, "switches": [leaf]}
    with Twin(TwinSpec.model_validate(spec), tmp_path) as twin:
        yield Rig(request.param, family, twin)
