"""A firmware file is sent once: also where an attempt that had sent it is followed by another."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from drivers.ability.firmware import Component, Package
from drivers.ability.progress import Handle
from orchestrator.steps.firmware import KIND
from orchestrator.steps.piece import Piece

PIECE = Piece(KIND.role, "0")


@dataclass
class Bmc:
    """One that stages: each file makes a job, which waits in its queue until the host is reset."""

    queue: list[Handle] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def components(self):
        return (Component("/bios", "BIOS", "1.0", updateable=True),)

    def updates_under_way(self):
        return tuple(self.queue)

    def update_methods(self):
        return ("simple",)

    def update(self, package, targets=(), *, on_reset=False):
        self.files.append(package.file.name)
        self.queue.append(Handle(f"flash {targets}", f"/jobs/{len(self.files)}", datetime.now(UTC), on_reset))
        return self.queue[-1]


@pytest.fixture
def stage(tmp_path):
    """Stages a file of this content, in a job."""

    def go(job, bmc, content):
        file = tmp_path / content
        file.write_text(content)
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        wanted = {"component": "BIOS", "min": "2.0", "package": content, "sha256": sha256}
        return KIND.stage(bmc, job, {"firmware": [wanted]}, PIECE, lambda _name, digest: Package(file, digest))

    return go


def anew(job, diary):
    """A later attempt: it has no intents of its own, and knows what became of the others."""
    later = diary(job.node, job.role, job.inputs)
    later.earlier = job.earlier
    return later


@pytest.mark.fault("F35", "firmware")
def test_a_file_whose_job_still_waits_is_not_sent_again_by_a_later_attempt(job, diary, stage):
    bmc = Bmc()
    sent = stage(job, bmc, "bios-2.0")
    assert stage(anew(job, diary), bmc, "bios-2.0") == sent
    assert bmc.files == ["bios-2.0"]


def test_a_file_whose_job_is_over_and_changed_nothing_is_sent_again(job, diary, stage):
    bmc = Bmc()
    stage(job, bmc, "bios-2.0")
    bmc.queue.clear()
    stage(anew(job, diary), bmc, "bios-2.0")
    assert bmc.files == ["bios-2.0"] * 2


def test_the_waiting_job_of_another_file_is_not_taken_for_it(job, diary, stage):
    bmc = Bmc()
    stage(job, bmc, "bios-2.0")
    stage(anew(job, diary), bmc, "bios-2.1")
    assert bmc.files == ["bios-2.0", "bios-2.1"]
