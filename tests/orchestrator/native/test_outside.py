"""Which addresses are called, and how long for: by itself, against listeners on the loopback."""

import contextlib
import socket
import ssl
import threading
from ipaddress import ip_address, ip_network

import pytest
import yaml

from inventory.load import load
from orchestrator.boot.authority import authority
from orchestrator.native.outside import NoAnswer, NotOutside, Outside
from tests.orchestrator.api.conftest import document

NET = 77  # of the site: 127.77.0.0/16, BMCs at 127.77.2.N


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    room = tmp_path_factory.mktemp("site")
    told = document(NET, 3)
    told["networks"]["public"] = {"prefix": "198.41.0.0/24"}
    (room / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    return load(room).site


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "10.0.0.1", "172.16.0.1",
        "192.168.1.1", "100.64.0.1", "100.100.100.200", "192.0.2.1", "224.0.0.1", "255.255.255.255", "[ff02::1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::1]", "[2002:a00:1::1]", "198.41.0.7",
    ],
)  # fmt: skip
def test_what_is_not_the_internet_is_not_called(site, host):
    with pytest.raises(NotOutside):
        Outside(site, ()).check(f"https://{host}/")


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]"])
def test_the_internet_is_called_by_https_alone(site, host):
    assert Outside(site, ()).check(f"https://{host}/")[0].path == "/"
    with pytest.raises(NotOutside):
        Outside(site, ()).check(f"http://{host}/")


def test_what_the_operator_opened_is_called_and_no_bmc_there(site):
    opened = Outside(site, [ip_network("127.0.0.0/8"), ip_network("10.1.0.0/16")])
    for host in ("127.0.0.1", "10.1.2.3", "[::ffff:10.1.2.3]", f"127.{NET}.0.9"):
        assert opened.check(f"http://{host}:8080/")
    for host in (f"127.{NET}.2.1", f"127.{NET}.2.3", f"[::ffff:127.{NET}.2.2]", "10.2.0.1"):
        with pytest.raises(NotOutside):
            opened.check(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//127.0.0.1/", "https://", "https:///x", "ftp://127.0.0.1/", "file:///etc/passwd", "https://a:b@127.0.0.1/",
        "https://127.0.0.1/#x", "https://127.0.0.1:0/", "https://127.0.0.1:99999/", "https://127.0.0.1:x/",
        "https://127.0.0.1/a b", "https://127.0.0.1/\r\nHost: x", "https://127.0.0.1/ü", "https://[::1/", "https://.../",
        "https://" + "a" * 300 + "/", "https://127.0.0.1/" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_url_is_not_called(site, url):
    with pytest.raises(NotOutside):
        Outside(site, [ip_network("127.0.0.0/8")]).check(url)


@contextlib.contextmanager
def listening(talk):
    """`talk` is given each connection; where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_a_certificate_must_be_trusted_and_of_the_name(site, tmp_path, monkeypatch):
    made = authority(tmp_path / "tls", ip_address("127.0.0.1"))
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(made.certificate, made.key)

    def talk(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), secure.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\nRetry-After: 9\r\n\r\n")

    with listening(talk) as port:
        outside = Outside(site, [ip_network("127.0.0.0/8")])
        with pytest.raises(NoAnswer, match="certificate"):
            outside.post(f"https://127.0.0.1:{port}/", b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "ca.pem"))
        answer = outside.post(f"https://127.0.0.1:{port}/", b"{}", {})
        assert (answer.status, answer.again) == (204, 9.0)
        with pytest.raises(NoAnswer, match="certificate"):
            outside.post(f"https://localhost:{port}/", b"{}", {})


@pytest.mark.parametrize(
    "told", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_an_answer_that_is_none_is_no_answer(site, told):
    def talk(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            connection.sendall(told)

    with listening(talk) as port, pytest.raises(NoAnswer):
        Outside(site, [ip_network("127.0.0.0/8")]).post(f"http://127.0.0.1:{port}/", b"{}", {})


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_drips_is_left_after_a_while(site, tmp_path, monkeypatch, scheme):
    made = authority(tmp_path / "tls", ip_address("127.0.0.1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "ca.pem"))
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(made.certificate, made.key)
    ended = threading.Event()

    def talk(plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection = secure.wrap_socket(plain, server_side=True) if scheme == "https" else plain
            connection.sendall(b"HTTP/1.1 200 OK\r\na: ")
            while not ended.wait(1):
                connection.sendall(b"x")

    with listening(talk) as port, pytest.raises(NoAnswer):
        Outside(site, [ip_network("127.0.0.0/8")]).post(f"{scheme}://127.0.0.1:{port}/", b"{}", {})
    ended.set()
