"""Progress of a wait: on a terminal a line for each rack and the longest waits; elsewhere a line for each change."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import typer

if TYPE_CHECKING:
    from rich.live import Live

MOVING = "transition"
_QUIET = frozenset({"proposed", "blocked", "todo"})  # nothing has happened there yet
_SETTLED = frozenset({"active", "stale"})
_ORDER = ("error", "drifted", "gated", "transition", "todo", "blocked", "proposed", "stale", "active")
_LONGEST = 8  # waits shown under the racks; with their racks they fit a small terminal


class Row(Protocol):
    """One node role as it stands; `deadline` is set while it waits for `waiting_for`."""

    @property
    def node(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def says(self) -> str: ...
    @property
    def waiting_for(self) -> str | None: ...
    @property
    def since(self) -> datetime: ...
    @property
    def deadline(self) -> datetime | None: ...


class Progress:
    """Shows rows as they change, on standard error: standard output is for results. `racks`: node to its rack."""

    def __init__(self, racks: Mapping[str, str]) -> None:
        self._racks = racks
        self._before: dict[tuple[str, str], tuple[str, str | None]] | None = None
        self._open = ExitStack()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = self._open.enter_context(Live(console=Console(stderr=True), transient=True))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def show(self, rows: Sequence[Row]) -> None:
        now = datetime.now(UTC)
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text("\n".join([*rack_lines(rows, self._racks), *wait_lines(rows, now)])))
            return
        for row in changed(self._before, rows):
            typer.echo(f"{now:%H:%M:%S} {line(row, now)}", err=True)
        self._before = {(row.node, row.role): (row.state, row.waiting_for) for row in rows}


def rack_lines(rows: Iterable[Row], racks: Mapping[str, str]) -> list[str]:
    """`r1: 3 of 8 nodes ready; 2 error, 5 transition, 40 active`: the sums count roles, the gravest first."""
    of_rack: dict[str, list[Row]] = {}
    for row in rows:
        of_rack.setdefault(racks.get(row.node, "?"), []).append(row)
    lines = []
    for rack, members in of_rack.items():
        counts = Counter(row.state for row in members)
        sums = ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])
        nodes = {row.node for row in members}
        unready = {row.node for row in members if row.state not in _SETTLED}
        lines.append(f"{rack}: {len(nodes - unready)} of {len(nodes)} nodes ready; {sums}")
    return lines


def wait_lines(rows: Iterable[Row], now: datetime) -> list[str]:
    """Those under way, the longest first, and how many more there are."""
    moving = sorted((row for row in rows if row.state == MOVING), key=lambda row: row.since)
    more = len(moving) - _LONGEST
    return [f"  {line(row, now)}" for row in moving[:_LONGEST]] + ([f"  and {more} more"] if more > 0 else [])


def changed(before: Mapping[tuple[str, str], tuple[str, str | None]] | None, rows: Iterable[Row]) -> list[Row]:
    """Rows whose state or wait is another than before; of a first sight, those where something is going on."""
    if before is None:
        return [row for row in rows if row.state not in _QUIET | _SETTLED]
    return [
        row
        for row in rows
        if row.state not in _QUIET and before.get((row.node, row.role)) != (row.state, row.waiting_for)
    ]


def line(row: Row, now: datetime) -> str:
    """`r1-n03 os-install: waiting for the phone-home, 2 of 15 min`."""
    who = f"{row.node} {row.role}"
    if row.state != MOVING:
        return f"{who}: {row.state}: {row.says}" if row.says else f"{who}: {row.state}"
    if row.waiting_for is None:
        return f"{who}: {row.says or 'under way'}"
    return f"{who}: waiting for {row.waiting_for}{_of(row, now)}"


def _of(row: Row, now: datetime) -> str:
    if row.deadline is None:
        return ""
    gone, whole = now - row.since, row.deadline - row.since
    unit, name = (timedelta(minutes=1), "min") if whole >= timedelta(minutes=2) else (timedelta(seconds=1), "s")
    return f", {max(gone, timedelta()) // unit} of {round(whole / unit)} {name}"
