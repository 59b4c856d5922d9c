"""`anneal export`: the proven baseline for an installer that is not ours."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.site import SiteDirectory, count
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record


class Installer(StrEnum):
    ANSIBLE = "ansible"
    KOLLA = "kolla-ansible"
    PACKSTACK = "packstack"
    CHEF = "chef"
    SALT = "salt"


def command(
    installer: Annotated[Installer, typer.Argument(help="Whose inventory or answer file.")],
    targets: Targets = None,
    called: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS: their group is this group of the site.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write here, and not to standard output.")] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Write what an installer wants of the nodes that are network-ready now. Exit 5 where one had to be left out."""
    from orchestrator.export.formats import FORMATS, grouped
    from orchestrator.export.proven import baseline

    works = open_record(site, state)
    proven = baseline(works, chosen_nodes(works, targets))
    for name, why in proven.left_out.items():
        typer.echo(f"{name} is left out: {why}", err=True)
    text = FORMATS[installer.value](proven, grouped(proven, dict(_pair(word) for word in called or ())))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text)
        typer.echo(f"{count(len(proven.machines), 'node')} in {out}", err=True)
    if proven.left_out:
        raise typer.Exit(Exit.NOT_READY)


def _pair(word: str) -> tuple[str, str]:
    theirs, equals, ours = word.partition("=")
    if not (theirs and equals and ours):
        raise typer.BadParameter(f"{word!r} maps no group; write it as control=GROUP", param_hint="--map")
    return theirs, ours
