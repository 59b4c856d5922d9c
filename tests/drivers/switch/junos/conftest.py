"""A Junos of a twin, which speaks NETCONF over SSH on the loopback, and the way to it."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.switch.junos import Junos
from drivers.virtual.twin.switch import junos as twin_junos
from drivers.virtual.twin.twin import Twin
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.drivers.switch.conftest import PASSWORD, QUICK, FirstMet, rack_of

STARTUP = """\
set system host-name leaf3
set interfaces xe-0/0/7 description to-spine1
set interfaces xe-0/0/7 unit 0 family ethernet-switching interface-mode trunk
set interfaces xe-0/0/7 unit 0 family ethernet-switching vlan members all
set vlans provision vlan-id 100
"""


@dataclass(frozen=True)
class Bench:
    box: twin_junos.Junos
    address: HostPort
    pins: FirstMet
    password: Secret

    @contextmanager
    def session(self) -> Iterator[Junos]:
        with closing(Junos.connect(self.address, "admin", (self.password, None), self.pins, QUICK)) as switch:
            yield switch


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    config = tmp_path / "leaf3.conf"
    config.write_text(STARTUP)
    leaf = {
        "name": "leaf3", "family": "junos", "serial": "XH3119340123", "config": str(config),
        "ports": [f"xe-0/0/{at}" for at in range(7)], "uplinks": ["xe-0/0/7"],
    }  # fmt: skip
    with Twin(rack_of(leaf), tmp_path / "state") as twin:
        yield twin


@pytest.fixture
def box(twin: Twin) -> twin_junos.Junos:
    return twin.switches["leaf3"]


@pytest.fixture
def bench(box: twin_junos.Junos) -> Bench:
    return Bench(box, box.chassis.spec.address, FirstMet(), Secret(PASSWORD))


@pytest.fixture
def strike(twin: Twin) -> Callable[[str], None]:
    return lambda fault: twin.set_fault("leaf3", fault)
