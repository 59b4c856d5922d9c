"""Self-signed certificates: one identity for each BMC, kept on disk, and one for each boot of an agent."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1}


def self_signed(name: str, address: str, curve: str, lifetime: timedelta) -> str:
    """Private key and certificate as one PEM; SAN is the address; valid from an hour ago (the agent does so too)."""
    key = ec.generate_private_key(CURVES[curve]())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def public_part(pem: str) -> str:
    """The certificate alone, as the agent sends it in its heartbeats."""
    return pem[pem.index("-----BEGIN CERTIFICATE-----") :]


def server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem)
    return context


def server_context_once(pem: str) -> ssl.SSLContext:
    """A context for a key that is not kept; the library reads keys from files only."""
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        return server_context(Path(file.name))


@lru_cache(maxsize=8)
def client_context(ca: str | None) -> ssl.SSLContext:
    """Trust this CA alone, or, where it is None, the system's."""
    return ssl.create_default_context(cadata=ca)


@lru_cache(maxsize=1)
def unverified_context() -> ssl.SSLContext:
    """For the agent's own reachability probe, which verifies nothing and sends nothing (ipa-protocol.md 1.1)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def kept(directory: Path, name: str, address: str) -> Path:
    """The PEM file of a BMC, made at first use; a twin that starts again has the certificates that it had."""
    path = directory / f"{name}.pem"
    if not path.exists():
        replace(path, name, address)
    return path


def replace(path: Path, name: str, address: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(self_signed(name, address, "p256", timedelta(days=3650)))
