"""`anneal touchstone`: whether a user gets a computer, a disk, an address and a name, by getting them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, emit, print_document
from cli.site import SiteDirectory
from cli.works import ImageDirectory, StateDirectory, image_directory, open_record

if TYPE_CHECKING:
    from orchestrator.touchstone.report import Report

_COLUMNS = ("capability", "must_pass", "verdict", "says")


def command(
    network: Annotated[
        str | None,
        typer.Option(help="Which network guests get; without it the only one that all compute hosts bridge."),
    ] = None,
    image: Annotated[str, typer.Option(help="The guest, as the image store has it.")] = "guest-cloud",
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    store: ImageDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Try what the site is for: at each compute host a guest with a volume, an address and a name, whose file another
    guest reads on another host; and remove all of it. Exit 5 where a capability that must pass did not.

    The report is kept in the state directory. What a touchstone that was killed left behind goes first.
    """
    from orchestrator.image.store import ImageStore
    from orchestrator.touchstone.run import run
    from orchestrator.touchstone.site import bench_of

    record = open_record(site, state)
    bench = bench_of(record, ImageStore(image_directory(store)), image, network, _progress)
    report = run(bench, record.state)
    if output is Format.TABLE:
        _show(report)
    else:
        print_document(report.as_json(), output)
    if not report.passed:
        raise typer.Exit(Exit.NOT_READY)


def _show(report: "Report") -> None:
    from orchestrator.touchstone.report import CAPABILITIES

    for line in report.left:
        typer.echo(f"left by an earlier run: {line}", err=True)
    rows = [
        {
            "capability": name,
            "must_pass": "yes" if one.must_pass else "no",
            "verdict": report.verdict(name),
            "says": next((f"{trial.host}: {trial.says}" for trial in report.of(name) if not trial.passed), one.says),
        }
        for name, one in CAPABILITIES.items()
    ]
    emit(rows, _COLUMNS, Format.TABLE)
    typer.echo(f"touchstone {report.run}: {'passed' if report.passed else 'failed'}")


def _progress(line: str) -> None:
    typer.echo(line, err=True)
