"""`anneal profile coverage`: who has which profile and why, and what an edit would change."""

import json
import subprocess

import pytest
from typer.testing import CliRunner

from cli.main import run
from cli.profile import app

PROFILES = """
profiles:
  mine:
    match: [{node: n1, score: 5}]
    bios: {LogicalProc: Enabled}
  any:
    match: [{group: compute}]
    bmc: {ntp: [10.77.0.1]}
"""


@pytest.fixture
def site(site_directory):
    """The lab with two profiles, committed."""
    path = site_directory / "site.yaml"
    path.write_text(path.read_text() + PROFILES)
    for words in (
        ["init", "-q"],
        ["add", "site.yaml"],
        ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=site_directory, check=True)
    return site_directory


@pytest.fixture
def coverage(site, tmp_path):
    def called(*words):
        return CliRunner().invoke(app, [*words, "--site", str(site), "--state", str(tmp_path / "state")])

    return called


def edit(site, old, new):
    path = site / "site.yaml"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


def test_each_node_is_listed_with_its_profile_score_and_why(coverage):
    done = coverage("-o", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [
        {"node": "n1", "verdict": "matched", "profile": "mine", "score": 5, "why": "node n1 (5)"},
        {"node": "n2", "verdict": "matched", "profile": "any", "score": 1, "why": "group compute (1)"},
    ]


def test_a_tie_exits_78_and_names_the_two(coverage, site):
    edit(site, "score: 5", "score: 1")
    done = coverage()
    assert done.exit_code == 78
    assert "mine and any fit alike: mine 1, any 1" in done.stdout
    assert coverage("n2").exit_code == 0


def test_a_node_that_hangs_on_facts_exits_5(coverage, site):
    edit(site, "{group: compute}", "{model: R750}")
    done = coverage()
    assert done.exit_code == 5
    assert "not known yet" in done.stdout


def test_nothing_changed_is_no_row(coverage):
    assert json.loads(coverage("--against", "HEAD", "-o", "json").stdout) == []


def test_an_edit_is_shown_per_node_with_old_and_new(coverage, site):
    edit(site, "LogicalProc: Enabled", "LogicalProc: Disabled")
    edit(site, "{group: compute}", "{group: compute, score: 9}")
    rows = json.loads(coverage("--against", "HEAD", "-o", "json").stdout)
    assert [
        (row["node"], row["key"], row["old"], row["new"])
        for row in rows
        if row["key"] in ("profile", "bios.LogicalProc")
    ] == [
        ("n1", "profile", "mine", "any"),
        ("n1", "bios.LogicalProc", "Enabled", None),
    ]


def test_a_changed_setting_of_the_same_profile_is_one_row(coverage, site):
    edit(site, "LogicalProc: Enabled", "LogicalProc: Disabled")
    assert json.loads(coverage("--against", "HEAD", "-o", "json").stdout) == [
        {"node": "n1", "key": "bios.LogicalProc", "old": "Enabled", "new": "Disabled"}
    ]


def test_a_site_below_the_top_of_its_git_is_found_there(site_directory, tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "site"], cwd=tmp_path, check=True)
    commit = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]
    subprocess.run(commit, cwd=tmp_path, check=True)
    path = site_directory / "site.yaml"
    path.write_text(path.read_text() + PROFILES)
    words = [
        "--against",
        "HEAD",
        "-o",
        "json",
        "--site",
        str(site_directory),
        "--state",
        str(tmp_path / "s"),
    ]
    rows = json.loads(CliRunner().invoke(app, words).stdout)
    assert [(row["node"], row["old"], row["new"]) for row in rows if row["key"] == "profile"] == [
        ("n1", None, "mine"),
        ("n2", None, "any"),
    ]


@pytest.mark.parametrize(("revision", "says"), [("nowhere", "git knows no revision 'nowhere'"), ("--all", "'--all'")])
def test_an_unknown_revision_is_one_clear_error(site, tmp_path, capsys, revision, says):
    words = ["profile", "coverage", f"--against={revision}", "--site", str(site), "--state", str(tmp_path / "s")]
    assert run(words) == 78
    assert says in capsys.readouterr().err


def test_a_site_outside_git_is_one_clear_error(site_directory, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    words = ["profile", "coverage", "--against", "HEAD", "--site", str(site_directory), "--state", str(tmp_path / "s")]
    assert run(words) == 78
    assert "lies in no git repository" in capsys.readouterr().err
