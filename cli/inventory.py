"""`anneal inventory`: check a site, show it, say where a value comes from, and teach its form to an editor."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, Row, emit
from cli.site import SiteDirectory, count, open_site

if TYPE_CHECKING:
    from pydantic import JsonValue

    from inventory.form import Model
    from inventory.model import Node, Site

app = typer.Typer(no_args_is_help=True, help="The site's YAML: check it, show it, trace its values.")

_OVERVIEW = ("name", "rack", "unit", "profile", "bmc", "boot", "image", "groups", "addresses")


@app.command()
def validate(
    directory: Annotated[
        Path, typer.Argument(envvar="ANNEAL_SITE", show_default="here", help="The site's directory of YAML.")
    ] = Path(),
    secrets: Annotated[bool, typer.Option("--secrets", help="Also look up every secret.")] = False,
) -> None:
    """Say everything that is wrong with a site. Needs no network and, without --secrets, no secret."""
    from inventory.load import missing_secrets
    from inventory.secrets import Vaults

    loaded = open_site(directory)
    missing = missing_secrets(loaded, Vaults(directory)) if secrets else ()
    for problem in missing:
        typer.echo(str(problem), err=True)
    if missing:
        raise typer.Exit(Exit.BAD_INVENTORY)
    site = loaded.site
    parts = (("node", site.nodes), ("rack", site.racks), ("switch", site.switches), ("network", site.networks))
    holds = ", ".join(count(len(found), noun) for noun, found in parts)
    typer.echo(
        f"site {site.name} is sound: {holds}, {count(len(site.links), 'cable')}; intent {loaded.intent_hash[:12]}"
    )


@app.command()
def show(
    names: Annotated[list[str] | None, typer.Argument(help="Nodes, switches, networks ...; none: every node.")] = None,
    site: SiteDirectory = Path(),
    output: Output = Format.TABLE,
) -> None:
    """Show what is wanted, all layers merged. Secrets show as the references that they are."""
    loaded = open_site(site).site
    if output is Format.TABLE and not names:
        emit([_overview(node) for node in loaded.nodes.values()], _OVERVIEW, output)
        return
    bodies = _bodies(loaded)
    chosen = [bodies[_known(name, bodies)] for name in names or loaded.nodes]
    lines = [line for body in chosen for line in _lines(body["name"], body)]
    emit(lines if output is Format.TABLE else chosen, ("name", "key", "value"), output)


@app.command()
def where(
    node: Annotated[str, typer.Argument(help="A node.")],
    key: Annotated[str, typer.Argument(help="A key of it, as bmc.user or nics.eth0.mac; none: every key.")] = "",
    site: SiteDirectory = Path(),
    output: Output = Format.TABLE,
) -> None:
    """Say which file, line and layer gave a value, and what it overrode."""
    provenance = open_site(site).provenance
    keys = provenance.keys(_known(node, provenance.layers), key)
    if not keys:
        _known(key, provenance.keys(node))
    rows: list[Row] = [
        {
            "key": given.key,
            "value": given.value,
            "layer": given.layer,
            "file": given.place.file if given.place.line else None,
            "line": given.place.line or None,
            "place": str(given.place),
            "holds": rank == 0,
        }
        for found in keys
        for rank, given in enumerate(provenance.where(node, found))
    ]
    emit(rows, ("key", "value", "layer", "place", "holds"), output)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a site's files, for an editor that completes and checks them."""
    from inventory.schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2))


def _known(word: str, words: Iterable[str]) -> str:
    """The word itself, or exit 64 with the nearest one."""
    from inventory.wording import one_of

    known = frozenset(words)
    if word not in known:
        typer.echo(f"there is nothing named {word!r}; {one_of(word, known)}", err=True)
        raise typer.Exit(Exit.USAGE)
    return word


def _overview(node: "Node") -> Row:
    return {
        "name": node.name,
        "rack": node.rack,
        "unit": node.unit,
        "profile": node.profile,
        "bmc": f"{node.bmc.protocol} {node.bmc.address}",
        "boot": node.boot_mode,
        "image": node.image,
        "groups": list(node.groups),
        "addresses": [f"{nic.name} {address.address}" for nic in node.nics for address in nic.addresses],
    }


def _bodies(site: "Site") -> dict[str, dict[str, "JsonValue"]]:
    """Everything that has a name; where two kinds share one, the later kind of this list has it."""
    sections: tuple[tuple[str, Mapping[str, Model]], ...] = (
        ("profile", site.profiles),
        ("group", site.groups),
        ("image", site.images),
        ("network", site.networks),
        ("rack", site.racks),
        ("switch", site.switches),
        ("node", site.nodes),
    )
    return {
        name: {"kind": kind, **thing.model_dump(mode="json")}
        for kind, section in sections
        for name, thing in section.items()
    }


def _lines(name: "JsonValue", value: "JsonValue", under: str = "") -> Iterator[Row]:
    """A body as one line for each value."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _lines(name, below, f"{under}.{key}" if under else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, below in enumerate(value):
            label = below.get("name", index) if isinstance(below, dict) else index
            yield from _lines(name, below, f"{under}.{label}")
    else:
        yield {"name": name, "key": under, "value": value}
