"""A firmware file that was being sent when Anneal was killed: its job tells that it arrived; it is not sent again."""

import pytest

from orchestrator.steps.firmware import KIND, ROLE
from orchestrator.steps.piece import Piece
from tests.orchestrator.steps.conftest import Diary

PIECE = Piece(ROLE, "0")


@pytest.mark.fault("F35", "firmware")
@pytest.mark.parametrize("family", ["idrac", "generic"])
def test_a_file_that_was_taken_before_the_kill_is_followed_by_its_job_and_sent_once(ward_of, family):
    ward = ward_of(family)
    package = ward.package()
    wanted = {"component": "*BIOS*", "min": "9.9.9", "package": "bios.bin", "sha256": package.sha256}
    inputs = {"firmware": [wanted]}
    job = Diary(None, ROLE, inputs)
    with ward.driver() as machine:
        first = KIND.stage(machine, job, inputs, PIECE, lambda *_: package)
        assert KIND.unsent(machine, job, inputs, PIECE)
        followed = KIND.stage(machine, job, inputs, PIECE, lambda *_: package)
    assert followed.path.rpartition("/")[2] == first.path.rpartition("/")[2]
    assert followed.needs_reset
    assert len(ward.machine.writes) == 1


def test_another_update_that_was_there_before_is_not_taken_for_it(ward_of):
    ward = ward_of("idrac")
    package = ward.package()
    wanted = {"component": "*BIOS*", "min": "9.9.9", "package": "bios.bin", "sha256": package.sha256}
    inputs = {"firmware": [wanted]}
    with ward.driver() as machine:
        theirs = machine.update(package, on_reset=True)
        own = KIND.stage(machine, Diary(None, ROLE, inputs), inputs, PIECE, lambda *_: package)
    assert own.path != theirs.path
    assert len(ward.machine.writes) == 2
