"""How long a command waits: `--wait` for a server's work too, `--within 2h` at most."""

from datetime import timedelta
from typing import Annotated

import typer


def span(text: str) -> timedelta:
    from inventory.quantity import duration

    try:
        return duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Wait = Annotated[bool, typer.Option("--wait", help="Wait for the end, also where `anneal serve` does the work.")]
Within = Annotated[
    timedelta | None, typer.Option("--within", parser=span, metavar="TIME", help="Wait this long at most: 30m, 2h.")
]
