"""Nodes, operations, plans and runs as asked for, pages, ETags, problems."""

import pytest

from orchestrator.native.app import BODY_BYTES
from tests.orchestrator.native.conftest import until


def test_a_node_is_told_as_it_was_seen(api):
    told = api.get("/nodes/r1-n02")
    assert (told["state"], told["rack"], told["power"], told["claim"]) == ("ready", "r1", "on", None)
    assert told["hardware"] == {"cpus": 16, "memory_mib": 65536, "root_gib": 480, "vendor": "Twin"}
    assert api.get("/nodes/r1-n01")["state"] == "discovered"
    assert api.get(f"/nodes/{told['uuid']}") == told


def test_pages_are_whole_and_stay_so_while_claims_come_and_go(api):
    claims = [api.claim() for _ in range(4)]
    first = api.get("/claims?limit=2")
    api.ask("DELETE", f"/claims/{claims[1][0]['uuid']}", If_Match=claims[1][1])
    later, _ = api.claim()
    rest = api.get(f"/claims?limit=5&cursor={first['next']}")
    seen = [one["uuid"] for one in (*first["items"], *rest["items"])]
    assert seen == [*(one["uuid"] for one, _ in claims), later["uuid"]]
    assert rest["next"] is None


def test_all_nodes_are_found_page_by_page(api):
    found, cursor = [], ""
    for _ in range(6):
        told = api.get(f"/nodes?limit=1{cursor}")
        found += [one["name"] for one in told["items"]]
        cursor = f"&cursor={told['next']}"
    assert (found, told["next"]) == ([f"r1-n0{number}" for number in range(1, 7)], None)


@pytest.mark.parametrize("path", ["/nodes", "/claims", "/operations", "/plans", "/runs"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 422), ("limit=1001", 422), ("limit=x", 422), ("colour=red", 422), ("cursor=x", 422),
        ("cursor=abcd", 404), ("cursor=WyJub2RlcyIsIDEsIDIsIDNd", 404), ("cursor=bnVsbA", 404), ("limit=1", 200),
    ],
)  # fmt: skip
def test_what_a_list_is_asked_for_is_checked(api, path, query, status):
    assert api.ask("GET", f"{path}?{query}")[0] == status


def test_nodes_are_found_by_class_rack_and_state(api):
    api.claim(nodes=["r1-n03"])
    queries = ("state=held", "state=discovered", "rack=r1&limit=2", "rack=r2", "resource_class=gold")
    told = [[one["name"] for one in api.get(f"/nodes?{query}")["items"]] for query in queries]
    assert told == [["r1-n03"], ["r1-n01"], ["r1-n01", "r1-n02"], [], []]


def test_what_has_not_changed_is_304_and_what_has_is_told(api):
    _, headers, _ = api.ask("GET", "/nodes/r1-n02")
    assert api.ask("GET", "/nodes/r1-n02", If_None_Match=f"W/{headers['etag']}")[0] == 304
    api.claim(nodes=["r1-n02"])
    assert api.ask("GET", "/nodes/r1-n02", If_None_Match=headers["etag"])[0] == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400), (b"[]", {}, 422), (b"{}", {"Content_Type": "text/plain"}, 415), (b"", {}, 422),
        (b" " * (BODY_BYTES + 1), {}, 413), (b'{"resource_class": "\xff"}', {}, 400),
        (b'{"resource_class": "none"}', {"Idempotency_Key": "a b"}, 422),
        (b'{"resource_class": "none"}', {"Content_Type": "application/json; charset=utf-8"}, 409),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_a_problem_of_its_own(api, body, headers, status):
    found, told_headers, told = api.ask("POST", "/claims", body, **headers)
    assert (found, told["status"], told_headers["content-type"]) == (status, status, "application/problem+json")
    assert told["instance"] == f"urn:anneal:request:{told_headers['x-request-id']}"


def test_a_method_that_is_none_is_told_those_that_are(api):
    status, headers, told = api.ask("PUT", "/claims", {})
    assert (status, headers["allow"], told["title"]) == (405, "GET, POST", "Method Not Allowed")


def test_power_ends_in_an_operation_that_says_how_it_was(api):
    status, headers, told = api.ask("POST", "/nodes/r1-n02/power", {"state": "off"}, Idempotency_Key="p")
    assert (status, told["kind"], told["subject"]) == (202, "power", "r1-n02")
    where = headers["location"].removeprefix("/api/v1")
    until(lambda: api.get(where)["ended_at"])
    assert api.get(where)["state"] == "failed"  # nobody answers at that address
    assert api.get(where)["says"] == "The BMC of node r1-n02 does not answer now: Unreachable."
    again = api.ask("POST", "/nodes/r1-n02/power", {"state": "off"}, Idempotency_Key="p")
    assert (again[0], again[2]) == (202, told)
    assert len(api.get("/operations?subject=r1-n02")["items"]) == 1


def test_a_rebuild_of_what_is_not_deployed_is_refused_in_words(api):
    status, _, told = api.ask("POST", "/nodes/r1-n02/rebuild")
    assert (status, 'while it is in state "available"' in told["detail"]) == (409, True)


def test_a_certificate_of_what_is_not_proven_is_refused_in_words(api):
    status, _, told = api.ask("GET", "/nodes/r1-n01/certificate")
    assert (status, told["detail"].startswith("bmc-access of r1-n01 was never planned")) == (409, True)
    assert api.ask("GET", "/nodes/r1-n01/certificate?milestone=none")[0] == 404


def test_a_plan_is_made_read_taken_up_and_followed(api):
    status, headers, made = api.ask("POST", "/plans", {"targets": ["r1-n01"]})
    assert (status, headers["location"]) == (201, f"/api/v1/plans/{made['plan']}")
    assert {one["node"] for one in made["document"]["steps"]} == {"r1-n01"}
    assert api.get(f"/plans/{made['plan']}") == made
    assert api.get("/plans?limit=1")["items"][0]["plan"] == made["plan"]
    assert api.ask("POST", f"/plans/{made['plan']}/run")[0] == 202
    (run,) = [one for one in api.get("/runs")["items"] if one["run"] != "seed"]
    assert run["nodes"] == ["r1-n01"]
    assert api.get(f"/runs/{run['run']}")["nodes"] == ["r1-n01"]
    assert api.ask("POST", f"/plans/{made['plan']}/run")[0] == 409  # its world has moved
