"""`anneal apply`: carry out a plan that was read."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from cli.run import watch
from cli.site import SiteDirectory
from cli.span import Wait, Within
from cli.targets import nodes_named
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works

Consents = Annotated[
    list[str] | None,
    typer.Option("--confirm-erase", metavar="NODE", help="Consent to erase what the plan shows on this node's disks."),
]


def command(
    plan: Annotated[Path, typer.Argument(help="A plan saved by anneal plan.", exists=True, dir_okay=False)],
    confirm_erase: Consents = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    wait: Wait = False,
    within: Within = None,
) -> None:
    """Do what a plan says, and prove it. Refuses a plan whose world has moved; erases nothing without consent."""
    from orchestrator.plan import Plan

    works = open_works(site, state)
    wanted = Plan.model_validate_json(plan.read_text())
    with works.working(image_directory(store)) as ours:
        works.apply(wanted, nodes_named(works, confirm_erase or []), getpass.getuser())
        if ours or wait:
            watch(works, wanted.targets, within)
        else:
            typer.echo("handed to the anneal that works on this site: anneal status --watch")
