"""Keys of the site that are made once: the SSH key pair (Ed25519) by which we enter installed systems, and the key that
name servers know us and one another by."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drivers.dns import Tsig
from inventory.secrets import Secret
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


def names_key(directory: Path) -> Tsig:
    """The one of this directory, made at the first call: as long as its digest (RFC 8945 8, RFC 2104 3)."""
    kept = keep(directory / "names.key", lambda: base64.b64encode(secrets.token_bytes(32)))
    return Tsig("anneal", Secret(kept.decode()))


def _make() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
