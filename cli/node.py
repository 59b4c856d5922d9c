"""`anneal node`: one machine by hand, through its BMC."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.output import Format, Output, emit, print_document
from cli.site import SiteDirectory
from cli.targets import Targets, chosen_nodes, node_named
from cli.works import StateDirectory, open_works

if TYPE_CHECKING:
    from orchestrator.annealer import Annealer

app = typer.Typer(no_args_is_help=True, help="Single machines: power, facts, quarantine.")


@app.command()
def power(
    targets: Targets = None,
    to: Annotated[str | None, typer.Option("--to", help="on, off or cycle; only show it where not given.")] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show the power state, or change it and read it back."""
    if to not in (None, "on", "off", "cycle"):
        raise typer.BadParameter("say on, off or cycle")
    works = open_works(site, state)
    emit(
        [{"node": name, "power": _power(works, name, to)} for name in chosen_nodes(works, targets)],
        ("node", "power"),
        output,
    )


def _power(works: "Annealer", name: str, to: str | None) -> str:
    from drivers.facts import PowerState

    with works.bmcs.open(works.site.nodes[name]) as machine:
        if to == "cycle":
            machine.cycle()
        elif to is not None:
            machine.turn(PowerState(to))
        return machine.power().value


@app.command()
def facts(
    node: Annotated[str, typer.Argument(help="A node.")],
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.YAML,
) -> None:
    """Show what the node's BMC tells of it now. Writes nothing to it."""
    works = open_works(site, state)
    name = node_named(works, node)
    with works.bmcs.open(works.site.nodes[name]) as machine:
        told: dict[str, JsonValue] = json.loads(json.dumps(dataclasses.asdict(machine.facts()), default=str))
    print_document(told, output)


@app.command()
def forget(
    node: Annotated[str, typer.Argument(help="A machine that is no more, and is out of the inventory.")],
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Claim nothing more of a machine that left the inventory undrained. Nothing is done to it."""
    works = open_works(site, state)
    if node in works.site.nodes:
        raise typer.BadParameter(f"{node} is in the inventory; take it out first")
    held = works.forget(node)
    if not held:
        raise typer.BadParameter(f"nothing is recorded of {node}")
    typer.echo(f"{node} is forgotten, with {', '.join(held)}")


@app.command()
def rewire(
    node: Annotated[str, typer.Argument(help="A node whose NICs were changed on purpose.")],
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Have a node's conduits found anew. Nothing moves by that: the next plans boot its ramdisk, and say what does."""
    works = open_works(site, state)
    name = node_named(works, node)
    if not works.rewire(name):
        raise typer.BadParameter(f"{name} has no conduits")
    typer.echo(f"the ports of {name} are found anew; what that moves: anneal plan {name}")


@app.command()
def release(
    node: Annotated[str, typer.Argument(help="A node in quarantine.")],
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Let a node netboot again that looped: somebody has looked at its console."""
    works = open_works(site, state)
    name = node_named(works, node)
    works.release(name)
    typer.echo(f"{name} may netboot again; anneal plan {name}")
