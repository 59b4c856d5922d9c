"""A switch of a twin, which speaks NX-API on the loopback, and the way to it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.switch.nxos import Nxos
from drivers.trust import Trust
from drivers.virtual.twin.switch import nxos as twin_nxos
from drivers.virtual.twin.twin import Twin
from inventory.secrets import Login, Secret
from tests.drivers.switch.conftest import PASSWORD, QUICK, FirstMet, rack_of


@dataclass(frozen=True)
class Bench:
    box: twin_nxos.Nxos
    trust: Trust
    login: Login

    @contextmanager
    def session(self) -> Iterator[Nxos]:
        address = self.box.chassis.spec.address
        with closing(Nxos.connect(address, self.login, self.trust, QUICK)) as switch:
            yield switch

    def trusting(self, **how: object) -> "Bench":
        return replace(self, trust=replace(self.trust, **how))


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    leaf = {
        "name": "leaf1", "family": "nxos", "serial": "FDO21120U5L", "vlans": {100: "provision"},
        "ports": [f"Ethernet1/{at}" for at in range(1, 9)], "uplinks": ["Ethernet1/49"],
    }  # fmt: skip
    with Twin(rack_of(leaf), tmp_path) as twin:
        yield twin


@pytest.fixture
def box(twin: Twin) -> twin_nxos.Nxos:
    return twin.switches["leaf1"]


@pytest.fixture
def bench(box: twin_nxos.Nxos) -> Bench:
    return Bench(box, Trust(FirstMet()), Login("admin", Secret(PASSWORD)))
