"""The BMC's own side of captured trees: users, network, sensors and logs, in bounded requests and without a write."""

import json
import os
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drivers.errors import Unsupported
from inventory.profile import BmcWanted
from orchestrator.steps.bmc_setup import Told, state_faults
from orchestrator.store import now

CAPTURES = Path(os.environ.get("ANNEAL_CAPTURES", Path(__file__).parents[4] / "shared/data")) / "redfish"


@dataclass(frozen=True)
class Bmc:
    """What a capture is known to hold, by reading it."""

    users: set[str]
    rules: tuple[int | None, int | None]
    mac: str | None
    dhcp: bool
    ipmi: bool
    ntp: tuple[bool | None, tuple[str, ...] | None]
    sensors: int
    newest: str | None  # the number of its newest log entry


KNOWN = {
    "dell-r750-idrac9-6.00": Bmc(
        users={"root", "tests_admin", "fwupd"},
        rules=(None, 40),
        mac="b0:7b:25:d6:51:82",
        dhcp=True,
        ipmi=True,
        ntp=(False, ()),
        sensors=74,
        newest="83434",
    ),
    "hpe-dl360g10p-ilo5-3.11": Bmc(
        users={"ctobmaas", "ctobmass"},
        rules=(8, None),
        mac="5c:ed:8c:2e:56:3c",
        dhcp=False,
        ipmi=False,
        ntp=(None, ()),
        sensors=47,
        newest="268",
    ),
    "supermicro-sys821ge-x13-bmc": Bmc(
        users={"root", "tests_admin"},
        rules=(8, 20),
        mac="7c:c2:55:50:a8:ff",
        dhcp=True,
        ipmi=True,
        ntp=(False, ("localhost", "127.0.0.1")),
        sensors=64,
        newest="509",
    ),
    "openbmc-stock-2.15dev": Bmc(
        users={"root"},
        rules=(8, 20),
        mac="ae:0d:e8:39:69:bb",
        dhcp=True,
        ipmi=True,
        ntp=(True, ()),
        sensors=0,
        newest="1692292913313740",
    ),
    "dmtf-public-rackmount1": Bmc(
        users={"Administrator"},
        rules=(8, None),
        mac=None,
        dhcp=True,
        ipmi=True,
        ntp=(None, None),
        sensors=38,
        newest="2",
    ),
}


@pytest.fixture(params=KNOWN)
def captured(request, lab):
    path = CAPTURES / f"{request.param}.tar.xz"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES} (set ANNEAL_CAPTURES)")
    resources = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            name = entry.name.partition("/")[2]
            if name.endswith("/index.json") and name.startswith("redfish/v1") and (file := archive.extractfile(entry)):
                resources["/" + name.removesuffix("/index.json")] = json.loads(file.read())
    lab.lookup = lambda path: resources.get(path.rstrip("/"))
    machine = lab.connect()
    yield KNOWN[request.param], machine, lab
    machine.close()


def test_a_captured_bmc_tells_its_users_network_sensors_and_newest_entry_without_a_write(captured):
    known, machine, lab = captured
    rules, state, sensors, log = machine.password_rules(), machine.bmc_state(), machine.sensors(), machine.log(50)
    assert {one.user for one in machine.accounts()} == known.users
    assert (rules.shortest, rules.longest) == known.rules
    assert (state.mac, state.dhcp, state.ipmi_enabled) == (known.mac, known.dhcp, known.ipmi)
    assert (state.ntp_enabled, state.ntp_servers) == known.ntp
    assert len(sensors) == len({(one.name, one.unit) for one in sensors}) == known.sensors
    assert log[0].id.rpartition("/")[2] == known.newest
    times = [one.at for one in log if one.at]
    assert len(log) <= 50
    assert times == sorted(times, reverse=True)
    assert [one.path for one in lab.heard if one.method != "GET"] == ["/redfish/v1/SessionService/Sessions"]
    assert len(lab.heard) < 130


def test_time_servers_that_a_captured_bmc_took_are_what_it_is_then_held_to(captured):
    known, machine, _ = captured
    wanted = BmcWanted(ntp=("10.0.0.1", "NTP1.rack.test"))
    if known.ntp == (None, None):
        with pytest.raises(Unsupported):
            machine.set_ntp(wanted.ntp)
        return
    machine.set_ntp(wanted.ntp)
    told = Told(machine.identify(), None, replace(machine.bmc_state(), clock=now()), now(), now())
    assert list(state_faults(wanted, told)) == []
