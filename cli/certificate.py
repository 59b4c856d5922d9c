"""`anneal certificate`: what was proven of a node, signed, to be checked by anybody."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, emit, print_document
from cli.site import SiteDirectory, count
from cli.targets import node_named
from cli.works import StateDirectory, open_record

if TYPE_CHECKING:
    from orchestrator.certificate.document import Certificate

app = typer.Typer(no_args_is_help=True, help="What was proven of a node, signed, to be checked by anybody.")

File = Annotated[Path, typer.Argument(help="A certificate, or - for standard input.", allow_dash=True)]
_COLUMNS = ("role", "node", "witness", "at", "says")


@app.command()
def issue(
    node: Annotated[str, typer.Argument(help="A node.")],
    milestone: Annotated[str, typer.Argument(help="What it is certified for.")] = "network-ready",
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Print the certificate of a node whose milestone holds, with all proofs that it stands on. Exit 5 where it does
    not hold."""
    from orchestrator.certificate.issue import NotProven
    from orchestrator.certificate.issue import issue as certify

    record = open_record(site, state)
    name = node_named(record, node)
    if (name, milestone) not in record.bound:
        known = ", ".join(role for owner, role in record.bound if owner == name and record.roles[role].milestone)
        raise typer.BadParameter(f"{name} has no role {milestone}. Its milestones: {known}")
    try:
        written = certify(record, name, milestone)
    except NotProven as error:
        typer.echo(f"anneal: {error}", err=True)
        raise typer.Exit(Exit.NOT_READY) from error
    sys.stdout.buffer.write(written)


@app.command()
def show(file: File, output: Output = Format.TABLE) -> None:
    """Print what a certificate says, proof by proof, where it is as it was signed."""
    certificate = _read(file)
    if output is not Format.TABLE:
        heading, proofs = certificate.heading.model_dump(mode="json"), certificate.proofs
        document = {**heading, "key": certificate.key, "proofs": [one.model_dump(mode="json") for one in proofs]}
        print_document(document, output)
        return
    typer.echo(_summary(certificate))
    emit([{**one.model_dump(mode="json"), "at": _moment(one.at)} for one in certificate.proofs], _COLUMNS, output)


@app.command()
def verify(
    file: File,
    key: Annotated[str | None, typer.Option(help="Whose signature it must be, as `key` prints it.")] = None,
    site: SiteDirectory = Path(),
    state: StateDirectory = None,
) -> None:
    """Check a certificate, with nothing running: each line as it was signed, the signer, the end.

    The signer is `--key`, or the site's own where its state directory is at hand. Exit 1 where it was altered or is of
    another signer, 3 where nothing says whose it must be, 5 where it has expired.
    """
    from orchestrator.store import now

    certificate = _read(file)
    expected = key or _own((state or site / ".anneal").resolve())
    typer.echo(_summary(certificate))
    if expected is not None and certificate.key != expected:
        typer.echo(f"anneal: {file} is signed by {certificate.key}, and not by {expected}", err=True)
        raise typer.Exit(Exit.FAILED)
    if certificate.expired(now()):
        typer.echo(f"anneal: {file} expired at {certificate.heading.expires:%Y-%m-%d %H:%M:%S} UTC", err=True)
        raise typer.Exit(Exit.NOT_READY)
    if expected is None:
        typer.echo("anneal: intact, and nothing here says whose key that is. Give it: --key", err=True)
        raise typer.Exit(Exit.PARTLY)
    typer.echo("intact, by the expected signer, and not expired")


@app.command(name="key")
def show_key(site: SiteDirectory = Path(), state: StateDirectory = None) -> None:
    """Print the public key that this site signs with: for those who check its certificates."""
    typer.echo(_own(open_record(site, state).state, make=True))


def _own(state: Path, *, make: bool = False) -> str | None:
    from orchestrator.certificate.document import public
    from orchestrator.certificate.issue import SITE_KEY, site_key

    return public(site_key(state).public_key()) if make or (state / SITE_KEY).exists() else None


def _read(file: Path) -> "Certificate":
    from orchestrator.certificate.document import Broken, read

    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        return read(content)
    except Broken as error:
        typer.echo(f"anneal: {file}: {error}. Do not rely on it; have it issued again", err=True)
        raise typer.Exit(Exit.FAILED) from error


def _summary(certificate: "Certificate") -> str:
    told = certificate.heading
    machine = f"{told.node} ({told.serial})" if told.serial else told.node
    span = f"issued {told.issued:%Y-%m-%d %H:%M:%S} UTC, expires {told.expires:%Y-%m-%d %H:%M:%S} UTC"
    proofs = count(len(certificate.proofs), "proof")
    return f"{machine} of {told.site}: {told.milestone}, {proofs}; {span}; signed by {certificate.key}"


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
