"""The page on switches says what the code has and the tests show."""

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.switch.catalog import FAMILIES
from drivers.switch.recorded import What

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "switches.md").read_text()
SOURCES = sorted((ROOT / "drivers" / "switch").glob("*.py"))


def section(head: str) -> str:
    return PAGE.split(f"\n## {head}\n")[1].split("\n## ")[0]


def marks(name: str) -> Iterator[tuple[object, ...]]:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{name}":
                with contextlib.suppress(ValueError):
                    yield tuple(ast.literal_eval(argument) for argument in node.args)


def test_each_family_that_is_driven_is_named_where_it_is_probed():
    assert "|".join(sorted(FAMILIES)) in PAGE


def test_each_family_that_is_driven_has_its_row():
    assert set(re.findall(r"^\| `(\w+)` \|", section("Families"), re.MULTILINE)) == set(FAMILIES)


def test_all_that_can_be_read_stands_there():
    table = section("What is read, and what is not").split("| code |")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert told == [str(one) for one in What]


def test_every_finding_stands_there_and_no_other():
    made = {code for path in SOURCES for code in re.findall(r'(?:note|Finding)\(\s*"([a-z-]+)"', path.read_text())}
    table = section("What is read, and what is not").split("| code |")[1]
    told = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    native = {"no-port-id", "unreadable"}  # of the families that are Linux
    assert told == made - native


def test_every_behaviour_and_fault_has_a_test_that_shows_it():
    quirks = {number for arguments in marks("quirk") for number in arguments}
    faults = {arguments[0] for arguments in marks("fault") if arguments[1:] == ("switch",)}
    assert {int(row) for row in re.findall(r"^\| (\d+) \|", section("Behaviours"), re.MULTILINE)} <= quirks
    told = re.findall(r"^\| (F\d+) ", section("Faults"), re.MULTILINE)
    assert set(told) <= faults
    assert len(told) == len(set(told)) > 10


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_page_says_who_takes_an_unconfirmed_commit_back(family):
    row = re.search(rf"^\| `{family}` \|.*$", section("Families"), re.MULTILINE)
    assert row is not None
    assert "timer" in row[0] or "nobody" in row[0]
