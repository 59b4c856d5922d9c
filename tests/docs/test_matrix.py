"""The pages on BMCs and faults say what the tests show: every row has a test, every cell that is claimed too."""

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from tests.contract.bmc.test_fault_matrix import BREAKS_OFF, ENDS, PASSES

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def marks(name: str) -> Iterator[tuple[object, ...]]:
    """The arguments of each `pytest.mark.NAME(...)`, but in tests of the twin: those show the quirk itself."""
    twins = ROOT / "tests" / "drivers" / "virtual"
    for path in sorted(path for path in (ROOT / "tests").rglob("*.py") if twins not in path.parents):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{name}":
                with contextlib.suppress(ValueError):  # made from a table of the test's own
                    yield tuple(ast.literal_eval(argument) for argument in node.args)


def rows(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\| (\d+) \|", (REFERENCE / page).read_text(), re.MULTILINE)]


def test_every_behaviour_on_the_page_has_a_test_that_shows_it():
    shown = {number for arguments in marks("quirk") for number in arguments}
    assert set(rows("bmc-quirks.md")) - shown == set()


# Those that matter most for a ready state, by the numbers of the catalogue of quirks.
FIRST = {
    *(1, 2, 3, 5, 7, 8, 10, 12, 18, 19, 21, 22, 23, 28, 29, 32, 33, 34, 35, 36, 40, 41, 43, 48, 49, 50, 52, 53, 54, 56),
    *(61, 62, 63, 64, 65, 67, 68, 74, 75, 78, 80, 81, 82, 83, 84, 85, 88, 89, 90, 95, 97, 98, 100, 101, 104),
    *range(110, 116),
}


def test_every_behaviour_that_matters_most_is_on_a_page_and_has_a_test():
    switches = (REFERENCE / "switches.md").read_text()
    told = {*rows("bmc-quirks.md"), *(int(number) for number in re.findall(r"\b1[01]\d\b", switches))}
    shown = {number for arguments in marks("quirk") for number in arguments}
    assert (FIRST - told, FIRST - shown) == (set(), set())


def test_no_behaviour_stands_there_twice():
    numbers = rows("bmc-quirks.md")
    assert len(numbers) == len(set(numbers)) > 50


def cells(how: str) -> set[tuple[str, str]]:
    """Fault and ability of each cell of the page that is said to be shown so."""
    lines = [line.strip("| ").split(" | ") for line in (REFERENCE / "faults.md").read_text().splitlines()]
    head, *table = [[word.strip() for word in line] for line in lines if len(line) > 1]
    named = [row for row in table if re.match(r"F\d+ ", row[0])]
    return {
        (row[0].split()[0], ability) for row in named for ability, cell in zip(head, row, strict=False) if cell == how
    }


def test_every_cell_of_the_fault_matrix_that_is_claimed_is_a_test():
    on_twin = {(fault, ability) for table in (PASSES, BREAKS_OFF) for fault in table for ability in table[fault]}
    on_twin |= {(fault, ability) for fault in ENDS for ability in ENDS[fault][0]}
    by_themselves = {("F12", "discover"), ("F22", "power"), ("F23", "power"), ("F23", "discover")}
    assert cells("twin") == on_twin - {("F29", "firmware")} | by_themselves
    assert cells("wire") - {(code, ability) for code, ability in marks("fault")} == set()


def test_the_share_that_the_page_tells_is_that_of_its_cells():
    ways = ("twin", "wire", "engine", "journey")
    shown, twins = sum(len(cells(way)) for way in ways), len(cells("twin"))
    whole = shown + len(cells("-"))
    assert f"{shown} of {whole} cells are shown, {twins} of them on the twin" in (REFERENCE / "faults.md").read_text()
