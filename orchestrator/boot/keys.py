"""The site's SSH key pair (Ed25519), by which we enter installed systems."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestrator.boot.private import keep


@dataclass(frozen=True)
class SiteKey:
    """`public` is the line for `authorized_keys`; `private` a file in OpenSSH's format."""

    private: Path
    public: str


def site_key(directory: Path) -> SiteKey:
    """The one of this directory, made at the first call."""
    path = directory / "id_ed25519"
    private = serialization.load_ssh_private_key(keep(path, _make), None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return SiteKey(path, f"{public.decode()} anneal")


def _make() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
