"""`anneal graph`: which roles come before which, and where they stand."""

from pathlib import Path
from typing import Annotated

import typer

from cli.output import Format, emit, print_document
from cli.site import SiteDirectory
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record


def command(
    targets: Targets = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw it into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with each node's roles.")] = False,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Show the chosen nodes' roles by level, how many nodes of each are in which state, and what each needs."""
    from orchestrator.picture import rolegraph
    from orchestrator.picture.svg import svg as drawn

    works = open_record(site, state)
    nodes = chosen_nodes(works, targets)
    states = {row.key: row.state for row in works.statuses(nodes)}
    graph = rolegraph.rolegraph(works.site.name, works.bound, states, nodes)
    if svg is not None:
        svg.write_text(drawn(graph))
    if as_json:
        own = {key: one for key, one in works.bound.items() if key[0] in nodes}
        print_document(rolegraph.as_json(graph, own, states), Format.JSON)
    elif svg is None:
        columns = ("level", "role", "nodes", "needs")
        emit([dict(zip(columns, row, strict=True)) for row in rolegraph.in_text(graph)], columns, Format.TABLE)
