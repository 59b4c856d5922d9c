"""A site as it stood at a revision of the git repository that it lies in."""

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inventory.errors import NoRevision


@contextmanager
def at_revision(directory: Path, revision: str) -> Iterator[Path]:
    """The site's files of that revision, in a directory of their own for the time of a `with`. `NoRevision`.

    Nothing of the working tree, the index or the repository is changed.
    """
    inside = _git(directory, "rev-parse", "--show-prefix")
    if inside is None:
        raise NoRevision(f"{directory} lies in no git repository", "keep the site in git, or leave --against out")
    prefix = inside.decode().strip().rstrip("/")
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        raise NoRevision(
            f"{directory}: git knows no revision {revision!r}", "name a commit, branch or tag; see git log"
        )
    tree = f"{commit.decode().strip()}:{prefix}"
    packed = _git(directory, "-c", "core.autocrlf=false", "archive", "--format=tar", tree, top=True)
    if packed is None:
        raise NoRevision(f"{directory} did not exist at {revision}", "name a revision that has the site")
    with tempfile.TemporaryDirectory(prefix="anneal-site-") as room:
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(room, filter="data")
        yield Path(room)


def _git(directory: Path, *words: str, top: bool = False) -> bytes | None:
    """What git says; None where it says no."""
    where = directory
    if top:
        root = _git(directory, "rev-parse", "--show-toplevel")
        where = Path(root.decode().strip()) if root else directory
    program = shutil.which("git")
    if program is None:
        raise NoRevision("the program git is not here", "install git")
    done = subprocess.run([program, *words], cwd=where, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
