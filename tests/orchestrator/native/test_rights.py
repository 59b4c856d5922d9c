"""Who may do what: each row of the table by each role, strangers, and what a tenant is never told."""

import re

import pytest

from orchestrator.events import Event
from orchestrator.native.routes import PREFIX, ROUTES
from tests.orchestrator.api.rights import ROLES
from tests.orchestrator.native.rights import RIGHTS


@pytest.fixture(scope="module")
def table(guarded):
    """The API, and what the table's names stand for."""
    ours, _ = guarded.claim(by="tenant", nodes=["r1-n02"])
    theirs, _ = guarded.claim(by="rival", nodes=["r1-n04"])
    spare, _ = guarded.claim(by="operator", nodes=["r1-n05"])
    called = {"ours": ours["uuid"], "theirs": theirs["uuid"], "spare": spare["uuid"]}
    for name, by, node in (("our_op", "tenant", "r1-n02"), ("their_op", "rival", "r1-n04")):
        status, _, told = guarded.ask("POST", f"/nodes/{node}/power", {"state": "on"}, by=by)
        assert status == 202, told
        called[name] = told["uuid"]
    for name, by in (("our_hook", "tenant"), ("their_hook", "rival")):
        status, _, told = guarded.ask("POST", "/webhooks", {"url": "https://127.0.0.4/x", "kinds": ["none."]}, by=by)
        assert status == 201, told
        called[name] = told["webhook"]["uuid"]
    return guarded, called


WRONG = (
    ("Authorization", "Bearer canary-of-nobody"),
    ("X_Auth_Token", "canary-of-nobody"),
    ("Authorization", "Basic bm9ib2R5OmNhbmFyeQ=="),  # nobody:canary
)
WAITS = "Too many wrong logins"


def shown(row) -> str:
    return f"{row.method} {row.path}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("row", RIGHTS, ids=shown)
def test_a_request_is_answered_as_the_table_says(table, row, role):
    api, called = table
    if "{spare}" in row.path and api.ask("GET", f"/claims/{called['spare']}", by="viewer")[0] == 404:
        called["spare"] = api.claim(by="operator", nodes=["r1-n05"])[0]["uuid"]  # the one before ended it
    status, _, told = api.ask(row.method, row.path.format(**called), row.body, by=role, If_Match="*")
    assert status == row.status[ROLES.index(role)], told


@pytest.mark.parametrize("row", RIGHTS, ids=shown)
def test_a_stranger_gets_the_description_and_nothing_else(table, row):
    api, called = table
    status, headers, told = api.ask(row.method, row.path.format(**called), row.body)
    if row.path == "/openapi.json":
        assert status == 200
    else:
        assert (status, headers["content-type"], told["status"]) == (401, "application/problem+json", 401)
        assert headers["www-authenticate"] == 'Basic realm="Baremetal API"'


@pytest.mark.parametrize("row", RIGHTS, ids=shown)
@pytest.mark.parametrize("login", WRONG, ids=" ".join)
def test_a_wrong_login_is_refused_everywhere_whether_it_was_looked_at_or_has_to_wait(table, row, login):
    api, called = table
    status, headers, told = api.ask(row.method, row.path.format(**called), row.body, **dict([login]))
    if row.path == "/openapi.json":
        assert status == 200
    else:
        assert headers["content-type"] == "application/problem+json"
        assert (status, told["detail"].partition(".")[0]) in ((401, "Authorization required"), (429, WAITS))


def test_no_route_is_left_out_of_the_table():
    asked = [(row.method, f"{PREFIX}{row.path}") for row in RIGHTS]
    patterns = [(one.method, re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in ROUTES]
    untold = [
        (method, pattern)
        for method, pattern in patterns
        if not any(method == other and re.fullmatch(pattern, path) for other, path in asked)
    ]
    assert untold == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "TRACE"])
def test_an_address_that_is_none_is_no_way_in(guarded, method):
    assert guarded.ask(method, "/nowhere")[0] == 401
    assert guarded.ask(method, "/nowhere", by="viewer")[0] == 404


def test_a_tenant_is_told_of_no_bmc_no_login_and_no_other_tenant(table):
    api, called = table
    with api.store.decide() as connection:
        says = "10.9.8.7: log in. check secret 'canary-secret'"
        api.store.append(connection, Event("role.drifted", says, "r1-n02", "bmc-access", data={"generation": 1}))
    api.store.record(Event("handoff.test", "cards are made anew", "r1-n02"))
    paths = ["/nodes", "/nodes/r1-n02", "/nodes/r1-n02/evidence", "/claims", "/operations", "/events?limit=1000"]
    paths += ["/webhooks", f"/webhooks/{called['our_hook']}/delivery", f"/claims/{called['ours']}"]
    told = "".join(api.raw("GET", f"{PREFIX}{path}", by="tenant")[2] for path in paths)
    assert "r1-n02" in told
    secrets = (
        "10.9.8.7",
        "canary",
        "other",
        "rival",
        "r1-n04",
        called["theirs"],
        called["their_hook"],
        called["spare"],
        "operator",
        ":8443",
    )
    assert [text for text in secrets if text in told] == []


def test_a_tenants_claim_is_its_own_and_each_sees_its_own(table):
    api, called = table
    own = {by: {one["uuid"] for one in api.get("/claims", by=by)["items"]} for by in ("tenant", "rival", "viewer")}
    assert own["tenant"] == {called["ours"]}
    assert own["rival"] == {called["theirs"]}
    assert own["viewer"] >= own["tenant"] | own["rival"]
    assert api.get(f"/claims/{called['ours']}", by="tenant")["owner"] == "acme"


def test_a_change_is_in_the_log_with_who_and_which_request(guarded):
    body = {"targets": ["r1-n06"]}
    _, headers, _ = guarded.ask("POST", "/plans", body, by="approver")
    last = [one.event for one in guarded.store.events() if one.event.kind == "handoff.planned"][-1]
    assert last.data == {"actor": "approver", "role": "approver", "request": headers["x-request-id"]}
