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
    import_stand_ins(Command(room, {"ANNEAL_IMAGES": str(room / "store")}), "twin-os")
    return room / "store"


def import_stand_ins(anneal: Command, os_image: str) -> None:
    """`twin-ramdisk`, and a disk under the name given, into the store of the command's environment."""
    stand_in.write(anneal.directory / "files")

    def imported(name: str, *files: str) -> None:
        paths = [anneal.directory / "files" / file for file in files]
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
        given = [word for digest in digests for word in ("--sha256", digest)]
        done = anneal("image", "import", "--name", name, *given, *map(str, paths))
        assert done.returncode == 0, done.stderr

    imported("twin-ramdisk", "vmlinuz", "initramfs")
    imported(os_image, "disk.raw")


@pytest.fixture(scope="module")
def anneal_on(anneal_in: Callable[..., Command], store: Path) -> Callable[[], Command]:
    """A command with a directory for `site/` and `state/`, to be filled by the test, and the images of twins."""

    def make() -> Command:
        anneal = anneal_in(ANNEAL_IMAGES=str(store))
        places = {"ANNEAL_SITE": "site", "ANNEAL_STATE": "state"}
        paths = {name: str(anneal.directory / place) for name, place in places.items()}
        return replace(anneal, environment={**anneal.environment, **paths})

    return make
