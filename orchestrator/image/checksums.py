"""Checksum files as projects publish them beside their images."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from orchestrator.image.errors import Untrusted
from orchestrator.image.fetch import base_name, fetch

ALGORITHMS: Mapping[int, str] = MappingProxyType({64: "sha256", 128: "sha512"})
COREUTILS = re.compile(r"\\?(?P<digest>[0-9a-fA-F]+)(?: [ *](?P<name>.+))?")
BSD = re.compile(r"(?P<algorithm>SHA256|SHA512) \((?P<name>.+)\) = (?P<digest>[0-9a-fA-F]+)")
# RFC 9580 section 7: armour headers, a blank line, the text, the signature.
CLEAR_SIGNED = re.compile(
    "-----BEGIN PGP SIGNED MESSAGE-----\n.*?\n\n(?P<content>.*?)\n-----BEGIN PGP SIGNATURE-----", re.DOTALL
)


@dataclass(frozen=True)
class Checksum:
    """A SHA-256 or SHA-512 in lower-case hexadecimal digits; the length says which."""

    digest: str

    def __post_init__(self) -> None:
        if len(self.digest) not in ALGORITHMS or not re.fullmatch("[0-9a-f]+", self.digest):
            raise ValueError(f"{self.digest!r} is neither a SHA-256 nor a SHA-512")

    @property
    def algorithm(self) -> str:
        return ALGORITHMS[len(self.digest)]

    def check(self, content: Path, who: str) -> None:
        """Raise Untrusted unless the file has this checksum; `who` names it for people."""
        with content.open("rb") as file:
            found = hashlib.file_digest(file, self.algorithm).hexdigest()
        if found != self.digest:
            raise Untrusted(
                who,
                f"{self.algorithm} is {found}, expected {self.digest}",
                "fetch it again from where its maker has it",
            )


def checksum_from(origin: str, source: str) -> Checksum:
    """What the checksum file at a path or URL says of `source`, which it knows by its base name."""
    with TemporaryDirectory() as place:
        target = Path(place) / "checksums"
        fetch(origin, target)
        found = read_checksums(target.read_text(errors="replace"), origin)
    wanted = base_name(source)
    checksum = found.get(wanted) or (found.get("") if len(found) == 1 else None)
    if checksum is None:
        raise Untrusted(origin, f"has no line for {wanted}", "give the checksum file of this very image")
    return checksum


def read_checksums(text: str, origin: str) -> dict[str, Checksum]:
    """Checksums by base name, from `sha256sum` output, its BSD style, or one bare digest (under the name "").

    Lines of another kind are refused: a checksum that is not understood protects nothing. Comments, blank lines and
    the armour of a clear-signed file are passed over; the signature itself is not verified.
    """
    found: dict[str, Checksum] = {}
    for number, line in enumerate(_content(text), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = BSD.fullmatch(line.strip()) or COREUTILS.fullmatch(line.strip())
        if match is None or len(match["digest"]) not in ALGORITHMS:
            raise Untrusted(
                f"{origin}:{number}", "is no SHA-256 or SHA-512 line", "give the file that sha256sum or sha512sum wrote"
            )
        found[(match["name"] or "").rpartition("/")[2]] = Checksum(match["digest"].lower())
    return found


def _content(text: str) -> list[str]:
    """The lines that count, at the numbers that they have in the file."""
    signed = CLEAR_SIGNED.match(text)
    if signed is None:
        return text.splitlines()
    return [""] * text.count("\n", 0, signed.start("content")) + signed["content"].splitlines()
