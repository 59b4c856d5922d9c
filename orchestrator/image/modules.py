"""Which kernel modules go into the ramdisk: those a list asks for, and what they depend on."""

from collections.abc import Mapping
from pathlib import Path

from orchestrator.image.recipe import read_list
from orchestrator.image.tools import run


def keep_modules(root: Path, version: str, wanted: Path) -> int:
    """Delete the modules of kernel `version` below `root` that nobody wants; gives how many stay."""
    home = root / "usr/lib/modules" / version
    run(["depmod", "--basedir", str(root / "usr"), version])
    needs = dependencies((home / "modules.dep").read_text())
    keep = chosen(needs, read_list(wanted))
    for module in needs.keys() - keep:
        (home / module).unlink()
    run(["depmod", "--basedir", str(root / "usr"), version])
    return len(keep)


def chosen(needs: Mapping[str, tuple[str, ...]], wanted: list[str]) -> frozenset[str]:
    """The modules that the list wants, with all they need. The longest line that is a prefix of a path decides."""
    rules = {line.removeprefix("- "): not line.startswith("- ") for line in wanted}
    keep: set[str] = set()
    ask = [module for module in needs if rules.get(_longest(module, rules), False)]
    while ask:
        module = ask.pop()
        if module not in keep:
            keep.add(module)
            ask.extend(needs[module])
    return frozenset(keep)


def _longest(module: str, rules: Mapping[str, bool]) -> str:
    return max((prefix for prefix in rules if module.startswith(prefix)), key=len, default="")


def dependencies(text: str) -> dict[str, tuple[str, ...]]:
    """modules.dep(5): `path: path path ...` below the version's directory."""
    lines = (line.partition(":") for line in text.splitlines())
    return {module: tuple(needs.split()) for module, _, needs in lines}
