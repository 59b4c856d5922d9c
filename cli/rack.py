"""`anneal rack`: virtual hardware, brought up from a rack file, looked at, and taken down without a trace."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from cli.exits import Exit
from cli.output import Format, Output, emit
from cli.works import ImageDirectory, image_directory

if TYPE_CHECKING:
    from drivers.virtual.status import RackStatus

app = typer.Typer(no_args_is_help=True, help="A virtual rack, to learn and to rehearse on.")

_COLUMNS = ("rack", "up", "machine", "power", "firmware", "protocol", "bmc", "pid", "bmc_pid")
_STATES = Path(".anneal/rack")


class Kind(Protocol):
    """What each fidelity of virtual hardware can do; a module is one."""

    def status(self, name: str, state: Path) -> "RackStatus": ...

    def down(self, name: str, state: Path) -> None: ...


@dataclass(frozen=True)
class Standing:
    """A rack of which there is something here, and where its state is."""

    kind: str
    state: Path


State = Annotated[
    Path | None, typer.Option("--state", show_default=".anneal/rack/NAME", help="Where the rack keeps disks and logs.")
]
Chosen = Annotated[str | None, typer.Argument(metavar="[RACK]", help="Its name or its file.")]


Switched = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME:]NUMBER",
        help="Of a twin's BMC or switch: switch on. Without a name: of all.",
    ),
]


@app.command()
def up(
    file: Annotated[Path, typer.Argument(help="The rack file: kind qemu or kind twin.")],
    state: State = None,
    twin: Annotated[bool, typer.Option("--twin", help="It is a twin, and nothing else is brought up.")] = False,
    quirk: Switched = None,
    fault: Switched = None,
    store: ImageDirectory = None,
) -> None:
    """Bring a rack up, its machines powered off. If anything fails, all of it is taken down again."""
    from drivers.virtual.rackfile import read

    with _answered(), _ended_by_signals():
        document = read(file)
        _kind(document.kind)
        where = state or _STATES / document.name
        if document.kind != "twin" and (twin or quirk or fault):
            raise typer.BadParameter(f"{file} is of kind {document.kind}; --twin, --quirk and --fault are a twin's")
        if document.kind == "twin":
            from drivers.virtual.twin import process

            process.up(document, where, _progress, quirk or (), fault or ())
        else:
            from drivers.virtual.qemu import rack

            rack.up(document, where, _progress, partial(_image, image_directory(store)))


@app.command()
def quirks(output: Output = Format.TABLE) -> None:
    """List the quirks and faults that a twin's BMCs and switches can be given, by number and by name."""
    from drivers.virtual.twin.faults import NAMED, NUMBERED
    from drivers.virtual.twin.quirks import QUIRKS
    from drivers.virtual.twin.switch import faults

    rows = [{"kind": "quirk", "number": str(number), "words": "", "says": says} for number, says in QUIRKS.items()]
    rows += [
        {"kind": kind, "number": code, "words": " ".join(known.words), "says": known.says}
        for kind, numbered in (("fault", NUMBERED), ("switch fault", faults.NUMBERED))
        for code, known in numbered.items()
    ]
    rows += [{"kind": "fault", "number": fault.value, "words": "", "says": says} for fault, says in NAMED.items()]
    emit(rows, ("kind", "number", "says", "words"), output)


@app.command()
def status(rack: Chosen = None, state: State = None, output: Output = Format.TABLE) -> None:
    """Show racks: their machines with power, process ids and addresses."""
    with _answered():
        found = _found(state)
        if rack is not None:
            name = _name(rack)
            found = {name: _known(found, name)}
        racks = [_kind(standing.kind).status(name, standing.state) for name, standing in found.items()]
    if output is not Format.TABLE:
        emit([asdict(each) for each in racks], (), output)
        return
    rows = [
        {"rack": each.name, "up": each.up, "machine": machine.name, **asdict(machine)}
        for each in racks
        for machine in each.machines
    ]
    emit(rows, _COLUMNS, output)


@app.command()
def down(rack: Chosen = None, state: State = None) -> None:
    """Take a rack down: nothing of it is left, whatever became of it before. Safe to repeat."""
    with _answered():
        found = _found(state)
        named = [_name(rack)] if rack is not None else list(found)
        if len(named) > 1:
            raise typer.BadParameter(f"say which rack: {', '.join(named)}")
        there = [name for name in named if name in found]
        if not there:
            typer.echo(f"nothing is here of {rack or 'any rack'}", err=True)
        for name in there:
            _kind(found[name].kind).down(name, found[name].state)
    for directory in (_STATES, _STATES.parent):
        with suppress(OSError):  # what else is in it stays
            directory.rmdir()


def _image(store: Path, name: str) -> Path:
    """Where the image of a switch is. `Missing` where the store has none of this name."""
    from drivers.virtual.errors import Missing
    from orchestrator.image.store import ImageStore

    found = ImageStore(store).find(name)
    if found is None:
        raise Missing(name, f"{store} has no image of this name", "anneal image build nos --kernel cloud")
    return next(iter(found.files.values())).path.parent


def _kind(word: str) -> Kind:
    match word:
        case "qemu":
            from drivers.virtual.qemu import rack

            return rack
        case "twin":
            from drivers.virtual.twin import process

            return process
        case _:
            raise typer.BadParameter(f"there are no racks of kind {word}")


def _found(state: Path | None) -> Mapping[str, Standing]:
    """By name: racks with state here and, for root, those that the kernel knows of, wherever their state is."""
    from drivers.virtual.qemu.layout import RACK_FILE
    from drivers.virtual.qemu.rack import standing
    from drivers.virtual.rackfile import read

    directories = [state] if state is not None else sorted(_STATES.glob("*"))
    documents = [(read(path), path.parent) for each in directories if (path := each / RACK_FILE).is_file()]
    here = {document.name: Standing(document.kind, directory) for document, directory in documents}
    if os.geteuid() != 0:
        return here
    return here | {name: Standing("qemu", where or _STATES / name) for name, where in standing().items()}


def _name(rack: str) -> str:
    from drivers.virtual.rackfile import read

    path = Path(rack)
    return read(path).name if path.is_file() else rack


def _known(found: Mapping[str, Standing], name: str) -> Standing:
    if name not in found:
        raise typer.BadParameter(f"there is no rack {name} here; there is: {', '.join(found) or 'none'}")
    return found[name]


def _progress(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind as Ctrl-C does, so that what was begun is taken down."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    earlier = [signal.signal(number, lambda caught, _frame: sys.exit(128 + caught)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, earlier, strict=True):
            signal.signal(number, handler)


@contextmanager
def _answered() -> Iterator[None]:
    """Says what went wrong on standard error, and leaves with the exit code for it."""
    from drivers.virtual.errors import NotPermitted, RackError
    from inventory.errors import BadInventory

    try:
        yield
    except RackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.DENIED if isinstance(error, NotPermitted) else Exit.FAILED) from error
    except BadInventory as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.BAD_INVENTORY) from error
