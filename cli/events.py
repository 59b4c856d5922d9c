"""`anneal events`: what happened, in order, each with its cause."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.output import Format, Output, emit
from cli.site import SiteDirectory
from cli.span import span
from cli.targets import Targets, chosen_devices
from cli.works import StateDirectory, open_record

if TYPE_CHECKING:
    from orchestrator.events import Recorded
    from orchestrator.record import Record

_COLUMNS = ("id", "at", "node", "role", "kind", "says")


def command(
    targets: Targets = None,
    since: Annotated[timedelta | None, typer.Option("--since", parser=span, metavar="TIME", help="As 15m, 2h.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on printing what happens.")] = False,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show what happened, oldest first: of the chosen nodes and switches, or of the whole site."""
    works = open_record(site, state)
    nodes = frozenset(chosen_devices(works, targets)) if targets else None
    start = datetime.now(UTC) - since if since else datetime.min.replace(tzinfo=UTC)
    happened = [one for one in works.store.events() if one.at >= start and _of(one, nodes)]
    emit([_row(one) for one in happened], _COLUMNS, output)
    if watch:
        last = happened[-1].id if happened else 0
        for one in _follow(works, last):
            if _of(one, nodes):
                emit([_row(one)], _COLUMNS, Format.JSON if output is Format.JSON else Format.TABLE)


def _follow(works: "Record", last: int) -> "Iterator[Recorded]":
    while True:
        for one in works.store.events(after=last):
            last = one.id
            yield one
        time.sleep(0.5)


def _of(one: "Recorded", nodes: frozenset[str] | None) -> bool:
    return nodes is None or one.event.node in nodes


def _row(one: "Recorded") -> dict[str, JsonValue]:
    event = one.event
    return {
        "id": one.id, "at": one.at.isoformat(timespec="milliseconds"), "node": event.node, "role": event.role,
        "kind": event.kind, "says": event.says, "cause": event.cause, "run": event.run, "data": dict(event.data),
    }  # fmt: skip
