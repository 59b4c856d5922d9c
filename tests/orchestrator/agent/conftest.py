"""An agent's two ends on the loopback: its calls to us, and its own API, answering as IPA 13.0.0 was recorded to."""

import json
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestrator.agent.messages import node_uuid

HOME = "127.77.0.11"
MAC = "52:54:00:77:00:01"
UUID = node_uuid("r1-n01")


def certificate(address=HOME):
    """As the agent makes one: EC P-384, its address as the only name, no key usage. The PEM and the key's PEM."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ramdisk")])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), key.private_bytes(*form)


@dataclass
class Ramdisk:
    """What the agent's own API has heard, and what it is to answer next: (status, body) by method and path."""

    url: str
    certificate: str
    token: str | None = None
    answers: dict = field(default_factory=dict)
    heard: list = field(default_factory=list)


@pytest.fixture
def ramdisk(tmp_path):
    pem, key = certificate()
    (tmp_path / "agent.pem").write_bytes(pem.encode() + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "agent.pem")
    server = ThreadingHTTPServer((HOME, 0), _Api)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.ramdisk = Ramdisk(f"https://{HOME}:{server.server_port}", pem)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.ramdisk
    server.shutdown()
    thread.join()
    server.server_close()


class _Api(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body):
        ramdisk, parts = self.server.ramdisk, urlsplit(self.path)
        if parse_qs(parts.query).get("agent_token") != [ramdisk.token]:
            status, told = 401, {"faultcode": "Client", "faultstring": "401 Unauthorized: Token invalid."}
        else:
            ramdisk.heard.append((self.command, parts.path, body))
            status, told = ramdisk.answers[self.command, parts.path]
        sent = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_args):
        """Quiet."""


@pytest.fixture
def certificate_of_another():
    return certificate()[0]


@pytest.fixture
def node(site):
    return site.nodes["r1-n01"]


@dataclass
class Calls:
    """The agent's calls to us, from one address, with one boot's token."""

    client: httpx.Client
    token: str

    def inspect(self, document=None):
        told = {"inventory": {"interfaces": [{"name": "eth0", "mac_address": MAC}]}} if document is None else document
        return self.client.post(f"/agent/{self.token}/v1/continue_inspection", json=told)

    def look_up(self, addresses=MAC):
        return self.client.get(f"/agent/{self.token}/v1/lookup", params={"addresses": addresses})

    def beat(self, token, ramdisk, uuid=UUID, **more):
        body = {"callback_url": ramdisk.url, "agent_token": token, "agent_version": "13.0.0"}
        body |= {"agent_verify_ca": ramdisk.certificate} | more
        return self.client.post(f"/agent/{self.token}/v1/heartbeat/{uuid}", json=body)


@pytest.fixture
def boot(site, services, store, node):
    """Arm the node, fetch its script as its firmware does: the calls that its agent may now make."""
    where = site.provisioning
    trust = ssl.create_default_context(cadata=services.authority.ca)
    clients = []

    def netboot():
        with store.begin() as connection:
            services.intents.arm(connection, node.name, node.boot_nic.mac, "agent", timedelta(minutes=15))
        script = httpx.get(f"http://{where.address}:{where.http_port}/boot/{MAC}").text
        token = next(word.rpartition("/")[2] for word in script.split() if word.startswith("ipa-api-url="))
        transport = httpx.HTTPTransport(verify=trust, local_address=HOME)
        clients.append(httpx.Client(base_url=f"https://{where.address}:{where.https_port}", transport=transport))
        return Calls(clients[-1], token)

    yield netboot
    for client in clients:
        client.close()


@pytest.fixture
def live(boot, services, ramdisk, node):
    """A live agent of the node, and the fake that answers for it."""
    calls = boot()
    calls.inspect()
    ramdisk.token = calls.look_up().json()["config"]["agent_token"]
    assert calls.beat(ramdisk.token, ramdisk).status_code == 202
    return services.agents.live(node.name)
