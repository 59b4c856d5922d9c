"""Who may do what: each row of the table by each role, each way in, and what strangers get."""

import base64
import hashlib
import http.client
import json
import re
import ssl
import subprocess

import bcrypt
import pytest

from orchestrator.api.access import BadAccess, read_logins
from orchestrator.api.routes import ROUTES
from orchestrator.api.server import Listening
from tests.orchestrator.api.conftest import ANNEAL, Client, serving
from tests.orchestrator.api.rights import RIGHTS, ROLES

PASSWORDS = {name: f"{name}-canary-password" for name in ROLES}
TOKENS = {name: f"{name}-canary-token" for name in ROLES}
OWN, FREE, OTHERS = "r1-n02", "r1-n03", "r1-n04"


def lines(secrets, hashed):
    tenancy = {"tenant": ":acme"}
    return "".join(f"{name}:{hashed(text)}:{name}{tenancy.get(name, '')}\n" for name, text in secrets.items())


def by_bcrypt(text):
    return bcrypt.hashpw(text.encode(), bcrypt.gensalt(4)).decode()


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    room = tmp_path_factory.mktemp("guarded")
    (room / "passwords").write_text(lines(PASSWORDS, by_bcrypt))
    (room / "tokens").write_text(lines(TOKENS, lambda text: hashlib.sha256(text.encode()).hexdigest()))
    options = ("--api-basic", str(room / "passwords"), "--api-tokens", str(room / "tokens"))
    with serving(room, 6, *options, owners={OWN: "acme", OTHERS: "other"}) as running:
        for name, owner in (("ours", "acme"), ("theirs", "other")):
            wish = {"resource_class": "none", "name": name, "owner": owner}
            assert running.ask("POST", "/v1/allocations", wish, **as_role("operator"))[0] == 201
        yield running


def as_role(role):
    return {"X-Auth-Token": TOKENS[role]}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", RIGHTS, ids=lambda row: f"{row.method} {row.path}")
def test_a_request_is_answered_as_the_table_says(guarded, row, role):
    status, _, told = guarded.ask(row.method, row.path, row.body, **as_role(role))
    assert status == row.status[ROLES.index(role)], told


@pytest.mark.parametrize("row", RIGHTS, ids=lambda row: f"{row.method} {row.path}")
def test_a_stranger_gets_nothing_but_the_versions(guarded, row):
    status, headers, told = guarded.ask(row.method, row.path, row.body)
    if row.path in ("/", "/v1", "/networking"):
        assert status == 200
    else:
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="Baremetal API"')
        assert set(told) == {"error_message"}


def test_no_route_is_left_out_of_the_table():
    asked = [(row.method, row.path.partition("?")[0]) for row in RIGHTS]
    patterns = [(one.method, re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in ROUTES]
    untold = [
        (method, pattern)
        for method, pattern in patterns
        if not any(method == other and re.fullmatch(pattern, path) for other, path in asked)
    ]
    assert untold == []


@pytest.mark.parametrize(
    "login",
    [
        basic("operator", "wrong"),
        basic("nobody", PASSWORDS["operator"]),
        basic("operator", ""),
        {"Authorization": "Basic !"},
        {"Authorization": "Basic"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": "notused"},
    ],
)
def test_a_wrong_login_is_401(guarded, login):
    assert guarded.ask("GET", "/v1/nodes", **login)[0] == 401


@pytest.mark.parametrize(
    "login",
    [
        basic("operator", PASSWORDS["operator"]),
        {"Authorization": f"Bearer {TOKENS['operator']}"},
        {"X-Auth-Token": TOKENS["operator"]},
    ],
)
def test_the_right_one_is_let_in_again_and_again(guarded, login):
    assert [guarded.ask("GET", "/v1/nodes", **login)[0] for _ in range(3)] == [200] * 3


def test_a_tenant_sees_its_own_nodes_and_the_free_ones_and_no_bmc(guarded):
    _, _, told = guarded.ask("GET", "/v1/nodes/detail", **as_role("tenant"))
    seen = {one["name"]: one for one in told["nodes"]}
    assert OWN in seen
    assert OTHERS not in seen
    assert {one["driver_info"] == {} for one in seen.values()} == {True}
    assert guarded.ask("GET", f"/v1/nodes/{OTHERS}", **as_role("tenant"))[0] == 404
    _, _, ports = guarded.ask("GET", "/v1/ports/detail", **as_role("tenant"))
    hidden = guarded.ask("GET", f"/v1/nodes/{OTHERS}", **as_role("viewer"))[2]["uuid"]
    assert hidden not in {one["node_uuid"] for one in ports["ports"]}


def test_a_tenants_claim_is_its_own_whatever_it_says(guarded):
    wish = {"resource_class": "baremetal", "candidate_nodes": [FREE]}
    _, _, told = guarded.ask("POST", "/v1/allocations", wish, **as_role("tenant"))
    assert (told["owner"], told["state"]) == ("acme", "active")
    _, _, node = guarded.ask("GET", f"/v1/nodes/{FREE}", **as_role("tenant"))
    assert (node["instance_uuid"], node["driver_info"]) == (told["uuid"], {})
    assert guarded.ask("DELETE", f"/v1/nodes/{FREE}/allocation", **as_role("tenant"))[0] == 204


def test_a_tenant_gets_no_node_of_another(guarded):
    wish = {"resource_class": "baremetal", "name": OTHERS}
    _, _, told = guarded.ask("POST", "/v1/allocations", wish, **as_role("tenant"))
    theirs = guarded.ask("GET", f"/v1/nodes/{OTHERS}", **as_role("viewer"))[2]["uuid"]
    assert told["node_uuid"] not in (None, theirs)
    guarded.ask("DELETE", f"/v1/allocations/{told['uuid']}", **as_role("tenant"))


def test_a_change_is_in_the_log_with_who_and_which_request(guarded):
    body = {"reason": "audit"}
    _, headers, _ = guarded.ask("PUT", f"/v1/nodes/{FREE}/maintenance", body, **as_role("approver"))
    last = [one.event for one in guarded.store.events(node=FREE)][-1]
    assert last.says == "approver: maintenance: audit"
    assert last.data == {"actor": "approver", "role": "approver", "request": headers["x-openstack-request-id"]}
    guarded.ask("DELETE", f"/v1/nodes/{FREE}/maintenance", **as_role("approver"))


def test_no_password_and_no_token_is_written_anywhere(guarded):
    guarded.ask("GET", "/v1/nodes", **basic("operator", PASSWORDS["operator"]))
    kept = [
        guarded.log.read_bytes(),
        *(path.read_bytes() for path in guarded.log.parent.glob("state/*") if path.is_file()),
    ]
    told = b"".join(kept)
    assert [text for text in (*PASSWORDS.values(), *TOKENS.values()) if text.encode() in told] == []


@pytest.mark.parametrize(
    "line",
    ["alice", "alice:", ":$2b$04$x", "alice:$2b$04$x:king", "alice:$2b$04$x:tenant", "alice:$2b$04$x:viewer:acme",
     "alice:plain-text-secret", "alice:$apr1$abc$def", "alice:$2b$04$x:viewer:a:b"],
)  # fmt: skip
def test_a_login_file_that_says_nonsense_is_refused_without_repeating_it(tmp_path, line):
    (tmp_path / "logins").write_text(f"# people\n\n{line}\n")
    with pytest.raises(BadAccess) as refused:
        read_logins(tmp_path / "logins", None)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("where", "passwords", "tls"),
    [
        ("0.0.0.0:6385", False, True),
        ("192.0.2.1:6385", True, False),
        ("localhost:6385", True, True),
        ("[::]:1", False, False),
        ("no address", True, True),
    ],
)
def test_what_would_let_strangers_in_is_refused(tmp_path, where, passwords, tls):
    with pytest.raises(BadAccess):
        Listening.at(where, tmp_path if passwords else None, None, tls=tls)


def test_an_open_door_is_said_loudly_and_only_then(served, guarded):
    assert "ANYBODY" in served.log.read_text()
    assert "ANYBODY" not in guarded.log.read_text()


def test_over_tls_a_client_that_trusts_the_states_ca_is_answered(tmp_path):
    with serving(tmp_path, 2, "--api-tls") as running:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "state" / "api-tls" / "ca.pem"))
        connection = http.client.HTTPSConnection("127.0.0.1", running.port, context=trusting, timeout=20)
        connection.request("GET", "/v1", headers={"X-OpenStack-Ironic-API-Version": "1.82"})
        told = json.loads(connection.getresponse().read())
        connection.close()
        assert told["links"][0]["href"].startswith("https://127.0.0.1:")
        stranger = http.client.HTTPSConnection("127.0.0.1", running.port, timeout=20)
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/v1")


@pytest.mark.slow
def test_the_real_client_logs_in_by_http_basic(guarded, clients):
    settings = {"OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": guarded.url, "OS_USERNAME": "viewer"}
    viewer = Client(clients, {**settings, "OS_PASSWORD": PASSWORDS["viewer"]})
    assert len(viewer.told("baremetal", "node", "list")) == 6
    refused = viewer("baremetal", "node", "maintenance", "set", FREE)
    assert "is not for the role viewer" in refused.stderr
    stranger = Client(clients, {**settings, "OS_PASSWORD": "wrong"})
    assert "Authorization required" in stranger("baremetal", "node", "list").stderr


def test_a_bad_file_ends_serve_with_one_sentence(tmp_path, site_directory):
    (tmp_path / "logins").write_text("alice\n")
    words = ["serve", "--site", str(site_directory), "--state", str(tmp_path / "state"), "--api", "127.0.0.1:1"]
    done = subprocess.run(
        [ANNEAL, *words, "--api-basic", str(tmp_path / "logins")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "logins:1: write NAME:HASH" in done.stderr
