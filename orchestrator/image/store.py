"""The image store: a directory of artefacts, each with its manifest, visible whole or not at all."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.image.errors import ImageError

Kind = Literal["ramdisk", "os", "nos", "guest"]
MANIFEST = "manifest.json"
SHOWN_DIGITS = 12


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _FileEntry(_Frozen):
    file: str
    sha256: str
    bytes: int


class _Manifest(_Frozen):
    name: str
    kind: Kind
    recipe: str
    made: datetime
    files: Mapping[str, _FileEntry]


class StoredFile(_Frozen):
    """`bytes` is the length; a sparse file takes less room on disk."""

    path: Path
    sha256: str
    bytes: int


class Artefact(_Frozen):
    """One built or imported image. `recipe` is the digest of all that it was made from.

    `files` by role: a ramdisk and a guest have `kernel` and `initramfs`, an operating system `disk` (raw, whole disk),
    the one of a switch an `installer`, or `kernel`, `initramfs` and `disk` (raw, one file system) where it is built.
    """

    name: str
    kind: Kind
    recipe: str
    made: datetime
    files: Mapping[str, StoredFile]

    @property
    def id(self) -> str:
        return _directory_name(self.name, self.recipe)


class ImageStore:
    """Artefacts below `root`, a directory each; another recipe under the same name leaves the older one in place."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser()

    def all(self) -> tuple[Artefact, ...]:
        """By name, the newest first among equal names."""
        return tuple(sorted(_newest_first(self._manifests()), key=lambda artefact: artefact.name))

    def find(self, name: str) -> Artefact | None:
        """The newest of that name, or the one of exactly that id. A fault of another artefact's is not looked at."""
        meant = (path for path in self._manifests() if name in _names(path.parent.name))
        return next((kept for kept in _newest_first(meant) if name in (kept.name, kept.id)), None)

    def of_recipe(self, name: str, recipe: str) -> Artefact | None:
        path = self.root / _directory_name(name, recipe) / MANIFEST
        kept = _read(path) if path.is_file() else None
        return kept if kept is not None and (kept.name, kept.recipe) == (name, recipe) else None

    def _manifests(self) -> list[Path]:
        return [path for path in self.root.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]

    @contextmanager
    def workshop(self, name: str) -> Iterator[Path]:
        """An empty directory in the store for making `name`, and for nobody else until it is left.

        A second maker of the same name waits. What a killed maker left behind goes when the next one enters.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        bench = self.root / f".making-{name}"
        with (self.root / f".lock-{name}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _remove(bench)
            bench.mkdir()
            try:
                yield bench
            finally:
                _remove(bench)

    def add(self, name: str, kind: Kind, recipe: str, files: Mapping[str, Path]) -> Artefact:
        """Take the files, which are moved, into the store. Call it inside the workshop of that name."""
        shelf = self.root / f".making-{name}" / "shelf"
        shelf.mkdir()
        for path in files.values():
            path.rename(shelf / path.name)
        manifest = _Manifest(
            name=name,
            kind=kind,
            recipe=recipe,
            made=datetime.now(UTC),
            files={role: _entry(shelf / path.name) for role, path in files.items()},
        )
        (shelf / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
        for path in shelf.iterdir():
            _flush(path)
        home = self.root / _directory_name(name, recipe)
        _remove(home)
        shelf.rename(home)
        _flush(self.root)
        return _read(home / MANIFEST)


def file_sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _directory_name(name: str, recipe: str) -> str:
    return f"{name}-{recipe[:SHOWN_DIGITS]}"


def _names(directory: str) -> tuple[str, str]:
    """The id, and the name, of what may be in it."""
    return directory, directory.rpartition("-")[0]


def _newest_first(manifests: Iterable[Path]) -> list[Artefact]:
    return sorted(map(_read, manifests), key=lambda artefact: artefact.made, reverse=True)


def _entry(path: Path) -> _FileEntry:
    return _FileEntry(file=path.name, sha256=file_sha256(path), bytes=path.stat().st_size)


def _read(path: Path) -> Artefact:
    try:
        manifest = _Manifest.model_validate_json(path.read_text())
    except ValidationError as error:
        raise ImageError(
            str(path), f"is no manifest: {error.errors()[0]['msg']}", "delete its directory and build the image again"
        ) from error
    return Artefact(
        name=manifest.name,
        kind=manifest.kind,
        recipe=manifest.recipe,
        made=manifest.made,
        files={
            role: StoredFile(path=path.parent / entry.file, sha256=entry.sha256, bytes=entry.bytes)
            for role, entry in manifest.files.items()
        },
    )


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
