"""What README and docs name is there: every make target, every sub-command, every option."""

import re
from pathlib import Path

import pytest

from cli.main import GROUPS, run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = re.compile(r"(?:`|^\s+)make ([a-z-]+)", re.MULTILINE)
CALLED = re.compile(r"(?:`|^\s*|&& )anneal ([a-z][^`\n|>&]*)", re.MULTILINE)
LINKED = re.compile(r"\]\(([^)#:]+)\)")


def called(page: Path) -> list[str]:
    """Command lines without their `anneal`; a comment is none of it."""
    return [line.partition(" #")[0].strip() for line in CALLED.findall(page.read_text())]


def lines() -> list[str]:
    return sorted({line for page in PAGES for line in called(page)})


def test_the_pages_name_the_commands_of_the_main_job():
    named = {line.split()[0] for line in lines()}
    assert {"inventory", "discover", "plan", "apply", "ready", "status", "why", "verify", "serve", "rack"} <= named


@pytest.mark.parametrize("line", lines())
def test_a_command_that_is_named_knows_its_options(line, capsys):
    words = line.split()
    depth = 2 if words[0] in GROUPS else 1
    assert run([*words[:depth], "--help"]) == 0, f"anneal {line}"
    helped = capsys.readouterr().out
    for option in (word for word in words[depth:] if word.startswith("-")):
        assert re.search(rf"(?<!\S){option}\b", helped), f"anneal {line}: no {option}"


def test_every_make_target_that_is_named_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in MADE.findall(page.read_text())}
    assert named
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_end_somewhere(page):
    assert [link for link in LINKED.findall(page.read_text()) if not (page.parent / link).exists()] == []
