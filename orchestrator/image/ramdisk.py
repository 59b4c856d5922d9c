"""The ramdisk: Debian's kernel, busybox as init, ironic-python-agent as it is on PyPI, and our witness plugged in."""

import shutil
import sys
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from orchestrator.image.debian import bootstrap, lay_over, make_directories, packages_in, put_text
from orchestrator.image.errors import Unprepared
from orchestrator.image.initramfs import archive_of_tree
from orchestrator.image.modules import keep_modules
from orchestrator.image.recipe import TEMPLATES, WITNESS, Recipe, read_list
from orchestrator.image.tools import Progress, chroot, run

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "zstd": "zstd",
    "depmod": "kmod",
    "setpriv": "util-linux",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
ROOM_BYTES = 2 << 30

TEXTS = TEMPLATES / "ramdisk"
AGENT_HOME = "opt/ipa"
APPLETS = ("init", "reboot", "poweroff", "halt", "syslogd", "klogd", "udhcpc")
DIRECTORIES = ("proc", "sys", "dev", "run", "tmp", "mnt", "root", "var/log", "etc/ironic-python-agent.d")
# 70 MB in five seconds; -15 saves 10 MB more and takes ten times as long (measured on 2 cores).
ZSTD_LEVEL = "-6"
PROBE = """
import importlib.metadata
import ironic_python_agent.cmd.agent
for group in ("hardware_managers", "inspector.collectors", "extensions"):
    for entry in importlib.metadata.entry_points(group="ironic_python_agent." + group):
        entry.load()
"""


def build_ramdisk(recipe: Recipe, bench: Path, progress: Progress) -> Mapping[str, Path]:
    """Make kernel and initramfs on the bench; gives the files by role."""
    if find_spec("pip") is None:
        raise Unprepared("image build", f"{sys.executable} has no pip", f"{sys.executable} -m ensurepip")
    root = bench / "root"
    bootstrap(recipe, "custom", root, progress)
    packages = bench / "packages.txt"
    packages.write_text(packages_in(root))
    progress("agent: installing ironic-python-agent from its pinned wheels")
    _install_agent(root)
    kernel = _take_kernel(root, bench, progress)
    _clear(root)
    lay_over(TEXTS / "tree", root)
    _wire_init(root)
    progress("agent: compiling and loading it once, as the machines will")
    _compile(root)
    _check(root)
    progress("initramfs: packing")
    return {"kernel": kernel, "initramfs": _pack(root, bench / "initramfs"), "packages": packages}


def _install_agent(root: Path) -> None:
    home = root / AGENT_HOME
    make_directories(home)
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes"),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--target", str(home)),
            *("--requirement", str(TEXTS / "requirements.txt")),
        ]
    )
    _install_witness(home)
    # A path file and no PYTHONPATH: the agent drops the environment when it starts python itself, for qemu-img.
    packages = root / "usr/lib/python3/dist-packages"
    make_directories(packages)
    put_text(packages / "ipa.pth", f"/{AGENT_HOME}\n")


def _install_witness(home: Path) -> None:
    """What an installer would leave of our plug-in: the module, and its entry points as metadata."""
    project = tomllib.loads((WITNESS / "pyproject.toml").read_text())["project"]
    put_text(home / "anneal_witness.py", (WITNESS / "anneal_witness.py").read_text())
    name, version = project["name"], project["version"]
    metadata = home / f"{name.replace('-', '_')}-{version}.dist-info"
    make_directories(metadata)
    put_text(metadata / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = (
        f"[{group}]\n" + "".join(f"{entry} = {target}\n" for entry, target in entries.items())
        for group, entries in project["entry-points"].items()
    )
    put_text(metadata / "entry_points.txt", "\n".join(groups))


def _take_kernel(root: Path, bench: Path, progress: Progress) -> Path:
    image = next((root / "boot").glob("vmlinuz-*"))
    version = image.name.removeprefix("vmlinuz-")
    kept = keep_modules(root, version, TEXTS / "modules.txt")
    progress(f"kernel: {version} with {kept} modules")
    return image.rename(bench / "vmlinuz")


def _clear(root: Path) -> None:
    for pattern in read_list(TEXTS / "junk.txt"):
        for path in root.glob(pattern):
            _delete(path)
    for path in [*root.rglob("__pycache__"), *(root / AGENT_HOME).rglob("*.pyi"), *(root / AGENT_HOME).rglob("RECORD")]:
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _wire_init(root: Path) -> None:
    for name in DIRECTORIES:
        make_directories(root / name)
    (root / "init").symlink_to("/bin/busybox")
    for applet in APPLETS:
        link = root / "usr/sbin" / applet
        if not link.exists() and not link.is_symlink():
            link.symlink_to("/bin/busybox")
    put_text(root / "etc/hostname", "anneal-ramdisk\n")
    put_text(root / "etc/resolv.conf", "")


def _compile(root: Path) -> None:
    """Byte code that is never checked against its source, or each machine would compile all of it at each boot."""
    chroot(
        root,
        [
            *("python3.11", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *(f"/{AGENT_HOME}", "/usr/lib/python3.11", "/usr/lib/python3/dist-packages"),
        ],
    )


def _check(root: Path) -> None:
    """Fail here rather than on the machines. The agent reads the kernel command line when it is imported."""
    line = root / "proc/cmdline"
    line.write_text("")
    try:
        chroot(root, ["python3.11", "-B", "-c", PROBE])
    finally:
        line.unlink()


def _pack(root: Path, initramfs: Path) -> Path:
    archive = initramfs.with_suffix(".cpio")
    with archive.open("wb") as file:
        file.writelines(archive_of_tree(root))
    run(["zstd", "--quiet", ZSTD_LEVEL, "--threads=0", "--rm", "-o", str(initramfs), str(archive)])
    return initramfs
