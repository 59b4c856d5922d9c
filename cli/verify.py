"""`anneal verify`: look again at what was proven."""

from pathlib import Path

import typer

from cli.run import watch
from cli.site import SiteDirectory
from cli.span import Within
from cli.targets import Targets, chosen_nodes
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works


def command(
    targets: Targets = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    within: Within = None,
) -> None:
    """Observe again what was proven; change nothing. What only the ramdisk can see is left as it is."""
    works = open_works(site, state)
    nodes = chosen_nodes(works, targets)
    planned = {row.node for row in works.statuses(nodes)}
    if not planned:
        typer.echo("nothing was ever proven there: anneal plan")
        return
    with works.working(image_directory(store)):
        works.verify(nodes)
        watch(works, sorted(planned), within)
