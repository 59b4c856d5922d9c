"""The command's frame: what it costs to start, what it exits with, how it says what went wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main
from cli.exits import Exit
from cli.failure import CODES, ending
from drivers import errors as drivers
from inventory import errors as inventory
from orchestrator import errors as orchestrator

ANNEAL = str(Path(sys.executable).with_name("anneal"))


def _run(*words, **options):
    return subprocess.run([ANNEAL, *words], capture_output=True, text=True, check=False, **options)


def test_help_names_every_part_and_imports_none_of_their_libraries():
    probe = "import sys; from cli.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-P", "-c", probe], capture_output=True, text=True, check=True)
    assert re.findall(r"^  (\w+)  ", ended.stdout, re.MULTILINE) == [*main.GROUPS, *main.COMMANDS]
    heavy = {"pydantic", "sqlalchemy", "dbos", "fastapi", "ansible_runner", "redfish", "paramiko", "rich", "yaml"}
    assert heavy & set(ended.stderr.split()) == set()


@pytest.mark.parametrize("part", [*main.GROUPS, *main.COMMANDS])
def test_every_part_can_be_called(part):
    ended = _run(part, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"Usage: anneal {part}")


@pytest.mark.parametrize("words", [("nonsense",), ("plan", "--nonsense"), ("why",), ("inventory", "nonsense")])
def test_a_command_line_that_makes_no_sense_exits_64(words):
    ended = _run(*words)
    assert ended.returncode == Exit.USAGE
    assert "Error: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_site_that_does_not_hold_together_exits_78_with_its_problems(tmp_path):
    (tmp_path / "site.yaml").write_text("site: {name: lab}\nnods: {}\n")
    ended = _run("inventory", "validate", str(tmp_path))
    assert ended.returncode == Exit.BAD_INVENTORY
    assert "site.yaml:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unknown_node_exits_64_and_names_the_nearest(site_directory):
    ended = _run("plan", "n3", "--site", str(site_directory))
    assert ended.returncode == Exit.USAGE
    assert "no node is called 'n3'; the nearest is 'n" in ended.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (drivers.Unreachable("10.0.3.7", "connect", "look at its cable"), 69, "10.0.3.7: connect. look at its cable"),
        (drivers.Denied("10.0.3.7", "log in", "check the secret"), 77, "10.0.3.7: log in. check the secret"),
        (drivers.Busy("10.0.3.7", "POST", "retry"), 1, "10.0.3.7: POST. retry"),
        (inventory.SecretMissing("env:BMC: not set", "export BMC"), 78, "env:BMC: not set. export BMC"),
        (orchestrator.Knot("a -> b -> a"), 78, "a -> b -> a"),
        (orchestrator.StalePlan("the site has changed"), 1, "the site has changed"),
        (orchestrator.OutcomeUnknown("n1", "erase", "look"), 1, "n1: erase. look"),
        (FileNotFoundError(2, "No such file or directory", "plan.json"), 1, "plan.json: No such file or directory"),
        (PermissionError(13, "Permission denied", "/root"), 77, "/root: Permission denied"),
    ],
)
def test_an_error_of_ours_has_a_code_and_one_line(error, code, says):
    assert ending(error) == (says, code)


def test_every_error_that_a_floor_can_raise_is_foreseen():
    families = (drivers.DriverError, inventory.InventoryError, orchestrator.OrchestratorError)
    assert {family for family in families if not any(kind in CODES for kind in family.__mro__)} == set()
