"""The command as a process, as an operator starts it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from drivers.virtual.twin import stand_in

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


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image store with what twins boot: `twin-ramdisk` and `twin-os`."""
    room = tmp_path_factory.mktemp("images")
    stand_in.write(room)
    anneal = Command(room, {"ANNEAL_IMAGES": str(room / "store")})
    import_image(anneal, "twin-ramdisk", room / "vmlinuz", room / "initramfs")
    import_image(anneal, "twin-os", room / "disk.raw")
    return room / "store"


def import_image(anneal: Command, name: str, *files: Path) -> None:
    """Into the store of the command's environment."""
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    given = [word for digest in digests for word in ("--sha256", digest)]
    done = anneal("image", "import", "--name", name, *given, *map(str, files))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def anneal_on(anneal_in: Callable[..., Command], store: Path) -> Callable[[], Command]:
    """A command with a directory for `site/` and `state/`, to be filled by the test, and the images of twins."""

    def make() -> Command:
        anneal = anneal_in(ANNEAL_IMAGES=str(store))
        places = {"ANNEAL_SITE": "site", "ANNEAL_STATE": "state"}
        paths = {name: str(anneal.directory / place) for name, place in places.items()}
        return replace(anneal, environment={**anneal.environment, **paths})

    return make
