"""Volumes made under a consent: just what was consented to goes, whatever comes between gate and write."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from drivers.ability.progress import Handle, Phase, Progress
from drivers.ability.storage import Controller, Volume
from drivers.errors import Busy
from drivers.facts import Drive
from inventory.model import Node
from orchestrator.errors import StepFailed
from orchestrator.steps import raid
from orchestrator.store import now
from orchestrator.work import Cleared, Park

GB = 10**9
WANTED = {"name": "os", "type": "RAID1", "controller": "*", "drives": {"count": 2}}


def drives(*numbers):
    return tuple((f"/d/{n}", Drive(f"Disk {n}", 480 * GB, "SSD", "SAS", f"S{n}")) for n in numbers)


def volume(id_, *on, name="data"):
    return Volume(f"/v/{id_}", id_, name, "RAID0", 480 * GB, tuple(f"/d/{n}" for n in on))


@dataclass
class Shelf:
    """One controller in memory: does what it is told at once, unless it is busy."""

    controller: Controller
    busy: int = 0
    deleted: list[str] = field(default_factory=list)
    made: list[tuple[str, ...]] = field(default_factory=list)
    phase: Phase = Phase.DONE
    slow: bool = False
    then: Controller | None = None

    def storage(self):
        self._answer()
        return (self.controller,)

    def delete_volume(self, volume):
        self._answer()
        self.deleted.append(volume.id)
        left = tuple(one for one in self.controller.volumes if one.id != volume.id)
        self._become(left)
        return Handle("delete", None, now())

    def create_volume(self, wanted):
        self._answer()
        self.made.append(wanted.drives)
        new = Volume("/v/new", "NEW", wanted.name, wanted.raid_type, 480 * GB, wanted.drives)
        self._become((*self.controller.volumes, new))
        return Handle("create", None, now())

    def set_drive_mode(self, controller, drives, *, raid):
        raise AssertionError("nobody asks for it")

    def follow(self, handle):
        self._answer()
        return Progress(self.phase)

    def finish(self):
        self.controller = self.then

    def _become(self, volumes):
        self.then = replace(self.controller, volumes=volumes)
        if not self.slow:
            self.finish()

    def _answer(self):
        if self.busy:
            self.busy -= 1
            raise Busy("10.0.0.1", "read its storage", "it ends by itself")


@dataclass
class Errand:
    """A job whose intents are kept in memory."""

    node: Node
    gate: Cleared | None = None
    role: str = "raid-configured"
    generation: int = 1
    inputs: dict = field(default_factory=lambda: {"volumes": [WANTED]})
    closed: dict = field(default_factory=dict)

    def once(self, key, do, seen):
        if key not in self.closed:
            self.closed[key] = do()
        return self.closed[key]

    def done(self, key):
        return key in self.closed

    def cleared(self):
        return self.gate


@pytest.fixture
def job(lab):
    return Errand(lab.nodes["n1"])


def world_of(shelf):
    @contextmanager
    def opened(node):
        yield shelf

    return SimpleNamespace(bmcs=SimpleNamespace(open=opened))


def pass_gate(shelf, job):
    stake = raid.at_stake(world_of(shelf), job)
    job.gate = Cleared(stake.digest, stake.named)


def shelf_of(*volumes, has):
    return Shelf(Controller("/c", "PERC", "RAID", has, volumes, makes_volumes=True))


def two_volumes():
    """No free drive: `A` stands in the way, `B` would be next."""
    return shelf_of(volume("A", 0, 1), volume("B", 2, 3), has=drives(0, 1, 2, 3))


def test_just_what_passed_the_gate_is_deleted_and_the_volume_is_made_on_its_drives(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    assert raid.make(world_of(shelf), job) is None
    assert (shelf.deleted, shelf.made) == (["A"], [("/d/0", "/d/1")])


def test_a_drive_that_fails_behind_the_gate_brings_no_other_volume_under_the_same_consent(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    shelf.controller = replace(shelf.controller, drives=drives(2, 3))
    with pytest.raises(StepFailed, match=r"not what passed its gate: volume B: .*S2, S3.* plan it again"):
        raid.make(world_of(shelf), job)
    assert (shelf.deleted, shelf.made) == ([], [])


def test_a_consent_to_loose_drives_covers_no_volume_that_shows_later(job):
    shelf = shelf_of(has=drives(0, 1))
    pass_gate(shelf, job)
    shelf.controller = replace(shelf.controller, volumes=(volume("B", 0, 1),))
    with pytest.raises(StepFailed, match="volume B"):
        raid.make(world_of(shelf), job)
    assert shelf.deleted == []


def test_no_volume_is_deleted_where_nothing_at_the_gate_had_to_be_named(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    job.gate = replace(job.gate, named=False)
    with pytest.raises(StepFailed, match="not what passed its gate"):
        raid.make(world_of(shelf), job)
    assert shelf.deleted == []


def test_a_gate_of_which_nothing_was_kept_lets_nothing_through(job):
    shelf = two_volumes()
    with pytest.raises(StepFailed, match="not what passed its gate"):
        raid.make(world_of(shelf), job)
    assert shelf.deleted == []


def test_a_volume_is_not_gone_while_its_controller_tells_of_no_drive_of_it(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    raid._decided(world_of(shelf), job)
    whole = shelf.controller
    shelf.controller = replace(whole, drives=(), volumes=())
    assert isinstance(raid.make(world_of(shelf), job), Park)
    assert not job.done("delete A over")
    shelf.controller = replace(whole, volumes=whole.volumes[1:])
    assert raid.make(world_of(shelf), job) is None


def test_the_wait_for_a_busy_bmc_begins_anew_at_each_step_and_once_it_has_answered(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    waits = []

    def pass_by(minutes):
        """What the record says began when, began so much earlier."""
        for key, at in job.closed.items():
            if key.endswith(" since"):
                job.closed[key] = (datetime.fromisoformat(at) - timedelta(minutes=minutes)).isoformat()

    def hiccup(*, times=1):
        """Busy for so many looks in a row, ten minutes apart; then one that is answered."""
        for _ in range(times):
            shelf.busy = 1
            park = raid.make(world_of(shelf), job)
            waits.append((now() - park.since) // timedelta(minutes=1))
            pass_by(10)

    shelf.slow = True  # what is asked for takes effect when it is told to
    hiccup(times=3)
    assert raid.make(world_of(shelf), job).waiting_for == "its controller to delete A"
    pass_by(20)
    hiccup()
    raid.make(world_of(shelf), job)
    shelf.finish()
    hiccup(times=2)
    assert raid.make(world_of(shelf), job).waiting_for == "its controller to create os"
    hiccup()
    shelf.finish()
    assert raid.make(world_of(shelf), job) is None
    assert waits == [0, 10, 20, 0, 0, 10, 0]


def test_a_busy_bmc_behind_the_gate_is_asked_again_and_the_same_is_still_covered(job):
    shelf = two_volumes()
    pass_gate(shelf, job)
    shelf.busy = 1
    assert isinstance(raid.make(world_of(shelf), job), Park)
    assert raid.make(world_of(shelf), job) is None
    assert shelf.deleted == ["A"]
