import stat
import subprocess
from dataclasses import replace

import pytest

from inventory.load import load
from orchestrator.annealer import Annealer
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


def _serving(site_directory, more):
    text = (site_directory / "site.yaml").read_text()
    (site_directory / "site.yaml").write_text(text + more)
    return load(site_directory)


def test_a_placed_role_is_bound_to_its_node_and_shown_with_its_reason(record, site_directory):
    loaded = _serving(site_directory, "placement:\n  names: {role: dns-server}\n")
    placed = Record(loaded, record.state).plan(["n1", "n2"])
    assert [(step.node, step.role) for step in placed.steps if step.role == "dns-server"] == [("n1", "dns-server")]
    assert [(one.placement, one.node, one.stays) for one in placed.placed] == [("names", "n1", False)]


def test_a_placed_role_is_found_again_where_it_was_asked_for(record, site_directory):
    loaded = _serving(site_directory, "placement:\n  names: {role: dns-server}\n")
    fleet = dict(loaded.site.nodes)
    earlier = loaded.site.model_copy(update={"nodes": {"n2": fleet["n2"]}})
    first = Annealer(replace(loaded, site=earlier), site_directory, record.state)
    first.apply(first.plan(["n2"]), [], "a test")
    found = Record(loaded, record.state).plan(["n1", "n2"]).placed
    assert [(one.node, one.stays) for one in found] == [("n2", True)]
