"""`anneal why`: the shortest chain of causes, and the next thing to do."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from cli.output import Format, Output
from cli.site import SiteDirectory
from cli.targets import node_named
from cli.works import StateDirectory, open_record


def command(
    node: Annotated[str, typer.Argument(help="A node.")],
    role: Annotated[str | None, typer.Argument(help="A role; its last milestone where none is given.")] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Say why a node is not where it should be, and what to do next."""
    works = open_record(site, state)
    name = node_named(works, node)
    if role is not None and (name, role) not in works.bound:
        known = ", ".join(other for owner, other in works.bound if owner == name)
        raise typer.BadParameter(f"{name} has no role {role}. It has: {known}")
    because = works.why(name, role)
    if output is not Format.TABLE:
        from cli.output import print_document

        links: list[JsonValue] = [
            {"node": one.node, "role": one.role, "state": one.state, "says": one.says} for one in because.chain
        ]
        print_document({"chain": links, "next": because.next}, output)
        return
    for depth, link in enumerate(because.chain):
        typer.echo(f"{'  ' * depth}{'because ' if depth else ''}{link.node} {link.role} is {link.state}: {link.says}")
    typer.echo(f"next: {because.next}")
