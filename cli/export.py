"""`anneal export`: the proven baseline for an installer that is not ours."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, emit
from cli.site import SiteDirectory, count
from cli.targets import Targets, chosen_nodes
from cli.works import StateDirectory, open_record, open_works

if TYPE_CHECKING:
    from pydantic import JsonValue

    from orchestrator.export.ironic.difference import Change
    from orchestrator.export.proven import Handover

app = typer.Typer(no_args_is_help=True, help="The proven baseline, as another installer wants it.")

_TEXTS = {
    "ansible": "An inventory in YAML.",
    "kolla-ansible": "The groups at the top of its multinode file.",
    "packstack": "The hosts of its answer file.",
    "chef": "Node objects for knife.",
    "salt": "A roster for salt-ssh.",
    "metal3": "A BareMetalHost each, for kubectl.",
    "tinkerbell": "Hardware and its BMC's Machine each, for kubectl.",
    "maas": "A script of maas machines create.",
}
_COLUMNS = ("node", "does", "state", "says")
_MARK_KEY = Path("export") / "mark.key"


def text(
    context: typer.Context,
    targets: Targets = None,
    called: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS: their group is this group of the site.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write here, and not to standard output.")] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Write what an installer wants of the nodes that are network-ready now. Exit 5 where one had to be left out."""
    from orchestrator.export.formats import FORMATS, grouped
    from orchestrator.export.proven import baseline

    works = open_record(site, state)
    proven = baseline(works, chosen_nodes(works, targets))
    _tell_left_out(proven)
    written = FORMATS[str(context.info_name)](proven, grouped(proven, dict(_pair(word) for word in called or ())))
    if out is None:
        typer.echo(written, nl=False)
    else:
        out.write_text(written)
        typer.echo(f"{count(len(proven.machines), 'node')} in {out}", err=True)
    if proven.left_out:
        raise typer.Exit(Exit.NOT_READY)


for _name, _says in _TEXTS.items():
    app.command(_name, short_help=_says)(text)


@app.command()
def netbox(
    out: Annotated[Path, typer.Option("--out", help="The directory that gets the files.")],
    targets: Targets = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Write the files that NetBox imports, numbered in the order in which it takes them. Exit 5 as the others."""
    from orchestrator.export.netbox import netbox as files
    from orchestrator.export.proven import baseline

    works = open_record(site, state)
    proven = baseline(works, chosen_nodes(works, targets))
    _tell_left_out(proven)
    written = files(proven)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        (out / name).write_text(content)
    typer.echo(f"{count(len(proven.machines), 'node')} in {', '.join(str(out / name) for name in written)}", err=True)
    if proven.left_out:
        raise typer.Exit(Exit.NOT_READY)


@app.command()
def ironic(
    targets: Targets = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without, print what it would do.")] = False,
    cloud: Annotated[
        str | None, typer.Option("--cloud", envvar="OS_CLOUD", help="Of clouds.yaml. Default: OS_* of the environment.")
    ] = None,
    bmc_ca: Annotated[
        str,
        typer.Option(
            "--bmc-ca", help="By what Ironic judges BMCs' certificates: system, a PEM file at its conductor, or none."
        ),
    ] = "system",
    output: Output = Format.TABLE,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Enrol and adopt the nodes that are network-ready now in a running Ironic. What is so already stays untouched.

    Exit 5 where a node had to be left out; 3 where Ironic refused one, or has another node in its place.
    """
    from drivers.wire.ironic import Ironic
    from orchestrator.boot.private import keep
    from orchestrator.export.ironic.adoption import Adoption
    from orchestrator.export.ironic.difference import Does, There, changes
    from orchestrator.export.ironic.wish import wishes
    from orchestrator.export.proven import baseline

    _check_ca(bmc_ca)
    works = open_works(site, state)
    proven = baseline(works, chosen_nodes(works, targets))
    _tell_left_out(proven)
    key = keep(works.state / _MARK_KEY, lambda: secrets.token_bytes(32))
    wanted = wishes(proven, works.bmcs, key, bmc_ca)
    there = Ironic.connect(cloud)
    planned = changes(wanted, There.of(there.nodes(), there.ports()))
    adoption = Adoption(there)
    if apply:
        adoption.carry_out(planned)
    emit([_row(one, adoption.failed) for one in planned], _COLUMNS, output)
    if adoption.failed or any(one.does is Does.REFUSE for one in planned):
        raise typer.Exit(Exit.PARTLY)
    if proven.left_out:
        raise typer.Exit(Exit.NOT_READY)


def _row(change: "Change", failed: "dict[str, str]") -> "dict[str, JsonValue]":
    why = failed.get(change.wish.name)
    told: dict[str, JsonValue] = {"node": change.wish.name, "uuid": change.wish.uuid, "state": change.state}
    return {**told, "does": "failed" if why else change.does.value, "says": [why] if why else list(change.says)}


def _check_ca(word: str) -> None:
    if word not in ("system", "none") and not word.startswith("/"):
        raise typer.BadParameter(f"{word!r}: write system, none or the path of a PEM file", param_hint="--bmc-ca")


def _tell_left_out(proven: "Handover") -> None:
    for name, why in proven.left_out.items():
        typer.echo(f"{name} is left out: {why}", err=True)


def _pair(word: str) -> tuple[str, str]:
    theirs, equals, ours = word.partition("=")
    if not (theirs and equals and ours):
        raise typer.BadParameter(f"{word!r} maps no group; write it as control=GROUP", param_hint="--map")
    return theirs, ours
