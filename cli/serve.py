"""`anneal serve`: the services and the engine, until stopped."""

import signal
import threading
from pathlib import Path

import typer

from cli.exits import Exit
from cli.site import SiteDirectory
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works


def command(site: SiteDirectory = Path(), state: StateDirectory = None, store: ImageDirectory = None) -> None:
    """Serve boots, hear agents and carry out what is applied, until stopped by SIGINT or SIGTERM."""
    works = open_works(site, state)
    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    with works.working(image_directory(store)) as ours:
        if not ours:
            typer.echo("another anneal works on this site already; stop that one first", err=True)
            raise typer.Exit(Exit.FAILED)
        typer.echo(f"serving {works.site.name} on {works.site.provisioning.address}; stop with ctrl-c")
        stop.wait()
