"""`anneal serve`: the services, the engine and the hand-off API, until stopped."""

import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.site import SiteDirectory
from cli.works import ImageDirectory, StateDirectory, image_directory, open_works

WAKES = 1.0  # seconds; a signal that another thread was given wakes nobody who waits without an end


def command(
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    api: Annotated[
        str | None, typer.Option("--api", envvar="ANNEAL_API", help="ADDRESS:PORT of the hand-off API; off without it.")
    ] = None,
    api_basic: Annotated[
        Path | None, typer.Option("--api-basic", help="Its logins: lines NAME:BCRYPT[:ROLE[:TENANT]].")
    ] = None,
    api_tokens: Annotated[
        Path | None, typer.Option("--api-tokens", help="Its tokens: lines NAME:SHA256[:ROLE[:TENANT]].")
    ] = None,
    api_webhooks_to: Annotated[
        list[str] | None,
        typer.Option("--api-webhooks-to", metavar="PREFIX", help="A network of yours that webhooks may call; many."),
    ] = None,
    api_tls: Annotated[bool, typer.Option("--api-tls", help="By a certificate of the state's own CA.")] = False,
    rate: Annotated[
        int, typer.Option("--rate", min=0, help="Requests a second of each login, or address without; 0: any number.")
    ] = 200,
) -> None:
    """Serve boots, hear agents, carry out what is applied and hand out nodes, until stopped by SIGINT or SIGTERM."""
    from orchestrator.api.server import Listening
    from orchestrator.image.store import ImageStore

    asked = None
    if api:
        asked = Listening.at(api, api_basic, api_tokens, tls=api_tls).opening(api_webhooks_to or ()).limited(rate)
    works, images = open_works(site, state), ImageStore(image_directory(store))
    stop = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop.set())
    with ExitStack() as stack:
        working = stack.enter_context(works.working(image_directory(store)))
        if not working and (asked is None or works.store.one_process):
            typer.echo("another anneal works on this site already; stop that one first", err=True)
            raise typer.Exit(Exit.FAILED)
        if asked is not None:
            stack.enter_context(asked.serve(works, images))
            typer.echo(f"the hand-off API answers at {asked.url}")
            if not (api_basic or api_tokens):
                typer.echo("ANYBODY on this machine may claim and change nodes there: it asks for no login", err=True)
        where = f"on {works.site.provisioning.address}" if working else "by its API alone: another anneal works on it"
        typer.echo(f"serving {works.site.name} {where}; stop with ctrl-c")
        while not stop.wait(WAKES):
            continue
