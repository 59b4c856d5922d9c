"""Waiting for a run, and how it ended: what `apply`, `ready`, `resume` and `verify` share."""

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from cli.exits import Exit
from cli.progress import Progress

if TYPE_CHECKING:
    from orchestrator.engine.vertex import RoleStatus
    from orchestrator.record import Record

BAD = frozenset({"error", "drifted"})


def watch(works: "Record", targets: Collection[str], within: timedelta | None) -> None:
    """Show progress until nothing moves any more; then say how it ended and exit accordingly."""
    with Progress({name: node.rack for name, node in works.site.nodes.items()}) as progress:
        settled = works.wait(targets, within, progress.show)
    rows = works.statuses(targets)
    for line in verdict(rows):
        typer.echo(line)
    if not settled:
        typer.echo("time is up; the work goes on at the next anneal apply or serve: anneal status", err=True)
        raise typer.Exit(Exit.TIMED_OUT)
    code = exit_code(rows)
    if code:
        raise typer.Exit(code)


def verdict(rows: "tuple[RoleStatus, ...]") -> list[str]:
    """A line for each role that failed or waits for a person, then the sum."""
    lines = [
        f"{row.node} {row.role}: {row.state}: {row.says}" for row in rows if row.state in BAD or row.state == "gated"
    ]
    nodes = {row.node for row in rows}
    unfinished = {row.node for row in rows if row.state not in ("active", "stale")}
    lines.append(f"{len(nodes - unfinished)} of {len(nodes)} nodes are where they should be")
    lines += [f"next: anneal why {node}" for node in sorted(unfinished)]
    return lines


def exit_code(rows: "tuple[RoleStatus, ...]") -> Exit | None:
    nodes = {row.node for row in rows}
    unfinished = {row.node for row in rows if row.state not in ("active", "stale")}
    if not unfinished:
        return None
    if unfinished != nodes:
        return Exit.PARTLY
    return Exit.FAILED if any(row.state in BAD for row in rows) else Exit.NOT_READY
