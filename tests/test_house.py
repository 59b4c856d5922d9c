"""The law of the house: floors are import-linter's; here are names, sizes, habits and who else brings our packages."""

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("inventory", "drivers", "orchestrator", "cli", "roles", "templates")
SOURCES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
VAGUE = re.compile(r"(Manager|Helper|Utils?|Handler|Processor|Service|Wrapper|Coordinator|Base\w*|Abstract\w*)$")
VAGUE_FILE = re.compile(r"^_?(utils?|helpers?|common|misc|manager|base|core|functions|shared)\.py$")
AT_ROOT = {
    ".ci", ".git", ".gitignore", "LICENSE", "Makefile", "README.md", "benchmarks", "cli", "debian-packages.txt", "docs",
    "drivers", "inventory", "orchestrator", "pyproject.toml", "requirements.lock", "roles", "templates", "tests",
}  # fmt: skip


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", SOURCES, ids=_shown)
def test_a_module_can_be_held_in_the_head(path):
    assert len(path.read_text().splitlines()) <= 400
    long = [f.name for f in _functions(ast.parse(path.read_text())) if (f.end_lineno or 0) - f.lineno >= 50]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=_shown)
def test_names_say_what_a_thing_is(path):
    classes = [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
    assert [name for name in classes if VAGUE.search(name)] == []
    assert not VAGUE_FILE.match(path.name)


@pytest.mark.parametrize("path", SOURCES, ids=_shown)
def test_every_module_has_its_caption(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", TESTS, ids=_shown)
def test_every_test_can_fail(path):
    tests = [f for f in _functions(ast.parse(path.read_text())) if f.name.startswith("test_")]
    assert [f.name for f in tests if not _asserts(f)] == []


def _asserts(function: ast.AST) -> bool:
    checks = ("raises", "check", "expect", "assert")
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and any(word in ast.unparse(node.func).lower() for word in checks))
        for node in ast.walk(function)
    )


def test_broad_excepts_are_at_most_two_and_give_their_reason():
    found = [(path, line) for path in SOURCES for line in path.read_text().splitlines() if "noqa: BLE001" in line]
    assert len(found) <= 2
    assert [_shown(path) for path, line in found if len(line.split("BLE001")[1].strip()) < 10] == []


def test_the_root_holds_only_what_belongs_there():
    tracked = (ROOT / ".git").exists()
    assert tracked
    caches = {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"}
    ignored = {".venv", ".anneal", ".cache", *caches}
    present = {path.name for path in ROOT.iterdir()} - ignored
    assert {
        name for name in present - AT_ROOT if not name.endswith((".egg-info",)) and name not in {"build", "dist"}
    } == set()


def test_nobody_else_ships_our_package_names():
    owners = importlib.metadata.packages_distributions()
    assert {name: owners.get(name) for name in FLOORS if owners.get(name, ["anneal"]) != ["anneal"]} == {}
