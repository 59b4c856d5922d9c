"""What people see while they wait."""

import os
import pty
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from cli.progress import Progress, changed, line, rack_lines, wait_lines

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    node: str
    role: str
    state: str
    says: str = ""
    waiting_for: str | None = None
    since: datetime = NOW
    deadline: datetime | None = None


def _ago(minutes):
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            Row("n1", "r", "transition", "", "the phone-home", _ago(2), _ago(-13)),
            "waiting for the phone-home, 2 of 15 min",
        ),
        (Row("n1", "r", "transition", "", "power", NOW, NOW + timedelta(seconds=90)), "waiting for power, 0 of 90 s"),
        (Row("n1", "r", "transition", "", "a core"), "waiting for a core"),
        (Row("n1", "r", "transition", "writes the image"), "writes the image"),
        (Row("n1", "r", "transition"), "under way"),
        (Row("n1", "r", "error", "log in refused"), "error: log in refused"),
        (Row("n1", "r", "active"), "active"),
    ],
)
def test_a_line_says_what_a_role_does_or_waits_for(row, says):
    assert line(row, NOW) == f"n1 r: {says}"


def test_a_wait_that_began_in_the_future_has_lasted_no_time():
    row = Row("n1", "r", "transition", "", "it", NOW + timedelta(minutes=1), NOW + timedelta(minutes=6))
    assert line(row, NOW) == "n1 r: waiting for it, 0 of 5 min"


def test_a_rack_counts_its_ready_nodes_and_its_roles_gravest_first():
    rows = [Row("n1", "a", "active"), Row("n1", "b", "stale"), Row("n2", "a", "error"), Row("n3", "a", "active")]
    assert rack_lines(rows, {"n1": "r1", "n2": "r1", "n3": "r2"}) == [
        "r1: 1 of 2 nodes ready; 1 error, 1 stale, 1 active",
        "r2: 1 of 1 nodes ready; 1 active",
    ]


def test_the_longest_waits_come_first_and_the_rest_is_counted():
    rows = [Row(f"n{index}", "r", "transition", since=_ago(index)) for index in range(10)]
    lines = wait_lines([*rows, Row("n99", "r", "active", since=_ago(99))], NOW)
    assert [text.split()[0] for text in lines[:-1]] == [f"n{index}" for index in range(9, 1, -1)]
    assert lines[-1] == "  and 2 more"


def test_only_what_changed_is_told_again():
    waits = Row("n1", "a", "transition", "x", "the agent")
    rows = [waits, Row("n1", "b", "blocked"), Row("n2", "a", "active")]
    before = {(row.node, row.role): (row.state, row.waiting_for) for row in rows}
    assert changed(None, rows) == [waits]
    assert changed(before, [replace(waits, says="y"), *rows[1:]]) == []
    done = replace(waits, state="active", waiting_for=None)
    assert changed(before, [done, *rows[1:]]) == [done]


def test_without_a_terminal_each_change_is_a_line_on_standard_error(capsys):
    with Progress({"n1": "r1"}) as progress:
        progress.show([Row("n1", "a", "transition", "starts")])
        progress.show([Row("n1", "a", "transition", "goes on")])
        progress.show([Row("n1", "a", "active", "proven")])
    shown = capsys.readouterr()
    assert [text.split(" ", 1)[1] for text in shown.err.splitlines()] == ["n1 a: starts", "n1 a: active: proven"]
    assert shown.out == ""


ON_A_TERMINAL = """
from datetime import UTC, datetime
from types import SimpleNamespace
from cli.progress import Progress
row = SimpleNamespace(node="n1", role="a", state="transition", says="", waiting_for="the agent",
                      since=datetime.now(UTC), deadline=None)
with Progress({"n1": "r1"}) as progress:
    progress.show([row])
"""


def test_on_a_terminal_a_rack_is_a_line_with_its_waits_below():
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    subprocess.run([sys.executable, "-P", "-c", ON_A_TERMINAL], stderr=theirs, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "r1: 0 of 1 nodes ready; 1 transition" in shown
    assert "  n1 a: waiting for the agent" in shown
