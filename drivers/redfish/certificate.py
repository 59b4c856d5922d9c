"""The BMC's own HTTPS certificate: a request whose key stays there, and what is put in its place.

Source: DSP0268, CertificateService (GenerateCSR, ReplaceCertificate), CertificateCollection; RFC 2986, RFC 7468.
"""

import hashlib
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.errors import Garbled, NotApplied, Refused, Transient, UnknownOutcome, Unsupported
from drivers.patience import Patience
from drivers.redfish.resource import Resource
from drivers.redfish.session import RedfishSession
from drivers.redfish.tree import Tree
from drivers.wire.https import Json
from drivers.wire.tls import fingerprint
from inventory.address import HostPort
from inventory.quantity import in_words

# Most BMCs want all of a subject; the CA decides what it vouches for.
_SUBJECT = MappingProxyType(
    {"Organization": "Anneal", "OrganizationalUnit": "BMC", "City": "Unknown", "State": "Unknown", "Country": "XX"}
)
_TYPE = "CertificateType@Redfish.AllowableValues"
# iLO's own place for it, and its words.
_ILO_SUBJECT = MappingProxyType(
    {"OrgName": "Organization", "OrgUnit": "OrganizationalUnit", "City": "City", "State": "State", "Country": "Country"}
)
_ILO_GENERATE, _ILO_IMPORT = "#HpeHttpsCert.GenerateCSR", "#HpeHttpsCert.ImportCertificate"
_ILO_REQUEST = "CertificateSigningRequest"


class RedfishCertificate:
    """The certificate of the manager at `manager`, reached at `address`."""

    def __init__(self, session: RedfishSession, manager: str, address: HostPort, patience: Patience) -> None:
        self._session = session
        self._manager = manager
        self._address = address
        self._patience = patience

    def request(self, common_name: str) -> str:
        own = self._ilo()
        if own is not None:
            return self._ilo_request(own, common_name)
        action = self._action("GenerateCSR")
        body: Json = {
            "CommonName": common_name,
            **_SUBJECT,
            "CertificateCollection": {"@odata.id": self._collection()},
        }
        answer = self._session.post(self._target(action), body)
        told = Resource(action.path, answer.body or {}).text("CSRString")
        if not _is_request(told):
            what = "it answered the wish for a certificate request with none"
            raise Garbled(self._session.who, what, "ask for one on its own page")
        return told or ""

    def _ilo_request(self, own: Resource, common_name: str) -> str:
        """Its key takes a while; until then the request of before, or none, is shown."""
        before = own.text(_ILO_REQUEST)
        subject = {name: _SUBJECT[word] for name, word in _ILO_SUBJECT.items()}
        self._session.post(self._target(own.inner("Actions", _ILO_GENERATE)), {"CommonName": common_name, **subject})
        for _ in self._patience.looks(self._patience.power):
            told = self._session.get(own.path).text(_ILO_REQUEST)
            if told != before and _is_request(told):
                return told or ""
        what = f"it took the wish for a certificate request and shows no new one after {in_words(self._patience.power)}"
        raise NotApplied(self._session.who, what, "ask for one on its own page")

    def replace(self, chain_pem: str) -> None:
        """Sent once, then believed when a handshake shows it. The session goes on over the new one."""
        try:
            chain = x509.load_pem_x509_certificates(chain_pem.encode())
        except ValueError as error:
            raise Refused(self._session.who, "that is no certificate in PEM", "nothing was sent") from error
        wanted = hashlib.sha256(chain[0].public_bytes(Encoding.DER)).hexdigest()
        lost: UnknownOutcome | None = None
        try:
            self._put(chain_pem, len(chain))
        except UnknownOutcome as error:
            lost = error  # it may have restarted its web server before it answered
        for _ in self._patience.looks(self._patience.power):
            if self._shown() == wanted:
                self._session.expect_certificate(wanted)
                return
        what = f"it took a certificate, and shows another after {in_words(self._patience.power)}"
        raise lost or NotApplied(self._session.who, what, "restart its BMC: some show it only then")

    def _put(self, chain_pem: str, length: int) -> None:
        own = self._ilo()
        if own is not None:
            self._session.post(self._target(own.inner("Actions", _ILO_IMPORT)), {"Certificate": chain_pem})
            return
        action = self._action("ReplaceCertificate")
        allowed = action.texts(_TYPE)
        kind = "PEMchain" if length > 1 and (not allowed or "PEMchain" in allowed) else "PEM"
        body: Json = {
            "CertificateString": chain_pem,
            "CertificateType": kind,
            "CertificateUri": {"@odata.id": self._present()},
        }
        self._session.post(self._target(action), body)

    def _ilo(self) -> Resource | None:
        """iLO's own resource for it: by the standard service an iLO makes requests and takes no certificate."""
        manager = self._met()
        tree = Tree(self._session, manager)
        security = tree.at(manager.link("Oem", "Hpe", "Links", "SecurityService"))
        own = tree.at(security.link("Links", "HttpsCert"))
        return own if own.inner("Actions", _ILO_IMPORT).body else None

    def _met(self) -> Resource:
        """Empty where no manager is known to be this host's."""
        return self._session.get(self._manager) if self._manager else Resource("", {})

    def _shown(self) -> str | None:
        try:
            return fingerprint(self._address, self._patience.connect, old=self._session.old_tls)
        except Transient:
            return None

    def _service(self) -> Resource:
        path = self._session.root.link("CertificateService")
        service = self._session.find(path) if path else None
        if service is None:
            raise Unsupported(self._session.who, "it has no certificate service", "use its own page, or pin it")
        return service

    def _action(self, name: str) -> Resource:
        return self._service().inner("Actions", f"#CertificateService.{name}")

    def _target(self, action: Resource) -> str:
        target = action.text("target")
        if target is None:
            what = f"its certificate service offers no {action.path.rpartition('.')[2]}"
            raise Unsupported(self._session.who, what, "use its own page, or pin it")
        return target

    def _collection(self) -> str:
        """Where the web server's certificates are: linked, or else the place of the one that is."""
        return self._linked()[0] or self._located().rpartition("/")[0]

    def _present(self) -> str:
        return self._linked()[1] or self._located()

    def _linked(self) -> tuple[str | None, str | None]:
        """The web server's collection of certificates, and the one in it."""
        manager = self._met()
        tree = Tree(self._session, manager)
        link = tree.at(manager.link("NetworkProtocol")).link("HTTPS", "Certificates")
        return link, next(iter(tree.at(link).links("Members")), None)

    def _located(self) -> str:
        tree = Tree(self._session, self._service())
        links = tree.at(self._service().link("CertificateLocations")).links("Links", "Certificates")
        found = next((link for link in links if "/https/" in link.casefold()), None)
        if found is None:
            raise Unsupported(self._session.who, "it links no certificate of its web server", "use its own page")
        return found


def _is_request(told: str | None) -> bool:
    try:
        x509.load_pem_x509_csr((told or "").encode())
    except ValueError:
        return False
    return True
