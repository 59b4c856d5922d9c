"""A small initramfs: busybox, a few modules in their order, and an `init` of a template."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from orchestrator.image.debian import make_directories, put_text
from orchestrator.image.initramfs import archive_of_tree
from orchestrator.image.modules import chosen, dependencies
from orchestrator.image.recipe import read_list
from orchestrator.image.tools import run


def starter(root: Path, version: str, texts: Path, bench: Path) -> Path:
    """Of the busybox and the kernel below `root`; `texts` has `init` and `modules.txt`."""
    run(["depmod", "--basedir", str(root / "usr"), version])
    modules = root / "usr/lib/modules" / version
    needs = dependencies((modules / "modules.dep").read_text())
    tree = bench / "initramfs-tree"
    for name in ("bin", "root"):
        make_directories(tree / name)
    order = _in_order(needs, chosen(needs, read_list(texts / "modules.txt")))
    for module in order:
        make_directories((tree / module).parent)
        shutil.copyfile(modules / module, tree / module)
    put_text(tree / "modules", "".join(f"{module}\n" for module in order))
    shutil.copyfile(root / "usr/bin/busybox", tree / "bin/busybox")
    shutil.copyfile(texts / "init", tree / "init")
    for program in ("bin/busybox", "init"):
        (tree / program).chmod(0o755)
    initramfs = bench / "initramfs"
    with initramfs.open("wb") as file:
        file.writelines(archive_of_tree(tree))
    return initramfs


def _in_order(needs: Mapping[str, tuple[str, ...]], wanted: frozenset[str]) -> list[str]:
    """What a module needs comes before it; modules.dep(5) lists all of it, the deepest last."""
    order: list[str] = []
    for module in sorted(wanted):
        order += [one for one in (*reversed(needs[module]), module) if one not in order]
    return order
