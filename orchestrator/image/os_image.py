"""The operating system: Debian 12 on a whole-disk image for BIOS and UEFI, set up at its first boot by cloud-init."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from orchestrator.image.debian import bootstrap, lay_over, make_directories, packages_in, put_text
from orchestrator.image.disk import Ids, assemble, make_esp, make_root, write_boot_code
from orchestrator.image.recipe import TEMPLATES, Kernel, Recipe, read_list
from orchestrator.image.tools import EPOCH, Progress, chroot

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "sgdisk": "gdisk",
    "setpriv": "util-linux",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
ROOM_BYTES = 4 << 30

TEXTS = TEMPLATES / "os"
GRUB_MODULES = (
    *("biosdisk", "part_gpt", "part_msdos", "ext2", "search", "search_label", "search_fs_uuid"),
    *("normal", "linux", "configfile", "serial", "terminal", "echo", "test", "boot"),
)
KERNEL_OPTIONS = ("console=tty0", "console=ttyS0,115200", "net.ifnames=0")
# A starved virtual machine misses the timer interrupts that the kernel counts at its start: it panics (seen with TCG).
OPTIONS: Mapping[Kernel, tuple[str, ...]] = MappingProxyType(
    {"generic": KERNEL_OPTIONS, "cloud": (*KERNEL_OPTIONS, "no_timer_check")}
)
SHIM = "usr/lib/shim/shimx64.efi.signed"
GRUB_EFI = "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
# What shim's fallback and the agent read to name the firmware's boot entry: UTF-16, with its mark.
BOOT_ENTRY = "shimx64.efi,debian,,This is the boot entry for debian\r\n"
# The state of the machine that built it, and what a first boot makes anew.
LEFTOVERS = (
    *("etc/ssh/ssh_host_*", "var/lib/dbus/machine-id", "var/cache/apt/*.bin", "var/lib/apt/lists/*_*", "var/log/*.log"),
    *("var/log/apt/*", "var/cache/ldconfig/aux-cache", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "etc/*-"),
    *("var/lib/systemd/random-seed", "etc/.resolv.conf.systemd-resolved.bak", "tmp/*.cfg", "tmp/*.img"),
)
# Theirs is `_apt` or root, by whether `_apt` could enter the directory of the build.
APT_MAKES_THESE = ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial")


def build_os(recipe: Recipe, bench: Path, progress: Progress) -> Mapping[str, Path]:
    """Make the raw disk on the bench; gives the files by role."""
    ids = Ids.of(recipe.digest())
    root = bench / "root"
    bootstrap(recipe, "minbase", root, progress)
    packages = bench / "packages.txt"
    packages.write_text(packages_in(root))
    progress("system: configuring it and making its initrd")
    words = {
        "root_uuid": str(ids.root),
        "esp_id": ids.esp_volume,
        "kernel": _kernel(root),
        "options": " ".join(OPTIONS[recipe.kernel]),
    }
    _configure(root, words)
    core = _grub_core(root, words)
    boot = (root / "usr/lib/grub/i386-pc/boot.img").read_bytes()
    forget(root)
    progress("disk: writing file systems")
    esp = bench / "esp.img"
    make_esp(_esp_files(root, bench, words), esp, ids)
    root_image = bench / "root.img"
    root_mib = make_root(root, root_image, ids)
    disk = bench / "disk.raw"
    assemble(disk, (root_image, root_mib), esp, ids)
    write_boot_code(disk, boot, core)
    return {"disk": disk, "packages": packages}


def _kernel(root: Path) -> str:
    return next((root / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")


def _configure(root: Path, words: Mapping[str, str]) -> None:
    lay_over(TEXTS / "tree", root)
    for directory in ("boot/efi", "boot/grub"):
        make_directories(root / directory)
    put_text(root / "etc/fstab", _render("fstab.j2", words))
    put_text(root / "etc/default/grub", _render("default-grub.j2", words))
    put_text(root / "boot/grub/grub.cfg", _render("grub.cfg.j2", words))
    put_text(root / "etc/hostname", "localhost\n")
    for line in read_list(TEXTS / "units.txt"):
        verb = "disable" if line.startswith("- ") else "enable"
        chroot(root, ["systemctl", "--quiet", verb, line.removeprefix("- ")])
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    chroot(root, ["update-initramfs", "-c", "-k", words["kernel"]])


def _grub_core(root: Path, words: Mapping[str, str]) -> bytes:
    early, core = root / "tmp/early.cfg", root / "tmp/core.img"
    early.write_text(_render("find-root.cfg.j2", words))
    chroot(
        root,
        [
            *("grub-mkimage", "--format=i386-pc", "--output=/tmp/core.img", "--prefix=(hd0,gpt3)/boot/grub"),
            *("--config=/tmp/early.cfg", *GRUB_MODULES),
        ],
    )
    return core.read_bytes()


def _esp_files(root: Path, bench: Path, words: Mapping[str, str]) -> dict[str, Path]:
    config, entry = bench / "grub.cfg", bench / "BOOTX64.CSV"
    config.write_text(_render("esp-grub.cfg.j2", words))
    entry.write_bytes(b"\xff\xfe" + BOOT_ENTRY.encode("utf-16-le"))
    return {
        "EFI/BOOT/BOOTX64.EFI": root / SHIM,
        "EFI/BOOT/grubx64.efi": root / GRUB_EFI,
        "EFI/debian/shimx64.efi": root / SHIM,
        "EFI/debian/grubx64.efi": root / GRUB_EFI,
        "EFI/debian/grub.cfg": config,
        "EFI/debian/BOOTX64.CSV": entry,
    }


def forget(root: Path) -> None:
    """Drop what only the building machine knows, and every date after the epoch."""
    for pattern in LEFTOVERS:
        for path in root.glob(pattern):
            path.unlink()
    for name in APT_MAKES_THESE:
        (root / name).rmdir()
    put_text(root / "etc/machine-id", "")
    for path in (root, *root.rglob("*")):
        if path.lstat().st_mtime > EPOCH:
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def _render(name: str, words: Mapping[str, str]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEXTS),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=select_autoescape(),
    )
    return environment.get_template(name).render(words)
