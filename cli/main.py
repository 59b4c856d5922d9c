"""The `anneal` command: its parts, each imported when it is called, and how it ends."""

import importlib
import sys
from collections.abc import Sequence
from types import MappingProxyType

import typer
from typer.main import get_command

from cli.exits import Exit
from cli.failure import FORESEEN, ending

# A part's module is `cli.<name>`. Its line of help stands here: importing them all for that takes a second.
GROUPS = MappingProxyType(
    {
        "inventory": "The site's YAML: check it, show it, trace its values.",
        "profile": "Hardware profiles: which node has which, and what an edit changes.",
        "image": "Images: build, import, list.",
        "rack": "A virtual rack, to learn and to rehearse on.",
        "driver": "BMCs by their address, without an inventory.",
        "switch": "Switches by their address, without an inventory.",
        "node": "Single machines: power, facts, quarantine.",
        "network": "Addresses that were given out, and who reaches whom.",
        "certificate": "What was proven of a node, signed: issue it, show it, check it.",
        "cables": "Declared cables against what is plugged: verdicts and work orders.",
        "export": "The proven baseline, as another installer wants it.",
    }
)
COMMANDS = MappingProxyType(
    {
        "discover": "Find machines that the inventory lacks, and propose it.",
        "plan": "What nodes still need, and why. Touches nothing.",
        "apply": "Carry out a plan that was read.",
        "ready": "From discovered to proven, in one.",
        "status": "Where nodes stand.",
        "graph": "Which roles come before which, as text or SVG.",
        "why": "Why a node is not where it should be, and what to do next.",
        "events": "What happened, in order.",
        "volumes": "Volumes of the site's storage: where each is, and which cannot be had.",
        "touchstone": "A guest, a volume, an address and a name at each compute host, tried and removed.",
        "verify": "Look again at what was proven. Changes nothing.",
        "serve": "The services and the engine, until stopped.",
    }
)

_CLICK_USAGE = 2  # what Click exits with where a command line makes no sense


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Carry out one command line; its exit code. What is known to go wrong is said on standard error, in one piece."""
    command = get_command(_app(next((word for word in argv if not word.startswith("-")), "")))
    try:
        command.main(args=list(argv), prog_name="anneal")
    except SystemExit as ended:
        code = int(ended.code or Exit.DONE)
        return Exit.USAGE if code == _CLICK_USAGE else code
    except FORESEEN as error:
        says, code = ending(error)
        typer.echo(f"anneal: {says}", err=True)
        return code
    return Exit.DONE


def _app(called: str) -> typer.Typer:
    """All parts by their line of help, and the one that is called whole."""
    app = typer.Typer(
        help="Takes a rack of bare metal to ready state, and proves it.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, says in (GROUPS | COMMANDS).items():
        if name != called:
            app.command(name, help=says)(_unread)
        elif name in GROUPS:
            app.add_typer(importlib.import_module(f"cli.{name}").app, name=name)
        else:
            app.command(name)(importlib.import_module(f"cli.{name}").command)
    return app


def _unread() -> None:
    """Stands for a part that is not called."""
