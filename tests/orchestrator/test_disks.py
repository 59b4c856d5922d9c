"""What a gate shows is what the next plan shows, and what a consent is bound to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator import disks
from orchestrator.engine.vertex import GATED, TODO, WHATEVER, RoleStatus
from orchestrator.plan import DiskContent

DATA = DiskContent("D1", 8 << 30, "gpt table, 1: ext4 'payroll' (8 GiB)", empty=False)
BLANK = DiskContent("D2", 8 << 30, "empty", empty=True)
INFERRED = replace(DATA, read=False)


def a_row(state: str, found: tuple[DiskContent, ...]) -> RoleStatus:
    stake = disks.at_stake(found)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return RoleStatus(
        node="r1-n01",
        role="disks-clean",
        run="1",
        state=state,
        says=stake.says,
        since=moment,
        generation=1,
        attempt=0,
        input_hash="",
        waiting_for=None,
        deadline=None,
        evidence_digest=None,
        evidence_at=None,
        stake={"digest": stake.digest, "detail": dict(stake.detail)},
    )


def test_a_gate_is_read_back_as_it_was_told():
    assert disks.gated([a_row(GATED, (DATA, BLANK))]) == {"r1-n01": (DATA, BLANK)}


def test_a_gate_that_was_passed_shows_nothing():
    assert disks.gated([a_row(TODO, (DATA,))]) == {}


def test_a_gate_that_could_not_look_shows_nothing():
    blind = replace(a_row(GATED, (DATA,)), stake={"digest": WHATEVER, "detail": {}})
    assert disks.gated([blind]) == {}


def test_only_disks_that_are_all_proven_empty_are_at_no_stake():
    assert disks.at_stake((BLANK,)).empty
    assert not disks.at_stake((BLANK, DATA)).empty


@pytest.mark.parametrize("found", [(), (INFERRED,), (INFERRED, BLANK)])
def test_a_consent_to_what_was_not_read_is_to_whatever_is_there(found):
    assert disks.covered(found) == WHATEVER


def test_a_consent_to_what_was_read_is_to_nothing_else():
    assert disks.covered((DATA,)) == disks.at_stake((DATA,)).digest
    assert disks.covered((DATA,)) != disks.covered((replace(DATA, holds="gpt table, 1: xfs (8 GiB)"),))
    assert disks.covered((DATA,)) != disks.covered((replace(DATA, serial="D9"),))
