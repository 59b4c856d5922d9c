"""The command as a process, as an operator starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ANNEAL = Path(sys.executable).with_name("anneal")
EXAMPLES = Path(__file__).resolve().parents[2] / "inventory" / "examples"


@dataclass(frozen=True)
class Command:
    """`anneal` in a directory of the test's own; `inside` names a network namespace to run it in."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    inside: str | None = None

    def __call__(self, *words: str, within: float = 120) -> "subprocess.CompletedProcess[str]":
        prefix: Sequence[str] = ("ip", "netns", "exec", self.inside) if self.inside else ()
        return subprocess.run(
            [*prefix, str(ANNEAL), *words],
            cwd=self.directory,
            env=os.environ | dict(self.environment),
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )

    def told(self, *words: str, within: float = 120) -> list[dict]:
        """The rows that it prints as JSON, whatever its exit code says of them."""
        done = self(*words, "-o", "json", within=within)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def anneal_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Command]:
    def make(inside: str | None = None, **environment: str) -> Command:
        return Command(tmp_path_factory.mktemp("journey"), environment, inside)

    return make
