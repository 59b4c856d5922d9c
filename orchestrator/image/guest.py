"""A guest as small as can be: Debian's kernel and busybox, all in memory. What it does stands in its config drive."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestrator.image.debian import bootstrap, packages_in
from orchestrator.image.recipe import TEMPLATES, Recipe
from orchestrator.image.starter import starter
from orchestrator.image.tools import Progress

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "depmod": "kmod",
    "setpriv": "util-linux",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
ROOM_BYTES = 1 << 30


def build_guest(recipe: Recipe, bench: Path, progress: Progress) -> Mapping[str, Path]:
    """Make kernel and initramfs on the bench; gives the files by role."""
    root = bench / "root"
    bootstrap(recipe, "essential", root, progress)
    packages = bench / "packages.txt"
    packages.write_text(packages_in(root))
    image = next((root / "boot").glob("vmlinuz-*"))
    initramfs = starter(root, image.name.removeprefix("vmlinuz-"), TEMPLATES / "guest", bench)
    kernel = Path(shutil.move(image, bench / "vmlinuz"))
    return {"kernel": kernel, "initramfs": initramfs, "packages": packages}
