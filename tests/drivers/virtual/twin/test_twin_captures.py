"""A twin that shows a real BMC's tree is still a machine that can be powered and booted."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.catalog import session
from drivers.facts import BootTarget, PowerState
from drivers.patience import Patience
from drivers.trust import Trust
from drivers.virtual.twin.states import Power, Target
from inventory.model import Bmc
from inventory.secrets import Login, Secret

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[5] / "shared/data")) / "redfish"
QUICK = Patience(power=timedelta(seconds=20), settle=timedelta(seconds=5), poll=timedelta(milliseconds=200))


class Pins(dict):
    def fingerprint(self, address):
        return self.get(address)

    def pin(self, address, fingerprint):
        self.setdefault(address, fingerprint)


@pytest.mark.parametrize(
    "name",
    [
        "dell-r750-idrac9-6.00",
        "hpe-dl360g10p-ilo5-3.11",
        "supermicro-sys821ge-x13-bmc",
        "openbmc-stock-2.15dev",
        "dmtf-public-rackmount1",
    ],
)
def test_a_captured_machine_is_booted_and_powered_by_the_redfish_driver(rack_of, machine_of, name):
    capture = CAPTURES / f"{name}.tar.xz"
    if not capture.exists():
        pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
    twin = rack_of(machine_of(1, bmc={"tree": str(capture)}))
    machine = twin.machine("n1")
    address = str(machine.spec.bmc.address)
    bmc = Bmc(address=address, user="admin", password="env:UNUSED")
    with session(bmc, Login("admin", Secret("Canary-1")), Trust(Pins()), patience=QUICK) as driven:
        assert driven.power() is PowerState.OFF
        assert driven.boot_once(BootTarget.PXE).target is BootTarget.PXE
        assert machine.override.target is Target.PXE
        driven.turn(PowerState.ON)
    assert machine.power is Power.ON
    assert (machine.sessions_opened, machine.sessions_live) == (machine.sessions_closed, set())
