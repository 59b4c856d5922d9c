"""A restart that was begun once is not begun again while, or after, it did what it was for."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from drivers.ability.progress import Phase
from drivers.errors import Busy
from drivers.facts import PowerState
from orchestrator.steps.netboot import turn_off_once, turn_on_once
from orchestrator.steps.restart import done_once

FLASH, CARD = "/jobs/1", "/jobs/2"


class Killed(BaseException):
    """What ends a process."""


class Host:
    """Its jobs' phases, its self-test, and how often it lost its power."""

    def __init__(self, phases, *, self_test_over=None):
        self.phases, self.over, self.restarts, self.dies = phases, self_test_over, 0, True

    def restart(self):
        self.restarts += 1
        if self.dies:
            self.dies = False
            raise Killed
        return "itself"

    def go(self, job):
        return done_once(job, "restarted", lambda: self.phases, lambda: self.over, self.restart)


def killed_in_the_midst(job, phases, **told):
    host = Host(phases, **told)
    with pytest.raises(Killed):
        host.go(job)
    return host


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.DONE, Phase.GONE, Phase.FAILED])
def test_a_host_whose_waiting_job_moved_on_is_not_restarted_again(job, phase):
    host = killed_in_the_midst(job, {FLASH: Phase.SCHEDULED})
    host.phases = {FLASH: phase}
    assert host.go(job) is None
    assert (host.restarts, job.done("restarted")) == (1, True)


def test_a_host_whose_job_still_waits_is_restarted_again(job):
    host = killed_in_the_midst(job, {FLASH: Phase.SCHEDULED, CARD: Phase.DONE})
    assert host.go(job) == "itself"
    assert host.restarts == 2
    host.go(job)
    assert host.restarts == 2


def test_a_job_that_was_over_before_the_restart_proves_none(job):
    host = killed_in_the_midst(job, {CARD: Phase.DONE})
    assert (host.go(job), host.restarts) == ("itself", 2)


def test_a_host_in_its_self_test_is_left_in_it_and_judged_after_it(job):
    host = killed_in_the_midst(job, {FLASH: Phase.SCHEDULED}, self_test_over=False)
    with pytest.raises(Busy, match="self-test"):
        host.go(job)
    host.phases, host.over = {FLASH: Phase.DONE}, True
    assert (host.go(job), host.restarts) == (None, 1)


def test_no_host_is_restarted_while_a_job_is_at_work(job):
    host = Host({FLASH: Phase.RUNNING, CARD: Phase.SCHEDULED})
    host.dies = False
    with pytest.raises(Busy, match="/jobs/1 is at work"):
        host.go(job)
    assert host.restarts == 0
    host.phases = {FLASH: Phase.DONE, CARD: Phase.SCHEDULED}
    assert (host.go(job), host.restarts) == ("itself", 1)


class Plug:
    """A machine's power, and a process that is killed `at` one of its writes: before it, or after."""

    def __init__(self, at):
        self.state, self.at, self.starts, self.forgotten = PowerState.ON, at, 0, 0

    def power(self):
        return self.state

    def turn(self, state):
        self._dies(f"before {state.name}")
        self.starts += state is PowerState.ON is not self.state
        self.state = state
        self._dies(f"after {state.name}")

    def _dies(self, moment):
        if self.at == moment:
            self.at = None
            raise Killed

    def restart(self, job):
        world = SimpleNamespace(
            bmcs=SimpleNamespace(open=lambda _node: nullcontext(self)), store=SimpleNamespace(begin=nullcontext)
        )

        def forget(_connection):
            self.forgotten += 1

        def on():
            self.turn(PowerState.ON)
            return "itself"

        turn_off_once(world, job, "restart", forget)
        return turn_on_once(world, job, "restart", on)


@pytest.mark.fault("F35", "power")
@pytest.mark.parametrize("moment", ["before OFF", "after OFF", "before ON", "after ON", None])
def test_a_restart_that_is_cut_off_anywhere_starts_the_machine_once(job, moment):
    plug = Plug(moment)
    if moment is not None:
        with pytest.raises(Killed):
            plug.restart(job)
    came = plug.restart(job)
    assert (plug.starts, plug.state) == (1, PowerState.ON)
    assert came == (None if moment == "after ON" else "itself")
    assert plug.forgotten == (2 if moment == "before OFF" else 1)
