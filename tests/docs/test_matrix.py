"""The pages on BMCs and faults say what the tests show: every row has a test, every cell that is claimed too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def marks(name: str) -> Iterator[tuple[object, ...]]:
    """The arguments of each `pytest.mark.NAME(...)`, but in tests of the twin: those show the quirk itself."""
    twins = ROOT / "tests" / "drivers" / "virtual"
    for path in sorted(path for path in (ROOT / "tests").rglob("*.py") if twins not in path.parents):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{name}":
                yield tuple(ast.literal_eval(argument) for argument in node.args)


def rows(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\| (\d+) \|", (REFERENCE / page).read_text(), re.MULTILINE)]


def test_every_behaviour_on_the_page_has_a_test_that_shows_it():
    shown = {number for arguments in marks("quirk") for number in arguments}
    assert set(rows("bmc-quirks.md")) - shown == set()


def test_no_behaviour_stands_there_twice():
    numbers = rows("bmc-quirks.md")
    assert len(numbers) == len(set(numbers)) > 50
