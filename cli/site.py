"""The site that a command is about: where it lies, and what is said when it does not hold together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit

if TYPE_CHECKING:
    from inventory.load import Loaded
    from orchestrator.roles import Roles

SiteDirectory = Annotated[
    Path, typer.Option("--site", envvar="ANNEAL_SITE", help="The site's directory of YAML.", show_default="here")
]


def open_site(directory: Path) -> "Loaded":
    """The site, or exit 78 with every problem on standard error."""
    from inventory.errors import BadInventory
    from inventory.load import load

    try:
        return load(directory, frozenset(open_roles()))
    except BadInventory as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        typer.echo(count(len(error.problems), "problem"), err=True)
        raise typer.Exit(Exit.BAD_INVENTORY) from error


def open_roles() -> "Roles":
    """Every role there is, or exit 78 where a manifest is wrong or roles need one another in a ring."""
    from orchestrator.errors import BadRole, Knot
    from orchestrator.roles import read_roles

    try:
        return read_roles()
    except (BadRole, Knot) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.BAD_INVENTORY) from error


def count(number: int, noun: str) -> str:
    """`1 node`, `8 nodes`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
