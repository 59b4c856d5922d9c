"""A certificate as a file: what was proven of a node, in lines of JSON that vouch for one another (pure).

The first line is the heading, one for each proof follows, the last is the seal. Each proof holds the SHA-256 of the
line before it; the seal that of the last proof, the names of all, and an Ed25519 signature (RFC 8032) over both. So
whoever reads it from its end knows of each line whether it is as it was signed, and which one is not.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from orchestrator.errors import OrchestratorError

VERSION = 1
_KIND = "ed25519"
_NO_SEAL = "the last line, the seal, is not as it was signed, or this is no certificate"


class Broken(OrchestratorError):
    """It is not as it was signed, or is no certificate; says where."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def written(self) -> bytes:
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()


class Heading(_Line):
    """`serial`: the machine's, as the inventory declares it; None where it does not."""

    certificate: int = Field(default=VERSION, description="The version of this format.")
    site: str
    node: str
    serial: str | None
    milestone: str
    issued: AwareDatetime
    expires: AwareDatetime


class Proof(_Line):
    """One line of evidence as recorded. `at` in seconds since the epoch (UTC), `ttl` in seconds, None for ever."""

    node: str
    role: str
    says: str
    witness: str
    value: Mapping[str, JsonValue]
    at: float
    ttl: float | None
    digest: str = Field(description="By which the record names it.")
    previous: str = Field(default="", description="SHA-256 of the line before.")

    @property
    def name(self) -> str:
        return f"{self.role} of {self.node}"


class Seal(_Line):
    proofs: tuple[str, ...]
    head: str
    key: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        return self.model_copy(update={"signature": ""}).written()


@dataclass(frozen=True)
class Certificate:
    heading: Heading
    proofs: tuple[Proof, ...]
    key: str  # of who signed it, as `public` gives it

    def expired(self, at: datetime) -> bool:
        return at >= self.heading.expires


def public(key: Ed25519PublicKey) -> str:
    """The raw key in base64 (RFC 8032, section 5.1.5), with its kind before it."""
    return f"{_KIND}:{base64.b64encode(key.public_bytes_raw()).decode()}"


def write(heading: Heading, proofs: Sequence[Proof], key: Ed25519PrivateKey) -> bytes:
    """The file: its lines end in a newline each."""
    lines = [heading.written()]
    for proof in proofs:
        lines.append(proof.model_copy(update={"previous": _sha256(lines[-1])}).written())
    seal = Seal(proofs=tuple(one.name for one in proofs), head=_sha256(lines[-1]), key=public(key.public_key()))
    signature = base64.b64encode(key.sign(seal.signed)).decode()
    lines.append(seal.model_copy(update={"signature": signature}).written())
    return b"".join(line + b"\n" for line in lines)


def read(content: bytes) -> Certificate:
    """`Broken` names what is not as it was signed. Whose key that is, is for the reader to judge."""
    *lines, rest = content.split(b"\n")
    if not lines:
        raise Broken("this is no certificate: it has no line")
    seal = _seal(rest or lines[-1])
    if rest:
        raise Broken("after the seal, its last line, there is more that nobody signed")
    proofs: list[Proof] = []
    expected, body = seal.head, lines[:-1]
    for name, (number, line) in zip(reversed(seal.proofs), _from_the_end(body), strict=False):
        _check(line, expected, f"line {number}, {name},")
        proofs.append(Proof.model_validate_json(line))
        expected = proofs[-1].previous
    if len(body) != len(seal.proofs) + 1:
        raise Broken(f"it was signed with {len(seal.proofs) + 2} lines, and has {len(lines)}")
    _check(body[0], expected, "line 1, the heading,")
    return Certificate(Heading.model_validate_json(body[0]), tuple(reversed(proofs)), seal.key)


def _from_the_end(lines: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number + 1, lines[number]) for number in range(len(lines) - 1, -1, -1))


def _seal(line: bytes) -> Seal:
    """The last line, where it is one that its key signed."""
    try:
        seal = Seal.model_validate_json(line)
        kind, _, told = seal.key.partition(":")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(told, validate=True))
        signature = base64.b64decode(seal.signature, validate=True)
        key.verify(signature, seal.signed)
    except (ValidationError, ValueError, InvalidSignature) as error:
        raise Broken(_NO_SEAL) from error
    # Base64 and JSON can say one thing in several ways; only the one that we write counts.
    again = seal.model_copy(update={"signature": base64.b64encode(signature).decode()})
    if kind != _KIND or again.written() != line:
        raise Broken(_NO_SEAL)
    return seal


def _check(line: bytes, expected: str, what: str) -> None:
    if _sha256(line) != expected:
        raise Broken(f"{what} is not as it was signed")


def _sha256(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
