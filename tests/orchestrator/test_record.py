import stat
import subprocess

import pytest

from inventory.load import load
from orchestrator.record import Record


@pytest.fixture
def record(site_directory):
    return Record(load(site_directory), site_directory / ".anneal")


def test_keys_and_tokens_never_get_into_the_sites_git(record, site_directory):
    subprocess.run(["git", "init", "--quiet"], cwd=site_directory, check=True)
    told = subprocess.run(
        ["git", "status", "--porcelain"], cwd=site_directory, check=True, capture_output=True, text=True
    )
    assert told.stdout == "?? site.yaml\n"
    assert stat.S_IMODE(record.state.stat().st_mode) == 0o700


def test_a_saved_plan_reads_back_the_same(record):
    plan = record.plan(["n1"])
    saved = record.save(plan, None)
    assert type(plan).model_validate_json(saved.read_text()) == plan


def test_why_of_a_node_never_planned_says_to_plan_it(record):
    because = record.why("n1", None)
    assert because.chain[0].role == "network-ready"
    assert because.next == "anneal plan n1"


def test_nothing_recorded_is_no_status(record):
    assert record.statuses(["n1", "n2"]) == ()
