"""`anneal cables`: what is wired how, by whom that was seen, and what to do with the hands."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from cli.exits import Exit
from cli.output import Format, Output, emit, print_document
from cli.site import SiteDirectory, count
from cli.targets import chosen_devices
from cli.works import StateDirectory, open_works

if TYPE_CHECKING:
    from orchestrator.cabling.model import CableVerdict, Step
    from orchestrator.cabling.workorder import Order
    from orchestrator.record import Record
    from orchestrator.witnesses import Seen

app = typer.Typer(no_args_is_help=True, help="Declared cables against what is plugged: verdicts and work orders.")

_CHECKED = ("a", "b", "verdict", "says")
_SHOWN = ("a", "b", "label", "speed", "verdict", "witness")


class Paper(StrEnum):
    TEXT = "text"
    SVG = "svg"


Ends = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE|RANGE|RACK|SWITCH|role=|state=]...",
        help="Cables with an end there; as for other commands, and switches by name. Default: all.",
        show_default=False,
    ),
]
Now = Annotated[bool, typer.Option("--now", help="Ask driven switches and installed systems now; no write.")]


@app.command()
def check(
    targets: Ends = None,
    now: Now = False,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Give a verdict on each cable, by the newest evidence. Exit 5 where one is not OK, 69 where somebody is silent."""
    works = open_works(site, state)
    seen = _seen(works, targets, now=now)
    verdicts = seen.judgement.verdicts
    emit([_row(one) for one in verdicts], _CHECKED, output)
    for one in verdicts if output is Format.TABLE else ():
        for finding in one.findings:
            typer.echo(f"{one.cable}: {finding}", err=True)
    wrong = [one for one in verdicts if one.verdict != "OK"]
    if output is Format.TABLE:
        typer.echo(f"{len(verdicts) - len(wrong)} of {count(len(verdicts), 'cable')} are as declared")
        if seen.judgement.steps:
            typer.echo("what to move: anneal cables print")
    if wrong:
        raise typer.Exit(Exit.NOT_READY)
    if seen.errors:
        raise typer.Exit(Exit.UNREACHABLE)


@app.command()
def show(
    targets: Ends = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Show the declared cables with label, speed and verdict, from the record alone."""
    works = open_works(site, state)
    emit([_row(one) for one in _seen(works, targets, now=False).judgement.verdicts], _SHOWN, output)


@app.command(name="print")
def print_order(
    targets: Ends = None,
    now: Now = False,
    paper: Annotated[Paper, typer.Option("--format", help="For a terminal, or for A4.")] = Paper.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write here; of SVG, each further page as FILE-2, FILE-3.")
    ] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
    output: Output = Format.TABLE,
) -> None:
    """Print a work order: which plug goes where, in an order that works, with the racks it is in."""
    from orchestrator.cabling.workorder import order

    works = open_works(site, state)
    seen = _seen(works, targets, now=now)
    made = order(works.site, seen.judgement, seen.at)
    if output is not Format.TABLE:
        print_document(_document(made), output)
        return
    sheets = _sheets(works, made, paper, whole=out is None)
    for number, sheet in enumerate(sheets, 1):
        if out is None:
            typer.echo(sheet, nl=False)
        else:
            (out if number == 1 else out.with_stem(f"{out.stem}-{number}")).write_text(sheet)


def _sheets(works: "Record", made: "Order", paper: Paper, *, whole: bool) -> list[str]:
    from orchestrator.cabling.drawing import pages
    from orchestrator.cabling.workorder import in_text
    from orchestrator.paper import svg

    if paper is Paper.TEXT:
        return [in_text(made)]
    drawn = pages(works.site, made)
    return [svg(drawn)] if whole else [svg([page]) for page in drawn]


def _seen(works: "Record", targets: Sequence[str] | None, *, now: bool) -> "Seen":
    """`--now` says on standard error who did not answer, or that there was nobody to ask."""
    seen = works.witnesses.judge(chosen_devices(works, targets or ()), ask=now)
    for error in seen.errors.values():
        typer.echo(str(error), err=True)
    if now and not seen.asked and not seen.errors:
        typer.echo("no switch of these is driven, and no system has lldpd: this is what is recorded", err=True)
    return seen


def _row(one: "CableVerdict") -> dict[str, JsonValue]:
    from inventory.quantity import speed_in_words

    cable = one.cable
    return {
        "a": str(cable.a),
        "b": str(cable.b),
        "label": cable.label,
        "speed": speed_in_words(cable.speed_mbps) if cable.speed_mbps else None,
        "verdict": one.verdict.value,
        "witness": one.witness,
        "found": str(one.found) if one.found else None,
        "says": one.says,
        "findings": list(one.findings),
    }


def _document(made: "Order") -> dict[str, JsonValue]:
    return {
        "site": made.site,
        "plan": made.plan,
        "made_at": made.made_at.isoformat(timespec="seconds"),
        "steps": [_step(number, step) for number, step in enumerate(made.steps, 1)],
        "looks": [task.says for task in made.looks],
    }


def _step(number: int, step: "Step") -> dict[str, JsonValue]:
    ends = {key: str(end) if end else None for key, end in (("out", step.out), ("into", step.into))}
    label = step.cable.label if step.cable else None
    cable = str(step.cable) if step.cable else None
    return {
        "number": number,
        "do": step.do.value,
        "stays": str(step.stays),
        **ends,
        "cable": cable,
        "label": label,
        "unseen": step.unseen,
        "says": str(step),
    }
