"""A switch of a twin, whose command line is reached by SSH on the loopback, and the way to it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.switch.ios import Ios
from drivers.virtual.twin.switch import ios as twin_ios
from drivers.virtual.twin.twin import Twin
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.drivers.switch.conftest import PASSWORD, QUICK, FirstMet, rack_of

PATIENT = replace(QUICK, answer=QUICK.answer * 2)


@dataclass(frozen=True)
class Bench:
    box: twin_ios.Ios
    address: HostPort
    pins: FirstMet
    password: Secret

    @contextmanager
    def session(self) -> Iterator[Ios]:
        with closing(Ios.connect(self.address, "admin", (self.password, None), self.pins, PATIENT)) as switch:
            yield switch


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    leaf = {
        "name": "leaf2", "family": "ios", "serial": "CAT2222L0CD", "vlans": {100: "provision"},
        "ports": [f"TwentyFiveGigE1/0/{at}" for at in range(1, 9)], "uplinks": ["HundredGigE1/0/49"],
    }  # fmt: skip
    with Twin(rack_of(leaf), tmp_path) as twin:
        yield twin


@pytest.fixture
def box(twin: Twin) -> twin_ios.Ios:
    return twin.switches["leaf2"]


@pytest.fixture
def bench(box: twin_ios.Ios) -> Bench:
    return Bench(box, box.chassis.spec.address, FirstMet(), Secret(PASSWORD))


@pytest.fixture
def strike(twin: Twin):
    def on(*faults: str) -> None:
        for fault in faults:
            twin.set_fault("leaf2", fault)

    return on
