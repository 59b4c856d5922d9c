"""The site's own certificate authority, and the certificate that machines know our HTTPS by."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from inventory.address import Ip
from orchestrator.boot.private import keep, write
from orchestrator.store import now

CA_LIVES = timedelta(days=3650)
SERVER_LIVES = timedelta(days=397)  # the longest that common clients accept (CA/Browser Forum BR 6.3.2)
RENEW_BEFORE = timedelta(days=60)
SLACK = timedelta(days=1)  # a machine's clock may be behind ours


@dataclass(frozen=True)
class Authority:
    """`ca` is the PEM that machines trust. `certificate` and `key` are the server's files."""

    ca: str
    certificate: Path
    key: Path


def authority(directory: Path, address: Ip) -> Authority:
    """The one of this directory, made at the first call; the server's certificate anew for a new address or year."""
    ca_key = _key(directory / "ca.key")
    ca = keep(directory / "ca.pem", lambda: _pem(_root(ca_key)))
    server_key, certificate = directory / "server.key", directory / "server.pem"
    key = _key(server_key)
    if not _good(certificate, address, key):
        issuer = x509.load_pem_x509_certificate(ca)
        write(certificate, _pem(_server(issuer, ca_key, key, address)), replace=True)
    return Authority(ca.decode(), certificate, server_key)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    def make() -> bytes:
        return ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    key = serialization.load_pem_private_key(keep(path, make), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds another kind of key")
    return key


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Anneal site CA")])
    return (
        _begun(name, name, key, CA_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePrivateKey, address: Ip
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(address))])
    return (
        _begun(name, ca.subject, key, SERVER_LIVES)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lives: timedelta
) -> x509.CertificateBuilder:
    at = now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - SLACK)
        .not_valid_after(at + lives)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _good(path: Path, address: Ip, key: ec.EllipticCurvePrivateKey) -> bool:
    """It is for this address and this key, and is not about to end."""
    if not path.exists():
        return False
    found = x509.load_pem_x509_certificate(path.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        address in names.get_values_for_type(x509.IPAddress)
        and found.public_key() == key.public_key()
        and found.not_valid_after_utc - now() > RENEW_BEFORE
    )


def ends(path: Path) -> datetime:
    """When a certificate file stops being valid."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
