"""Which repositories answer a machine, by a real OpenSSH server and real web servers."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from drivers.host import Host
from drivers.wire.ssh_login import Access
from inventory.address import HostPort

NOBODY = "http://127.0.0.1:9/debian"


class _Repository(BaseHTTPRequestHandler):
    """Says the number that its path begins with, and of a proxied request whom it was for."""

    def do_GET(self):
        self.send_response(int(self.path.strip("/").split("/")[0]) if self.path.startswith("/") else 200)
        self.end_headers()
        self.server.asked.append(self.path)

    def log_message(self, *words):
        """Keep the test's output clean."""


@pytest.fixture
def repository():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Repository) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def packages(sshd):
    access = Access(HostPort("127.0.0.1", sshd.port), sshd.user, sshd.host_key, sshd.private_key)
    with Host.open(access) as one:
        yield one.packages


def test_who_says_that_it_cannot_now_is_as_silent_as_who_is_not_there_and_who_lacks_a_file_is_not(packages, repository):
    here = f"http://127.0.0.1:{repository.server_port}"
    asked = [f"{here}/200", f"{here}/404", f"{here}/503", NOBODY]
    assert packages.silent(asked, None) == (f"{here}/503", NOBODY)


def test_through_a_proxy_it_is_the_proxy_that_is_asked(packages, repository):
    assert packages.silent([NOBODY], f"http://127.0.0.1:{repository.server_port}") == ()
    assert repository.asked == [NOBODY]
    assert packages.silent([NOBODY], "http://127.0.0.1:9") == (NOBODY,)
