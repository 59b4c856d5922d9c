"""Files of the state directory that only we may read, made once."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def keep(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content; where it is missing, what `make` gives, written whole and for the owner alone (0600).

    Two processes that make it at the same time end up with the same one.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path, make(), replace=False)
    return path.read_bytes()


def write(path: Path, content: bytes, *, replace: bool) -> None:
    """Write it whole or not at all, 0600. Without `replace` a file that is there stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        if replace:
            fresh.replace(path)
        else:
            _link(fresh, path)
        _name_is_kept(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _name_is_kept(directory: Path) -> None:
    """A new name survives a loss of power only once its directory is written, too."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
