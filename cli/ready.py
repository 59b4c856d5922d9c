"""`anneal ready`: from whatever state to proven, in one command."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.apply import Consents
from cli.exits import Exit
from cli.output import Format
from cli.plan import show
from cli.run import watch
from cli.site import SiteDirectory
from cli.span import Wait, Within
from cli.targets import Targets, chosen_nodes, nodes_named
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works

if TYPE_CHECKING:
    from orchestrator.annealer import Annealer
    from orchestrator.plan import Plan


FINDS = ("profiles", "ports", "all")  # what each plan may be short of, the next one knows


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
    consented = nodes_named(works, confirm_erase or [])
    for _ in FINDS:
        with works.working(image_directory(store)) as ours:
            plan = _carry_out(works, nodes, consented)
            if not (ours or wait):
                typer.echo("handed to the anneal that works on this site: anneal status --watch")
                return
            watch(works, nodes, within)
        if not plan.unfinished:
            return
        works = open_works(site, state)  # it reads what was found out of the machines
    typer.echo("some of this hangs on what was not found out: anneal plan", err=True)
    raise typer.Exit(Exit.NOT_READY)


def _carry_out(works: "Annealer", nodes: tuple[str, ...], consented: tuple[str, ...]) -> "Plan":
    plan = works.plan(nodes)
    show(plan, Format.TABLE)
    works.apply(plan, consented, getpass.getuser())
    return plan
