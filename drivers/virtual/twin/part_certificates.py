"""The BMC's TLS certificate: shown, asked for and replaced. The key of a request never leaves the BMC.

Source: DSP0268, CertificateService (GenerateCSR, ReplaceCertificate) and Certificate.
"""

from collections.abc import Callable
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drivers.virtual.twin.certificates import public_part
from drivers.virtual.twin.part import Change, Context, Write, missing_property
from drivers.virtual.twin.redfish_messages import Call, Fail, Reply, Resource, read_object
from drivers.virtual.twin.shape import text

Show = Callable[[], str]
Replace = Callable[[str], None]
_PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


class CertificatePart:
    """`show` gives key and certificate in use as PEM; `replace` puts another such pair in use."""

    def __init__(self, context: Context, show: Show, replace: Replace) -> None:
        self._machine = context.machine
        self._places = context.places
        self._show = show
        self._replace = replace
        self._key: ec.EllipticCurvePrivateKey | None = None

    @cached_property
    def _own(self) -> str | None:
        places = self._places
        return next(iter(places.members(places.to(places.protocols, "HTTPS", "Certificates"))), None)

    def show(self, path: str, base: Resource | None) -> Resource | None:
        if path != self._own or base is None:
            return base
        pem = public_part(self._show())
        certificate = x509.load_pem_x509_certificate(pem.encode())
        return {
            **base,
            "CertificateString": pem,
            "CertificateType": "PEM",
            "Subject": {"CommonName": certificate.subject.rfc4514_string().partition("=")[2]},
            "ValidNotBefore": certificate.not_valid_before_utc.isoformat(),
            "ValidNotAfter": certificate.not_valid_after_utc.isoformat(),
        }

    def write(self, method: str, path: str) -> Write | None:
        if method != "POST":
            return None
        for name, prepare in (("GenerateCSR", self._request), ("ReplaceCertificate", self._replaced)):
            if path == self._places.target(self._places.certificates, f"CertificateService.{name}"):
                return Write("manager", prepare, action=True)
        return None

    def _request(self, call: Call) -> Change:
        told = read_object(call.body)
        name = text(told, "CommonName")
        if not name:
            raise missing_property("CommonName")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        body: Resource = {
            "CSRString": request.public_bytes(serialization.Encoding.PEM).decode(),
            "CertificateCollection": {"@odata.id": (self._own or "/1").rpartition("/")[0]},
        }

        def effect() -> None:
            self._key = key

        return Change("GenerateCSR", effect, reply=lambda: Reply(200, body))

    def _replaced(self, call: Call) -> Change:
        told = read_object(call.body)
        chain = text(told, "CertificateString")
        if not chain:
            raise missing_property("CertificateString")
        try:
            certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        except (ValueError, IndexError) as error:
            raise Fail(400, "ActionParameterValueFormatError", "CertificateString is no PEM certificate.") from error
        key = self._matching(certificate, chain)

        def effect() -> None:
            self._replace(key + public_part(chain))

        return Change("ReplaceCertificate", effect)

    def _matching(self, certificate: x509.Certificate, chain: str) -> str:
        """The private key of the certificate as PEM: that of the last request, or the one that comes with it."""
        wanted = certificate.public_key().public_bytes(serialization.Encoding.PEM, _PUBLIC)
        if "PRIVATE KEY" in chain:
            return chain[: chain.index("-----BEGIN CERTIFICATE-----")]
        key = self._key
        if key is None or key.public_key().public_bytes(serialization.Encoding.PEM, _PUBLIC) != wanted:
            raise Fail(400, "ActionParameterValueConflict", "The certificate is not for the key of the last request.")
        plain = serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
