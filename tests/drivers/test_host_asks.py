"""What a host hears when it asks others: from a real OpenSSH server, of a web server and of the resolver's files."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from drivers.errors import Garbled
from drivers.host import Host
from drivers.wire.ssh_login import Access
from inventory.address import HostPort


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/told" else 404)
        self.end_headers()
        self.wfile.write(b"as it was told")

    def log_message(self, *words):
        """Keep the test's output clean."""


@pytest.fixture
def page():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def host(sshd):
    access = Access(HostPort("127.0.0.1", sshd.port), sshd.user, sshd.host_key, sshd.private_key)
    with Host.open(access) as one:
        yield one


def test_a_page_is_what_its_server_gives_and_none_where_nobody_serves_it(host, page):
    assert host.page(f"{page}/told") == "as it was told"
    assert host.page(f"{page}/other") is None
    assert host.page("http://127.77.53.9:1/told") is None


def test_what_is_no_address_of_a_page_is_no_answer(host):
    with pytest.raises(Garbled, match="ended with 1"):
        host.page("no-page")


def test_the_hosts_own_resolver_is_asked_both_ways(host):
    assert ip_address("127.0.0.1") in host.addresses_of("localhost")
    assert host.name_of(ip_address("127.0.0.1")) == "localhost"


def test_an_unknown_name_and_address_are_answers_too(host):
    assert host.addresses_of("nobody.invalid") == frozenset()
    assert host.name_of(ip_address("127.77.53.9")) is None
