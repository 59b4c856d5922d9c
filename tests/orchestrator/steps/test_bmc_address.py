"""A BMC behind TLS is named and moved to the address that the inventory gives it, and found there whatever happened."""

import itertools
import os
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest

from drivers.errors import IdentityChanged, Unreachable
from drivers.patience import Patience
from drivers.virtual.twin.file import TwinSpec
from drivers.virtual.twin.twin import Twin
from inventory.model import Node
from inventory.secrets import Vaults
from orchestrator.bmcs import Bmcs
from orchestrator.passwords import Passwords
from orchestrator.pins import PinTable
from orchestrator.sessionbook import SessionTable
from orchestrator.steps.bmc_address import settle
from orchestrator.steps.bmc_setup import configure, configured
from tests.orchestrator.steps.conftest import Diary

PASSWORD = "first-password"
pytestmark = pytest.mark.slow  # the driver gives each move 20 s to show where it was

COUNT = itertools.count(1)


class Killed(BaseException):
    """As by SIGKILL: nobody handles it."""


class Noted(Diary):
    def __init__(self, node, *, dies_after=None):
        super().__init__(node, "bmc-configured", {"bmc": {}})
        self.said, self.dies_after = [], dies_after

    def note(self, says):
        self.said.append(says)

    def once(self, key, do, seen):
        def doing():
            outcome = do()
            if key == self.dies_after:
                raise Killed
            return outcome

        return super().once(key, doing, seen)


@dataclass
class Bench:
    twin: Twin
    world: SimpleNamespace
    old: str
    new: str
    network: dict

    def node(self, **network):
        told = {
            "name": "n1",
            "rack": "r1",
            "unit": 1,
            "bmc": {
                "address": f"{self.new}:8443",
                "user": "admin",
                "password": "env:FIRST",
                "network": self.network | network,
            },
            "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}],
            "groups": ["compute"],
            "image": "os",
        }
        return Node.model_validate(told)

    @property
    def machine(self):
        return self.twin.machine("n1")

    def moves(self):
        return [write for write in self.machine.writes if "IPv4" in str(write)]


def carry_out(bench, job):
    """As the engine does: entered again after each park."""
    for _ in Patience(poll=timedelta(milliseconds=300)).looks(timedelta(seconds=30)):
        if configure(bench.world, job) is None:
            return configured(bench.world, job)
    raise AssertionError("it parks for ever")


@pytest.fixture
def bench_of(store, tmp_path, monkeypatch):
    monkeypatch.setenv("FIRST", PASSWORD)
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    made = []

    def make(personality="generic", machines=1, **network):
        net = f"127.{150 + worker}.{next(COUNT)}"
        old, new = f"{net}.1", f"{net}.2"
        spec = {
            "name": "lab",
            "speed": 0,
            "boot": {"http": "http://127.0.0.1:1/{mac}"},
            "machines": [
                {
                    "name": f"n{number}",
                    "serial": f"SN-{number}",
                    "bmc": {
                        "address": f"{net}.{number}:8443",
                        "user": "admin",
                        "password": PASSWORD,
                        "personality": personality,
                    },
                    "nics": [{"mac": f"52:54:00:00:00:0{number}"}],
                }
                for number in range(1, machines + 1)
            ],
        }
        twin = Twin(TwinSpec.model_validate(spec))
        twin.start()
        passwords = Passwords(tmp_path / f"secrets{len(made)}")
        bmcs = Bmcs(Vaults(tmp_path), PinTable(store), SessionTable(store), passwords)
        told = {"met_at": f"{old}:8443", "prefix": 24, **network}
        made.append(Bench(twin, SimpleNamespace(bmcs=bmcs), old, new, told))
        return made[-1]

    yield make
    for bench in made:
        live = bench.machine.sessions_live
        bench.twin.stop()
        assert not live, "a session was left open"


def test_a_bmc_is_named_and_moved_and_answers_at_its_new_address_alone(bench_of):
    bench = bench_of(hostname="{node}-bmc")
    node = bench.node()
    with bench.world.bmcs.met(node) as (where, _):
        assert where.host == bench.old
    known = bench.world.bmcs.pins.fingerprint(f"{bench.old}:8443")
    seen = carry_out(bench, Noted(node))
    assert seen.holds, seen.says
    assert seen.value["address"] == f"{bench.new}:8443"
    assert bench.world.bmcs.pins.fingerprint(f"{bench.new}:8443") == known
    with bench.world.bmcs.open(node) as machine:
        assert machine.bmc_state().hostname == "n1-bmc"
        assert bench.new in machine.bmc_state().addresses
    stayed = node.model_copy(update={"bmc": node.bmc.model_copy(update={"address": node.bmc.network.met_at})})
    with pytest.raises(Unreachable), bench.world.bmcs.open(stayed):
        pass


def test_what_holds_is_not_written_again(bench_of):
    bench = bench_of(hostname="bmc-n1")
    carry_out(bench, Noted(bench.node()))
    writes = len(bench.machine.writes)
    assert carry_out(bench, Noted(bench.node())).holds
    assert len(bench.machine.writes) == writes


@pytest.mark.parametrize("point", ["who moves", "address"])
def test_killed_between_the_write_and_its_read_back_it_is_found_where_it_went_and_told_once(bench_of, point):
    bench = bench_of()
    node = bench.node()
    dying = Noted(node, dies_after=point)
    with pytest.raises(Killed):
        configure(bench.world, dying)
    bench.world.bmcs.left_behind(node.bmc.network.met_at)  # its process is gone
    dying.dies_after = None
    assert carry_out(bench, dying).holds
    assert len(bench.moves()) == 1


def test_a_reply_that_is_lost_on_the_way_moves_it_once(bench_of):
    bench = bench_of()
    bench.twin.set_fault("n1", "F3.managerx1")
    assert carry_out(bench, Noted(bench.node())).holds
    assert len(bench.moves()) == 1


def test_an_address_that_waits_for_a_restart_is_restarted_for_once(bench_of):
    bench = bench_of("ilo")
    job = Noted(bench.node())
    assert carry_out(bench, job).holds
    assert bench.machine.bmc_restarts == 1
    assert any("still answers" in one for one in job.said)


def test_another_machine_at_the_address_that_it_is_to_have_is_told_and_gets_no_password(bench_of):
    bench = bench_of(machines=2)
    job = Noted(bench.node())
    with pytest.raises(IdentityChanged):
        carry_out(bench, job)
    assert bench.twin.machine("n2").sessions_opened == bench.twin.machine("n2").logins_denied == 0


def test_one_that_answers_nowhere_is_told_with_both_addresses(bench_of):
    bench = bench_of()
    bench.twin.set_fault("n1", "bmc-unreachable")
    with pytest.raises(Unreachable) as told, bench.world.bmcs.open(bench.node()):
        pass
    assert bench.old in str(told.value)
    assert bench.new in str(told.value)


def test_it_does_not_hold_before_it_is_named_and_moved(bench_of):
    bench = bench_of(hostname="wanted")
    seen = configured(bench.world, Noted(bench.node()))
    assert not seen.holds
    assert "its name is bmc-n1, wanted wanted" in seen.says
    assert f"it answers at {bench.old}:8443, wanted {bench.new}:8443" in seen.says


def test_settling_what_says_nothing_of_its_network_asks_it_nothing(bench_of):
    bench = bench_of()
    node = bench.node()
    plain = node.model_copy(update={"bmc": node.bmc.model_copy(update={"network": None})})
    assert settle(bench.world, Noted(plain)) is None
    assert bench.machine.sessions_opened == 0
