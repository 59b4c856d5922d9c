"""A restart that was begun once is not begun again while, or after, it did what it was for."""

import pytest

from drivers.ability.progress import Phase
from drivers.errors import Busy
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
