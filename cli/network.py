"""`anneal network`: addresses that were given out, and who reaches whom."""

from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, emit
from cli.site import SiteDirectory, count, open_site
from cli.span import Within
from cli.targets import Targets, chosen_nodes
from cli.works import ImageDirectory, StateDirectory, image_directory, open_record, open_store, open_works

app = typer.Typer(no_args_is_help=True, help="Addresses that were given out, and who reaches whom.")

_ADDRESSES = ("network", "address", "node", "since", "held")
_MATRIX = ("network", "from", "to", "packet_bytes", "whole", "rtt_ms", "at")


@app.command()
def addresses(
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show which address Anneal gave to which node, and since when."""
    from inventory.given import asks
    from orchestrator import ipam

    store = open_store(site, state)
    asking = {(one.network, one.node) for one in asks(open_site(site).site)}
    rows = [
        {
            "network": one.network,
            "address": str(one.address),
            "node": one.node,
            "since": one.at.isoformat(timespec="seconds"),
            "held": "asked for" if (one.network, one.node) in asking else "asked for no more",
        }
        for one in ipam.leases(store)
    ]
    emit(rows, _ADDRESSES, output)


@app.command()
def release(
    node: Annotated[str, typer.Argument(help="A node that asks for no address any more, or is gone.")],
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Give a node's addresses back to their ranges: its machine is known to use them no more."""
    from orchestrator import ipam

    freed = ipam.release(open_store(site, state), open_site(site).site, node)
    for one in freed:
        typer.echo(f"{one.address} of network {one.network} is free again")
    typer.echo(f"{count(len(freed), 'address')} of {node} given back")


@app.command(name="matrix")
def show_matrix(
    targets: Targets = None,
    now: Annotated[bool, typer.Option("--now", help="Have the machines try it again first.")] = False,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    within: Within = None,
    output: Output = Format.TABLE,
) -> None:
    """Show who reaches whom on which network, with packets of which size: as last proven, or as it is now.

    Exit 5 where a way was lost, 6 where the time was up before all had tried.
    """
    from orchestrator.engine.status import newest_seen
    from orchestrator.network.matrix import matrix

    if now:
        works = open_works(site, state)
        nodes = chosen_nodes(works, targets)
        with works.working(image_directory(store)):
            works.verify(nodes, "host-network")
            if not works.wait(nodes, within, lambda _rows: None):
                typer.echo("time is up; what is shown is partly older", err=True)
                raise typer.Exit(Exit.TIMED_OUT)
    record = open_record(site, state)
    ways = matrix(newest_seen(record.store, "host-network", chosen_nodes(record, targets)))
    rows = [
        {**way.measured.model_dump(mode="json", by_alias=True), "at": way.at.isoformat(timespec="seconds")}
        for way in ways
    ]
    emit(rows, _MATRIX, output)
    if not all(way.measured.whole for way in ways):
        raise typer.Exit(Exit.NOT_READY)
