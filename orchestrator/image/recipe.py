"""What an image is made from. Equal recipes make equal images, so an image is known by its recipe's digest."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import templates
from orchestrator.image.store import Kind

Kernel = Literal["cloud", "generic"]

TEMPLATES = Path(templates.__file__).parent / "image"
BUILDER = Path(__file__).parent
WITNESS = BUILDER / "witness"
SUITE = "bookworm"
NAMES: Mapping[Kind, str] = MappingProxyType(
    {"ramdisk": "ramdisk", "os": "debian-12", "nos": "linux-nos", "guest": "guest"}
)
KERNELS: Mapping[Kernel, str] = MappingProxyType(
    {"cloud": "linux-image-cloud-amd64", "generic": "linux-image-amd64"},
)


@dataclass(frozen=True)
class Recipe:
    """`kernel` cloud is Debian's for virtual machines: small, without hardware drivers. `sources` is the text of an
    apt sources file; None means Debian's own mirror.
    """

    kind: Kind
    kernel: Kernel
    extra_packages: tuple[str, ...] = ()
    sources: str | None = None

    @property
    def name(self) -> str:
        return f"{NAMES[self.kind]}-{self.kernel}"

    @property
    def packages(self) -> tuple[str, ...]:
        listed = read_list(TEMPLATES / self.kind / "packages.txt")
        return (*(name for line in listed for name in line.split()), KERNELS[self.kernel], *self.extra_packages)

    def digest(self) -> str:
        """SHA-256 over the choices, the templates, the witness and the builder's own source."""
        told = {
            "kind": self.kind,
            "suite": SUITE,
            "packages": self.packages,
            "sources": self.sources,
            "content": dict(_contents(self.kind)),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def read_list(path: Path) -> list[str]:
    """The lines of a list file, without comments and blank ones."""
    stripped = (line.strip() for line in path.read_text().splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def _contents(kind: Kind) -> Iterator[tuple[str, str]]:
    for tree in (TEMPLATES / kind, BUILDER):
        for path in tree.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(tree.parent)), hashlib.sha256(path.read_bytes()).hexdigest()
