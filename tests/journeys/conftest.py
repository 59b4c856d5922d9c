"""The command as a process, as an operator starts it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import stand_in

ANNEAL = Path(sys.executable).with_name("anneal")
EXAMPLES = Path(__file__).resolve().parents[2] / "inventory" / "examples"
QEMU = ("qemu-system-x86_64", "ovs-vswitchd", "ipmi_sim", "dnsmasq", "lldpd", "chronyd", "mmdebstrap", "mcopy")


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
            env=self.whole_environment,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )

    @property
    def whole_environment(self) -> Mapping[str, str]:
        return os.environ | dict(self.environment)

    def told(self, *words: str, within: float = 120) -> list[dict]:
        """The rows that it prints as JSON, whatever its exit code says of them."""
        done = self(*words, "-o", "json", within=within)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


BringUp = Callable[[str, str], tuple[Command, Command]]


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


@pytest.fixture(scope="session")
def qemu_images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The real ramdisk and the real Debian, built once for each recipe."""
    if os.geteuid() != 0:
        pytest.skip("the QEMU rack needs root")
    missing = [name for name in QEMU if not any((Path(d) / name).exists() for d in ("/usr/bin", "/usr/sbin", "/bin"))]
    if missing:
        pytest.skip(f"not installed (debian-packages.txt): {', '.join(missing)}")
    anneal = Command(tmp_path_factory.mktemp("images"))
    for what in ("ramdisk", "os"):
        built = anneal("image", "build", what, "--kernel", "cloud", within=35 * 60)
        assert built.returncode == 0, built.stderr


@pytest.fixture
def qemu_rack(qemu_images: None, anneal_in: Callable[..., Command]) -> Iterator[BringUp]:
    with qemu_site(anneal_in()) as up:
        yield up


@contextmanager
def qemu_site(host: Command) -> Iterator[BringUp]:
    """A site of its own, a copy of an example's, with its rack brought up from one of the example's rack files and
    taken down whatever happens: the command on the host, and in the provisioner's namespace."""
    site = host.directory / "site"
    host = replace(host, environment={"ANNEAL_SITE": str(site), "ANNEAL_STATE": str(host.directory / "state")})

    def up(example: str, file: str) -> tuple[Command, Command]:
        shutil.copytree(EXAMPLES / example / "site", site)
        (site / "secrets").mkdir(mode=0o700)
        told = yaml.safe_load((EXAMPLES / example / file).read_text())
        logins = {one["name"]: one["bmc"] for one in told["machines"]}
        logins |= {one["name"]: one["management"] for one in told["switches"] if "management" in one}
        for name, login in logins.items():
            (site / "secrets" / name).write_text(f"{login['password']}\n")
        brought = host("rack", "up", str(EXAMPLES / example / file))
        assert brought.returncode == 0, brought.stderr
        (status,) = host.told("rack", "status")
        return host, replace(host, inside=status["namespaces"]["provisioner"])

    before = _namespaces()
    yield up
    assert host("rack", "down").returncode == 0
    assert _namespaces() == before


def _namespaces() -> set[str]:
    """Those of racks: other tests have theirs."""
    told = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in told.splitlines() if line.startswith("anl-")}
