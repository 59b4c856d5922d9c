"""A small Linux NOS for a rack's virtual switches: Debian with ifupdown2, lldpd and OpenSSH on one ext4 file system.

It boots from kernel and initramfs, without a loader; a second disk, a tar archive, holds what is one switch's own.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestrator.image.debian import bootstrap, lay_over, packages_in, put_text
from orchestrator.image.disk import Ids, make_root
from orchestrator.image.os_image import forget
from orchestrator.image.recipe import TEMPLATES, Recipe
from orchestrator.image.starter import starter
from orchestrator.image.tools import Progress

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
    "setpriv": "util-linux",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
ROOM_BYTES = 2 << 30
TEXTS = TEMPLATES / "nos"
APPLETS = ("init", "reboot", "poweroff", "halt")


def build_nos(recipe: Recipe, bench: Path, progress: Progress) -> Mapping[str, Path]:
    """Make the root, kernel and initramfs on the bench; gives the files by role."""
    root = bench / "root"
    bootstrap(recipe, "minbase", root, progress)
    packages = bench / "packages.txt"
    packages.write_text(packages_in(root))
    image = next((root / "boot").glob("vmlinuz-*"))
    kernel = Path(shutil.move(image, bench / "vmlinuz"))
    progress("system: configuring it")
    _configure(root)
    initramfs = starter(root, image.name.removeprefix("vmlinuz-"), TEXTS, bench)
    forget(root)
    progress("disk: writing its file system")
    disk = bench / "disk.raw"
    make_root(root, disk, Ids.of(recipe.digest()))
    return {"kernel": kernel, "initramfs": initramfs, "disk": disk, "packages": packages}


def _configure(root: Path) -> None:
    lay_over(TEXTS / "tree", root)
    for applet in APPLETS:
        link = root / "usr/sbin" / applet
        link.unlink(missing_ok=True)
        link.symlink_to("../bin/busybox")
    put_text(root / "etc/hostname", "nos\n")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
