"""`anneal ready`: from whatever state to proven, in one command."""

import getpass
from pathlib import Path

import typer

from cli.apply import Consents
from cli.output import Format
from cli.plan import show
from cli.run import watch
from cli.site import SiteDirectory
from cli.span import Wait, Within
from cli.targets import Targets, chosen_nodes, nodes_named
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works


def command(
    targets: Targets = None,
    confirm_erase: Consents = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    wait: Wait = False,
    within: Within = None,
) -> None:
    """Plan the chosen nodes and carry the plan out: discovered, inspected, installed, networked, proven."""
    works = open_works(site, state)
    nodes = chosen_nodes(works, targets)
    with works.working(image_directory(store)) as ours:
        plan = works.plan(nodes)
        show(plan, Format.TABLE)
        works.apply(plan, nodes_named(works, confirm_erase or []), getpass.getuser())
        if ours or wait:
            watch(works, nodes, within)
        else:
            typer.echo("handed to the anneal that works on this site: anneal status --watch")
