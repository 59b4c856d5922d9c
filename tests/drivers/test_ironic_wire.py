"""The way to Ironic: what may be sent where, and what its refusals are to us. The server is a script."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from drivers.errors import Busy, Denied, DriverError, Garbled, Refused, Unreachable
from drivers.wire.ironic import Ironic

NODES = [{"uuid": f"u{number}"} for number in range(5)]


class Script:
    """Answers as Ironic does, but where it was told another answer; `heard` is what was asked."""

    def __init__(self):
        self.heard, self.newest, self.told = [], "1.82", {}
        script = self

        class Door(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                script.heard.append((self.command, self.path, body))
                status, headers, content = script.answer(self.path)
                told = content.encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(told))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815

            def log_message(self, *_what):
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path):
        for start, told in self.told.items():
            if path.startswith(start):
                return told
        version = {"id": "v1", "status": "CURRENT", "min_version": "1.1", "version": self.newest}
        version["links"] = [{"rel": "self", "href": f"{self.url}/v1/"}]
        if path == "/":
            return 200, {}, json.dumps({"default_version": version, "versions": [version]})
        if path.rstrip("/") == "/v1":
            return 200, {}, json.dumps({"id": "v1", "version": version, "links": version["links"]})
        return 200, {}, json.dumps(self.page(path))

    def page(self, path):
        first = int(path.partition("marker=u")[2] or -1) + 1
        more = {"next": f"{self.url}/v1/nodes?marker=u{first + 1}"} if first + 2 < len(NODES) else {}
        return {"nodes": NODES[first : first + 2], **more}


@pytest.fixture
def script():
    made = Script()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def cloud(monkeypatch, tmp_path):
    """Writes the settings of somebody whose Ironic is there."""
    for name in ("OS_CLOUD", "OS_AUTH_TYPE", "OS_ENDPOINT", "OS_USERNAME", "OS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))

    def written(url, **more):
        ours = {"auth_type": "none", "endpoint": url, "baremetal_endpoint_override": url, **more}
        (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"ours": ours}}))
        return "ours"

    return written


@pytest.fixture
def ironic(script, cloud):
    return Ironic.connect(cloud(script.url))


def _fault(says):
    return json.dumps({"error_message": json.dumps({"faultcode": "Client", "faultstring": says, "debuginfo": None})})


@pytest.mark.parametrize("url", ["http://192.0.2.1:6385", "http://ironic.example.test:6385", "http://localhost.test"])
def test_nothing_is_sent_in_the_clear_but_to_the_loopback(cloud, url):
    with pytest.raises(Refused, match="in the clear"):
        Ironic.connect(cloud(url))


def test_tls_that_is_not_verified_is_refused(cloud):
    with pytest.raises(Refused, match="its certificate is not to be verified"):
        Ironic.connect(cloud("https://192.0.2.1:6385", verify=False))


def test_the_environment_alone_says_where_it_is(script, cloud, monkeypatch):
    cloud("http://127.0.0.1:9")
    monkeypatch.setenv("OS_AUTH_TYPE", "none")
    monkeypatch.setenv("OS_ENDPOINT", script.url)
    assert Ironic.connect(None).nodes() == tuple(NODES)


def test_no_redirect_is_followed_with_what_was_sent(script, cloud, ironic):
    script.told["/v1/nodes"] = (307, {"Location": f"{script.url}/elsewhere"}, "")
    with pytest.raises(DriverError, match="it leads elsewhere"):
        ironic.create_node({"name": "n1", "driver_info": {"redfish_password": "canary"}})
    assert [path for _, path, _ in script.heard if "elsewhere" in path] == []


def test_all_pages_are_read(script, ironic):
    assert ironic.nodes("uuid") == tuple(NODES)
    assert len([path for _, path, _ in script.heard if "/nodes?" in path]) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(400, Refused), (401, Denied), (403, Denied), (404, Refused), (409, Refused), (500, Busy)]
)
def test_what_ironic_says_of_a_new_node_is_our_error_in_its_words(script, ironic, status, error):
    script.told["/v1/nodes"] = (status, {}, _fault("so it is"))
    with pytest.raises(error) as raised:
        ironic.create_node({"name": "n1"})
    assert "create node n1" in str(raised.value)
    assert ("so it is" in str(raised.value)) is (status != 401)


def test_an_answer_that_is_none_of_ironics_is_garbled(script, ironic):
    script.told["/v1/nodes"] = (200, {}, '{"nodes": 7}')
    with pytest.raises(Garbled):
        ironic.nodes()


def test_an_answer_that_is_no_json_is_garbled(script, ironic):
    script.told["/v1/nodes"] = (200, {}, "<html>welcome</html>")
    with pytest.raises(Garbled):
        ironic.nodes()


def test_an_old_ironic_is_told_apart_before_anything_is_asked_of_it(script, cloud):
    script.newest = "1.46"
    with pytest.raises(Refused, match=r"its newest API version is 1\.46"):
        Ironic.connect(cloud(script.url))
    assert {path.rstrip("/") for _, path, _ in script.heard} <= {"", "/v1"}


def test_a_login_that_stands_in_an_address_is_not_repeated(cloud):
    with pytest.raises(Unreachable) as raised:
        Ironic.connect(cloud("http://joe:canary@127.0.0.1:9"))
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(("settings", "says"), [({"auth_type": "nonsense"}, "nonsense could not be found")])
def test_settings_that_make_no_sense_are_one_clear_error(cloud, settings, says):
    with pytest.raises(Refused, match=says):
        Ironic.connect(cloud("https://192.0.2.1", **settings))


def test_a_cloud_that_nobody_knows_is_named(cloud):
    cloud("https://192.0.2.1")
    with pytest.raises(Refused, match="Cloud theirs was not found"):
        Ironic.connect("theirs")
