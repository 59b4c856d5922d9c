"""`anneal volumes`: which volumes the site has, on which node, and which of them cannot be had now."""

from pathlib import Path

import typer
from pydantic import JsonValue

from cli.exits import Exit
from cli.output import Format, Output, emit
from cli.site import SiteDirectory
from cli.works import StateDirectory, open_record

_COLUMNS = ("volume", "node", "mib", "says")


def command(
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show each recorded volume with the storage node that it is on, asked now. Exit 3 where one cannot be had."""
    from orchestrator.touchstone.site import volumes_of

    found = volumes_of(open_record(site, state))
    states = list(found.states()) if found is not None else []
    rows: list[dict[str, JsonValue]] = [
        {"volume": one.name, "node": one.node, "mib": one.bytes >> 20, "says": fault or "it is there"}
        for one, fault in states
    ]
    emit(rows, _COLUMNS, output)
    if any(fault is not None for _, fault in states):
        raise typer.Exit(Exit.PARTLY)
