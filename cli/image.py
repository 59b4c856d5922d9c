"""`anneal image`: build ramdisks and operating systems, take in those of others, list what there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit
from cli.output import Format, Output, Row, emit

if TYPE_CHECKING:
    from orchestrator.image.store import Artefact
    from orchestrator.image.upstream import Upstream

app = typer.Typer(no_args_is_help=True, help="Images: build, import, list.")

_COLUMNS = ("name", "kind", "id", "made", "mib")


class Buildable(StrEnum):
    RAMDISK = "ramdisk"
    OS = "os"
    NOS = "nos"
    GUEST = "guest"


class Flavour(StrEnum):
    GENERIC = "generic"
    CLOUD = "cloud"


Store = Annotated[
    Path,
    typer.Option("--store", envvar="ANNEAL_IMAGES", help="The directory of images."),
]
DEFAULT_STORE = Path("~/.cache/anneal/images")


@app.command("build")
def build_image(
    what: Annotated[
        Buildable,
        typer.Argument(
            help="The agent's ramdisk, the operating system to install, a virtual switch's NOS, or a guest to try."
        ),
    ],
    kernel: Annotated[
        Flavour, typer.Option(help="generic drives real hardware; cloud is smaller and drives virtual machines alone.")
    ] = Flavour.GENERIC,
    package: Annotated[
        list[str] | None, typer.Option(help="One more Debian package, e.g. firmware; may be repeated.")
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="An apt .sources or .list file to build from, not Debian's mirror."
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Build even if it is there, with today's packages.")] = False,
    store: Store = DEFAULT_STORE,
    output: Output = Format.TABLE,
) -> None:
    """Build an image from Debian's packages, unless it is there already. Needs root and Debian's tools."""
    from orchestrator.image.build import build
    from orchestrator.image.recipe import Recipe
    from orchestrator.image.store import ImageStore

    recipe = Recipe(what.value, kernel.value, tuple(package or ()), sources.read_text() if sources else None)
    with _answered():
        artefact = build(recipe, ImageStore(store), _progress, anew=anew)
    emit([_row(artefact)], _COLUMNS, output)


@app.command("import")
def import_image(
    files: Annotated[
        list[str], typer.Argument(help="Paths or URLs: one disk (raw or qcow2), or a ramdisk's kernel and initramfs.")
    ],
    name: Annotated[str, typer.Option(help="What to call it in the store.")],
    checksum_file: Annotated[
        str | None, typer.Option(help="Path or URL of the SHA256SUMS or SHA512SUMS that its maker gives.")
    ] = None,
    onie: Annotated[bool, typer.Option("--onie", help="The file is an ONIE installer of a switch.")] = False,
    sha256: Annotated[
        list[str] | None, typer.Option(help="The SHA-256 itself; once for each file, in their order.")
    ] = None,
    store: Store = DEFAULT_STORE,
    output: Output = Format.TABLE,
) -> None:
    """Take in an image that others made, if it is what its checksum says."""
    from orchestrator.image.store import ImageStore
    from orchestrator.image.upstream import import_installer, import_os, import_ramdisk

    if len(files) > (1 if onie else 2):
        raise typer.BadParameter("give one disk, one ONIE installer, or a kernel and an initramfs")
    _check_name(name)
    with _answered():
        parts = _upstreams(files, checksum_file, sha256)
        shelf = ImageStore(store)
        if len(parts) == 1:
            take = import_installer if onie else import_os
            artefact = take(name, parts[0], shelf, _progress)
        else:
            artefact = import_ramdisk(name, (parts[0], parts[1]), shelf, _progress)
    emit([_row(artefact)], _COLUMNS, output)


@app.command("list")
def list_images(store: Store = DEFAULT_STORE, output: Output = Format.TABLE) -> None:
    """List the images in the store, the newest first among those of one name."""
    from orchestrator.image.store import ImageStore

    with _answered():
        artefacts = ImageStore(store).all()
    emit([_row(artefact) for artefact in artefacts], _COLUMNS, output)


def _check_name(name: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from inventory.address import Name

    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise typer.BadParameter(f"{name!r}: {error.errors()[0]['msg']}", param_hint="--name") from error


def _upstreams(files: list[str], checksum_file: str | None, sha256: list[str] | None) -> "list[Upstream]":
    from orchestrator.image.checksums import Checksum, checksum_from
    from orchestrator.image.upstream import Upstream

    if (checksum_file is None) == (sha256 is None):
        raise typer.BadParameter("give either --checksum-file or --sha256: nothing is taken in unverified")
    if checksum_file is not None:
        return [Upstream(file, checksum_from(checksum_file, file)) for file in files]
    digests = sha256 or []
    if len(digests) != len(files):
        raise typer.BadParameter(f"give --sha256 once for each of the {len(files)} files")
    try:
        return [Upstream(file, Checksum(digest.lower())) for file, digest in zip(files, digests, strict=True)]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _row(artefact: "Artefact") -> Row:
    return {
        "name": artefact.name,
        "kind": artefact.kind,
        "id": artefact.id,
        "made": artefact.made.isoformat(timespec="seconds"),
        "mib": sum(file.bytes for file in artefact.files.values()) >> 20,
        "recipe": artefact.recipe,
        "files": {role: file.model_dump(mode="json") for role, file in artefact.files.items()},
    }


@contextmanager
def _answered() -> Iterator[None]:
    """Says what went wrong on standard error, and leaves with the exit code for it."""
    from orchestrator.image.errors import ImageError, NotRoot, Unfetched, Untrusted

    codes = {NotRoot: Exit.DENIED, Unfetched: Exit.UNREACHABLE, Untrusted: Exit.BAD_INVENTORY}
    try:
        yield
    except ImageError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(codes.get(type(error), Exit.FAILED)) from error
