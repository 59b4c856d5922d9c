"""A Debian root file system from packages: no mount, no loop device, only root.

mmdebstrap(1) verifies the archive's signature and leaves a directory.
"""

import shutil
from pathlib import Path

from orchestrator.image.recipe import SUITE, Recipe
from orchestrator.image.tools import Progress, run

UNWANTED = ("man", "doc", "info", "locale", "lintian")


def bootstrap(recipe: Recipe, variant: str, root: Path, progress: Progress) -> None:
    """Install the recipe's packages into `root`, which must not exist."""
    progress(f"Debian {SUITE}: installing {len(recipe.packages)} packages and what they need")
    sources = root.with_name("build.sources")
    if recipe.sources is not None:
        sources.write_text(recipe.sources)
    run(
        [
            "mmdebstrap",
            "--mode=root",
            "--format=directory",
            f"--variant={variant}",
            f"--include={','.join(recipe.packages)}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNWANTED),
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            SUITE,
            str(root),
            *([str(sources)] if recipe.sources is not None else []),
        ],
        # The images that need an initrd make it themselves, once, when all is in place.
        INITRD="No",
    )


def lay_over(tree: Path, root: Path) -> None:
    """Copy template files into the root as root's own; scripts, known by their first bytes, become executable."""
    for source in sorted(tree.rglob("*")):
        target = root / source.relative_to(tree)
        if source.is_file():
            make_directories(target.parent)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.read_bytes().startswith(b"#!") else 0o644)


def put_text(path: Path, text: str) -> None:
    """Write a file, mode 0644. What stands there goes first: mmdebstrap leaves copies of this machine's own files."""
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def make_directories(path: Path) -> None:
    """Make a directory and those above it, with mode 0755 whatever the umask is."""
    if not path.is_dir():
        make_directories(path.parent)
        path.mkdir()
        path.chmod(0o755)


def packages_in(root: Path) -> str:
    """`name version` of each installed package, a line each, sorted."""
    listed = run(["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Package} ${Version}\\n"])
    return "".join(sorted(listed.splitlines(keepends=True)))
