"""BIOS settings that a BMC takes, and a host does not, at a BMC behind TLS."""

import threading
from datetime import timedelta

import pytest

from orchestrator.errors import StepFailed
from orchestrator.steps import staged

WANTED = {"settings": {"ProcCoreDisable": 2}}


def run(world, job):
    """To its end, ten seconds for each entry."""
    for _ in range(100):
        if staged.bring(world, job) is None:
            return
        job.clock += timedelta(seconds=10)
        threading.Event().wait(0.05)
    raise AssertionError("it never came to an end")


@pytest.mark.fault("F18", "bios")
def test_a_setting_that_the_host_drops_at_its_start_is_named_soon_after_and_restarts_it_once(bench_for, diary):
    twin, world, node = bench_for([])
    twin.set_fault(node.name, "F18.bios")
    job = diary(node, "bios-configured", WANTED)
    began = job.clock
    with pytest.raises(StepFailed, match="ProcCoreDisable reads 0, wanted 2"):
        run(world, job)
    assert job.clock - began < timedelta(minutes=5)  # of the 25 that it may take
    assert len(twin.machine(node.name).boots) == 2
