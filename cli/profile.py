"""`anneal profile`: which machine has which hardware profile, why, and what an edit would change."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, Row, emit
from cli.site import SiteDirectory, open_site
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record

if TYPE_CHECKING:
    from pydantic import JsonValue

    from inventory.model import Site
    from orchestrator.profiles import Choice
    from orchestrator.record import Record

app = typer.Typer(no_args_is_help=True, help="Hardware profiles: which node has which, and what an edit changes.")

_COVERAGE = ("node", "verdict", "profile", "score", "why")
_CHANGES = ("node", "key", "old", "new")


@app.command()
def coverage(
    targets: Targets = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="REV", help="Show what changed since this revision of the site.")
    ] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """List the nodes with their profile and why. Exit 78 where one has a tie or none, 5 where one is not known yet."""
    from orchestrator.profiles import Verdict

    works = open_record(site, state)
    nodes = chosen_nodes(works, targets)
    choices = works.profiles()
    if against is None:
        emit([_row(choices[name]) for name in nodes], _COVERAGE, output)
    else:
        emit(list(_changes(works, site, against, nodes)), _CHANGES, output)
    verdicts = {choices[name].verdict for name in nodes}
    if verdicts & {Verdict.TIE, Verdict.NONE}:
        raise typer.Exit(Exit.BAD_INVENTORY)
    if Verdict.OPEN in verdicts:
        raise typer.Exit(Exit.NOT_READY)


def _row(choice: "Choice") -> Row:
    return {
        "node": choice.node,
        "verdict": choice.verdict.value,
        "profile": choice.profile,
        "score": choice.score,
        "why": choice.says,
    }


def _changes(works: "Record", directory: Path, revision: str, nodes: tuple[str, ...]) -> Iterator[Row]:
    """A row for each setting that the edit changes on a node, its profile first. Nodes that are gone are told too."""
    from inventory.revision import at_revision
    from orchestrator.profiles import choose_all

    with at_revision(directory, revision) as then:
        old = open_site(then).site
    before, after = choose_all(old, works.hardware()), works.profiles()
    gone = [name for name in old.nodes if name not in works.site.nodes]
    for name in (*nodes, *(gone if len(nodes) == len(works.site.nodes) else [])):
        was, present = _settings(old, before, name), _settings(works.site, after, name)
        for key in dict.fromkeys((*was, *present)):
            if was.get(key) != present.get(key):
                yield {"node": name, "key": key, "old": was.get(key), "new": present.get(key)}


def _settings(site: "Site", choices: "Mapping[str, Choice]", name: str) -> "dict[str, JsonValue]":
    """A node's profile and what that sets, by dotted keys; nothing where the site has no such node."""
    from orchestrator.attributes import attributes

    if name not in site.nodes:
        return {}
    profile = choices[name].profile
    tree = attributes(site, site.nodes[name], site.profiles[profile] if profile else None)
    set_there = tree["profile"] or None  # without settings there is no key to show
    return {"profile": profile, **(dict(_flat(set_there)) if set_there else {})}


def _flat(value: "JsonValue", under: str = "") -> "Iterator[tuple[str, JsonValue]]":
    """Single values by their dotted key; a list's items by their name or component, where only one is called so."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _flat(below, f"{under}.{key}" if under else key)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        called = [_called(item) for item in value]
        for index, below in enumerate(value):
            label = called[index] if called.count(called[index]) == 1 and called[index] else index
            yield from _flat(below, f"{under}.{label}")
    else:
        yield under, value


def _called(item: "JsonValue") -> "JsonValue":
    return item.get("name") or item.get("component") if isinstance(item, dict) else None
