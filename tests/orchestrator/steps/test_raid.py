"""Controllers set up and volumes made under a consent, at a BMC behind TLS: just what was consented to goes, once."""

import itertools
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from drivers.ability.storage import Controller, Volume, VolumeWanted
from drivers.errors import Busy, IdentityChanged, Refused
from drivers.facts import Drive
from drivers.virtual.twin.disk import Content
from drivers.virtual.twin.twin import Twin
from inventory.profile import Profile
from orchestrator.controllers import Clearing, ModeChange
from orchestrator.errors import StepFailed
from orchestrator.steps import raid
from orchestrator.steps.raid_writes import clearing, conversion, deletion, mode_change
from orchestrator.steps.world import World
from orchestrator.work import Cleared, Park

COUNT = itertools.count(1)
OS = {"name": "os", "type": "RAID1", "drives": {"count": 2}}
VOLUME = MappingProxyType({"volumes": [OS]})
TO_RAID = {"controller": "*", "mode": "RAID"}
CLEAR = {"controller": "*", "foreign": "clear"}
NODE = "n1"
AWAY = "bmc-unreachable"


def disk(number, **more):
    return {"serial": f"S{number}", "gib": 10, "content": "data", **more}


def volume(name, *drives):
    return {"name": name, "raid": "RAID0", "drives": [f"S{number}" for number in drives], "content": "data"}


@dataclass
class Bench:
    """One node behind an iDRAC, its twin, and a job that makes its RAID."""

    twin: Twin
    world: World
    job: object

    @property
    def machine(self):
        return self.twin.machine(NODE)

    @property
    def array(self):
        return self.machine.array

    @property
    def erased(self):
        return [work.says for work in self.machine.erases]

    @property
    def sent(self):
        """What changed its storage, in order."""
        storage = [one for one in self.machine.writes if "/Storage" in one.path or "/DellRaidService" in one.path]
        return [one.says for one in storage]

    def do(self, change):
        self.twin.do(change)

    def pass_gate(self):
        stake = raid.at_stake(self.world, self.job)
        self.job.gate = Cleared(stake.digest, stake.named)
        return stake

    def step(self):
        """One entry, and ten seconds later."""
        parked = raid.make(self.world, self.job)
        self.job.clock += timedelta(seconds=10)
        return parked

    def run(self):
        for _ in range(300):
            if self.step() is None:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"it never came to an end: {self.job.intents}")


@pytest.fixture
def bench_of(bench_for, diary):
    """Makes one of disks, volumes and what its profile says of RAID; with quirks by their numbers."""

    def make(disks, volumes=(), wanted=VOLUME, quirks=()):
        twin, world, node = bench_for(disks, volumes, quirks)
        profile = Profile.model_validate({"name": "p", "raid": dict(wanted)}).raid
        return Bench(twin, world, diary(node, "raid-configured", profile.model_dump(mode="json")))

    return make


@pytest.fixture
def full(bench_of):
    """No free drive: `a` stands in the way, `b` would be next."""
    return bench_of([disk(n) for n in range(4)], [volume("a", 0, 1), volume("b", 2, 3)])


def names(bench):
    return sorted(one.name for one in bench.array.volumes.values())


def test_just_what_passed_the_gate_is_deleted_and_the_volume_is_made_on_its_drives(full):
    stake = full.pass_gate()
    assert "S0, S1" in stake.says
    assert "S2" not in stake.says
    full.run()
    assert names(full) == ["b", "os"]
    assert full.erased == ["delete a volume"]
    assert raid.configured(full.world, full.job).holds


def test_drives_that_are_taken_behind_the_gate_bring_no_others_under_the_same_consent(bench_of):
    bench = bench_of([disk(n) for n in range(4)])
    bench.pass_gate()
    bench.do(lambda: bench.array.foreign.add("S0"))
    with pytest.raises(StepFailed, match=r"not what passed its gate: .*disk S2.* plan it again"):
        bench.run()
    assert (bench.erased, names(bench)) == ([], [])


def test_a_consent_to_loose_drives_covers_no_volume_that_shows_later(bench_of):
    bench = bench_of([disk(0), disk(1)])
    bench.pass_gate()
    bench.do(lambda: bench.array.create("late", "RAID0", ["S0", "S1"], None))
    with pytest.raises(StepFailed, match="'late'"):
        bench.run()
    assert names(bench) == ["late"]


def test_a_consent_to_a_volume_covers_no_other_on_the_same_drives(full):
    full.pass_gate()

    def another():
        first = next(iter(full.array.volumes))
        full.array.delete(first)
        full.array.create("payroll", "RAID0", ["S0", "S1"], None)

    full.do(another)
    with pytest.raises(StepFailed, match="'payroll'"):
        full.run()
    assert names(full) == ["b", "payroll"]


def test_no_volume_is_deleted_where_nothing_at_the_gate_had_to_be_named(full):
    full.pass_gate()
    full.job.gate = replace(full.job.gate, named=False)
    with pytest.raises(StepFailed, match="not what passed its gate"):
        full.run()
    assert full.erased == []


def test_a_gate_of_which_nothing_was_kept_lets_nothing_through(full):
    with pytest.raises(StepFailed, match="not what passed its gate"):
        full.run()
    assert full.erased == []


SILENT = (Controller("/c/0", "PERC", None, (), ()),)
DRIVE = ("/d/1", Drive("Disk 1", 10, "SSD", "SAS", "S1"))
STARTING = (Controller("/c/0", "PERC", "RAID", (DRIVE,), (), unstated=("/d/1",)),)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (deletion(Volume("/v/A", "A", "a", "RAID0", 1, ("/d/0",)), "bmc"), SILENT),
        (mode_change(ModeChange("/c/0", "RAID"), "bmc"), SILENT),
        (mode_change(ModeChange("/c/0", "RAID"), "bmc"), ()),
        (clearing(Clearing("/c/0", ("S1",)), "bmc"), SILENT),
        (clearing(Clearing("/c/0", ("S1",)), "bmc"), ()),
        (clearing(Clearing("/c/0", ("S1",)), "bmc"), STARTING),
        (conversion(VolumeWanted("/c/0", ("/d/1",), "RAID0"), "bmc"), SILENT),
    ],
)
def test_nothing_is_done_while_its_controller_tells_of_nothing(write, told):
    with pytest.raises(Busy, match="turn the host on"):
        write.seen(told)


def test_the_wait_for_a_busy_bmc_begins_anew_at_each_step_and_once_it_has_answered(full):
    full.pass_gate()
    waits = []

    def hiccup(*, times=1):
        """Away for so many looks in a row, ten minutes apart; then one that is answered."""
        for _ in range(times):
            full.twin.set_fault(NODE, AWAY)
            park = raid.make(full.world, full.job)
            full.twin.clear_fault(NODE, AWAY)
            waits.append((full.job.clock - park.since) // timedelta(minutes=1))
            full.job.clock += timedelta(minutes=10)

    def finish():
        full.do(lambda: full.machine.work.forget(all_of_it=False))

    full.twin.set_fault(NODE, "F13.raid@600")  # what is asked for takes effect when it is told to
    hiccup(times=3)
    parked = raid.make(full.world, full.job)
    assert parked.waiting_for.startswith("its controller to delete")
    full.job.clock += timedelta(minutes=20)
    hiccup()
    raid.make(full.world, full.job)
    finish()
    hiccup(times=2)
    assert raid.make(full.world, full.job).waiting_for == "its controller to create os"
    hiccup()
    finish()
    assert raid.make(full.world, full.job) is None
    assert waits == [0, 10, 20, 0, 0, 10, 0]


def test_a_busy_bmc_behind_the_gate_is_asked_again_and_the_same_is_still_covered(full):
    full.pass_gate()
    full.twin.set_fault(NODE, AWAY)
    assert isinstance(full.step(), Park)
    full.twin.clear_fault(NODE, AWAY)
    full.run()
    assert full.erased == ["delete a volume"]


@pytest.mark.quirk(75)
def test_a_controller_in_hba_mode_is_set_restarted_and_given_its_drives_before_the_volume_is_made(bench_of):
    bench = bench_of([disk(n) for n in range(3)], wanted={"controllers": [TO_RAID], "volumes": [OS]}, quirks=[75])
    told = raid.configured(bench.world, bench.job)
    assert not told.holds
    assert "is in HBA mode, wanted RAID" in told.says
    assert bench.pass_gate().named is False
    bench.run()
    assert bench.sent == ["controller mode RAID", "convert S0, S1", "create RAID1 of S0, S1"]
    assert (bench.array.mode, bench.array.unconverted, names(bench)) == ("RAID", {"S2"}, ["os"])
    assert bench.machine.power_actions == 2 + 1  # off and on, and on at first
    assert raid.configured(bench.world, bench.job).holds


def test_a_mode_takes_its_volumes_with_it_only_where_just_those_were_consented_to(bench_of):
    bench = bench_of([disk(0), disk(1)], [volume("payroll", 0, 1)], {"controllers": [{"mode": "HBA"}]})
    stake = bench.pass_gate()
    assert "'payroll', RAID0 on drives S0, S1" in stake.says
    assert (stake.named, stake.empty) == (True, False)
    bench.job.gate = None
    with pytest.raises(StepFailed, match="payroll"):
        bench.step()
    assert (names(bench), bench.array.mode) == (["payroll"], "RAID")
    bench.pass_gate()
    bench.run()
    assert (names(bench), bench.array.mode, bench.erased) == ([], "HBA", ["delete a volume"])


def test_a_mode_of_a_controller_without_volumes_puts_nothing_at_stake(bench_of):
    bench = bench_of([disk(0)], wanted={"controllers": [{"mode": "HBA"}]})
    assert bench.pass_gate().empty
    bench.run()
    assert (bench.array.mode, bench.erased) == ("HBA", [])


def test_a_foreign_configuration_is_named_and_cleared_once_and_its_drives_make_the_volume(bench_of):
    disks = [disk(0, foreign=True), disk(1, foreign=True)]
    bench = bench_of(disks, wanted={"controllers": [CLEAR], "volumes": [OS]})
    stake = bench.pass_gate()
    assert stake.says == (
        "foreign configuration Controller: on drives S0, S1; its content is not known: counts as data"
    )
    assert stake.named
    bench.run()
    assert bench.erased == ["clear a foreign configuration"]
    assert bench.sent == ["clear foreign configuration of RAID.Integrated.1-1", "create RAID1 of S0, S1"]
    assert raid.configured(bench.world, bench.job).holds


def test_a_mode_that_would_lose_a_foreign_configuration_is_not_set_while_that_is_kept(bench_of):
    bench = bench_of([disk(0, foreign=True), disk(1)], wanted={"controllers": [{"mode": "HBA"}]})
    with pytest.raises(
        StepFailed, match=r"HBA mode would lose the foreign configuration of \S+ on S0: import or clear"
    ):
        bench.pass_gate()
    with bench.world.bmcs.open(bench.job.node) as machine:
        (controller,) = machine.storage()
        with pytest.raises(Refused, match="import or clear it first"):
            machine.set_controller_mode(controller.path, "HBA")
    assert (bench.sent, bench.array.mode) == ([], "RAID")


def test_what_a_mode_would_lose_is_cleared_before_it(bench_of):
    bench = bench_of([disk(0, foreign=True)], wanted={"controllers": [{"mode": "HBA", "foreign": "clear"}]})
    assert bench.pass_gate().named
    bench.run()
    assert bench.sent == ["clear foreign configuration of RAID.Integrated.1-1", "controller mode HBA"]
    assert raid.configured(bench.world, bench.job).holds


def test_what_a_host_may_have_written_counts_as_data_where_its_drives_are_taken_from_it(bench_of):
    bench = bench_of([disk(0), disk(1)], wanted={"controllers": [TO_RAID]}, quirks=[75])
    stake = bench.pass_gate()
    assert not stake.empty
    assert all(f"disk {serial}: not known: counts as data" in stake.says for serial in ("S0", "S1"))
    bench.job.gate = None
    with pytest.raises(StepFailed, match="not what passed its gate"):
        bench.run()
    assert (bench.sent, bench.array.mode) == ([], "HBA")


def test_a_foreign_configuration_that_nobody_asked_to_clear_stays_and_is_said(bench_of):
    bench = bench_of([disk(0, foreign=True), disk(1, foreign=True)])
    with pytest.raises(StepFailed, match="S0 holds a foreign configuration: clear or import that first"):
        bench.pass_gate()
    assert bench.array.foreign == {"S0", "S1"}


def test_a_consent_to_a_foreign_configuration_covers_no_further_drive(bench_of):
    bench = bench_of([disk(0, foreign=True), disk(1)], wanted={"controllers": [CLEAR]})
    bench.pass_gate()
    bench.do(lambda: bench.array.foreign.add("S1"))
    with pytest.raises(StepFailed, match=r"not what passed its gate: .*S0, S1"):
        bench.run()
    assert bench.array.foreign == {"S0", "S1"}
    assert bench.array.drive("S0").content is Content.DATA


def test_one_more_drive_at_the_moment_of_writing_stops_it(bench_of):
    both = [{"mode": "RAID", "foreign": "clear"}]
    bench = bench_of([disk(0, foreign=True), disk(1)], wanted={"controllers": both}, quirks=[75])
    bench.pass_gate()
    for _ in range(100):
        if bench.array.mode == "RAID":
            break
        bench.step()
        threading.Event().wait(0.05)
    bench.do(lambda: bench.array.foreign.add("S1"))
    with pytest.raises(IdentityChanged, match="a foreign configuration lies on S1 as well"):
        bench.run()
    assert bench.array.foreign == {"S0", "S1"}
    assert bench.erased == []


EVERYTHING = {"controllers": [{"mode": "RAID", "foreign": "clear"}], "volumes": [OS]}
SET, CLEARED, GIVEN, MADE = (
    "set RAID.Integrated.1-1 to RAID mode",
    "clear the foreign configuration of RAID.Integrated.1-1",
    "give the drives of os to RAID",
    "create os",
)


@pytest.mark.fault("F35", "mode")
@pytest.mark.fault("F35", "foreign")
@pytest.mark.fault("F35", "raid")
@pytest.mark.parametrize(
    "where",
    [
        "layout",
        f"{SET}, try 1",
        f"{SET} restarted: waits for it",
        f"{SET} restarted",
        f"{SET} over",
        f"{CLEARED}, try 1",
        f"{CLEARED} over",
        f"{GIVEN}, try 1",
        f"{MADE}, try 1",
        f"{MADE} over",
    ],
)
def test_a_kill_between_a_write_and_its_record_costs_nothing(bench_of, killed, where):
    disks = [disk(0), disk(1), disk(2, foreign=True)]
    bench = bench_of(disks, wanted=EVERYTHING, quirks=[75])
    bench.do(lambda: bench.array.unconverted.discard("S2"))
    bench.pass_gate()
    bench.job.dies_at = where
    with pytest.raises(killed):
        bench.run()
    bench.run()
    assert raid.configured(bench.world, bench.job).holds
    assert bench.erased == ["clear a foreign configuration", "create a volume"]
    assert bench.machine.power_actions == 2 + 1
    assert sum(says.startswith("create") for says in bench.sent) == 1
    assert sum(says.startswith("clear") for says in bench.sent) == 1
