"""The site in operation, as commands open it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.site import open_site

if TYPE_CHECKING:
    from orchestrator.annealer import Annealer
    from orchestrator.record import Record
    from orchestrator.store import Store

StateDirectory = Annotated[
    Path | None,
    typer.Option("--state", envvar="ANNEAL_STATE", help="Where Anneal keeps its record.", show_default="SITE/.anneal"),
]
ImageDirectory = Annotated[
    Path | None,
    typer.Option("--store", envvar="ANNEAL_IMAGES", help="The image store.", show_default="~/.cache/anneal/images"),
]


def open_record(site: Path, state: Path | None) -> "Record":
    """The site with its record, to ask and to plan. Bad inventory ends the command with all that is wrong."""
    from orchestrator.record import Record

    return Record(open_site(site), (state or site / ".anneal").resolve())


def open_store(site: Path, state: Path | None) -> "Store":
    """The record's database alone, whatever the site asks for."""
    from orchestrator.record import store_in

    return store_in((state or site / ".anneal").resolve())


def open_works(site: Path, state: Path | None) -> "Annealer":
    """The same, able to work."""
    from orchestrator.annealer import Annealer

    return Annealer(open_site(site), site.resolve(), (state or site / ".anneal").resolve())


def image_directory(chosen: Path | None) -> Path:
    return chosen or Path.home() / ".cache" / "anneal" / "images"
