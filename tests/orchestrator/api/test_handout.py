"""Claiming and giving back, changing what may be changed: on the wire."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import case, delete, update

from orchestrator.api.standing import PROOF
from orchestrator.api.tables import ALLOCATION, HANDOFF
from orchestrator.engine.tables import NODE_ROLE
from orchestrator.events import Event
from orchestrator.store import now
from orchestrator.vifs import VIF


@pytest.fixture
def pool(served):
    """Six nodes, of which r1-n02 to r1-n06 are to be had; nobody has said anything of one yet."""
    with served.store.decide() as connection:
        for table in (ALLOCATION, HANDOFF, VIF):
            connection.execute(delete(table))
        fresh = case((NODE_ROLE.c.role == PROOF, None), else_=now().timestamp() + 3600)
        connection.execute(update(NODE_ROLE).values(state="active", expires=fresh))
        nodes = [f"r1-n0{number}" for number in range(1, 7)]
        served.store.append_all(connection, [Event("test.began", "all is as new", node) for node in nodes])
    return served


def said(told) -> str:
    return json.loads(told["error_message"])["faultstring"]


def claim(api, **wish):
    status, headers, told = api.ask("POST", "/v1/allocations", {"resource_class": "baremetal", **wish})
    assert status == 201, told
    assert headers["location"] == f"{api.url}/v1/allocations/{told['uuid']}"
    return told


def test_a_claim_takes_one_node_and_gives_it_back_whole(pool):
    told = claim(pool, name="host1", extra={"a": 1})
    node = pool.get(f"/v1/nodes/{told['node_uuid']}")
    assert (told["state"], told["last_error"], told["extra"]) == ("active", None, {"a": 1})
    assert (node["instance_uuid"], node["allocation_uuid"]) == (told["uuid"], told["uuid"])
    assert pool.get("/v1/nodes?associated=true")["nodes"][0]["uuid"] == node["uuid"]
    assert pool.get(f"/v1/nodes/{node['name']}/allocation")["uuid"] == told["uuid"]
    assert pool.ask("DELETE", "/v1/allocations/host1")[0] == 204
    assert pool.ask("GET", "/v1/allocations/host1")[0] == 404
    back = pool.get(f"/v1/nodes/{node['uuid']}")
    assert (back["instance_uuid"], back["allocation_uuid"], back["instance_info"]) == (None, None, {})


def test_no_node_is_given_twice_and_the_sixth_who_asks_is_told_why_not(pool):
    got = [claim(pool) for _ in range(6)]
    assert len({one["node_uuid"] for one in got}) == 6
    assert [one["state"] for one in got] == ["active"] * 5 + ["error"]
    assert got[-1]["last_error"].endswith("no available nodes match the resource class baremetal.")
    assert got[-1]["node_uuid"] is None
    assert pool.get("/v1/nodes/r1-n01")["instance_uuid"] is None


def test_a_node_of_the_allocations_own_name_goes_first(pool):
    assert claim(pool, name="r1-n05")["node_uuid"] == pool.get("/v1/nodes/r1-n05")["uuid"]


def test_traits_that_are_added_at_one_time_are_all_there(pool):
    wanted = {f"CUSTOM_T{number}" for number in range(24)}
    assert pool.ask("PUT", "/v1/nodes/r1-n03/traits", {"traits": []})[0] == 204
    with ThreadPoolExecutor(12) as clients:
        told = list(clients.map(lambda one: pool.ask("PUT", f"/v1/nodes/r1-n03/traits/{one}")[0], wanted))
    assert set(told) == {204}
    assert set(pool.get("/v1/nodes/r1-n03")["traits"]) == wanted


def test_traits_and_candidates_are_held_to(pool):
    pool.ask("PUT", "/v1/nodes/r1-n03/traits/CUSTOM_GOLD")
    gold = pool.get("/v1/nodes/r1-n03")["uuid"]
    told = claim(pool, traits=["CUSTOM_GOLD"])
    assert told["node_uuid"] == gold
    assert pool.get(f"/v1/nodes/{gold}")["instance_info"] == {"traits": ["CUSTOM_GOLD"]}
    assert claim(pool, traits=["CUSTOM_GOLD"])["last_error"].endswith("the requested traits CUSTOM_GOLD.")
    assert claim(pool, candidate_nodes=["r1-n04"])["node_uuid"] == pool.get("/v1/nodes/r1-n04")["uuid"]
    assert claim(pool, candidate_nodes=["r1-n04"])["state"] == "error"


@pytest.mark.parametrize("broken", ["time-sync", "disks-clean", "bmc-access", "cabling"])
def test_a_baseline_that_broke_before_the_claim_rules_the_node_out(pool, broken):
    pool.get("/v1/nodes/detail")
    pool.move("r1-n02", broken, "drifted", "not so any more")
    assert claim(pool, candidate_nodes=["r1-n02"])["state"] == "error"


def test_evidence_that_ran_out_rules_the_node_out(pool):
    pool.move("r1-n02", "time-sync", "active", expires=now().timestamp() - 1)
    assert claim(pool, candidate_nodes=["r1-n02"])["state"] == "error"


def test_what_is_kept_back_is_not_given(pool):
    pool.ask("PUT", "/v1/nodes/r1-n02/maintenance", {"reason": "x"})
    pool.ask("PUT", "/v1/nodes/r1-n03/states/provision", {"target": "manage"})
    pool.ask("PATCH", "/v1/nodes/r1-n04", [{"op": "add", "path": "/retired", "value": True}])
    for name in ("r1-n02", "r1-n03", "r1-n04"):
        assert claim(pool, candidate_nodes=[name])["state"] == "error"
    assert pool.get("/v1/nodes/r1-n03")["provision_state"] == "manageable"
    assert pool.ask("PUT", "/v1/nodes/r1-n03/states/provision", {"target": "provide"})[0] == 202
    assert claim(pool, candidate_nodes=["r1-n03"])["state"] == "active"


def test_an_owners_claim_gets_its_own_nodes_and_nobodys_but_not_anothers(pool):
    for name, owner in (("r1-n02", "acme"), ("r1-n03", "other")):
        pool.ask("PATCH", f"/v1/nodes/{name}", [{"op": "add", "path": "/owner", "value": owner}])
    assert claim(pool, candidate_nodes=["r1-n03"], owner="acme")["state"] == "error"
    assert claim(pool, candidate_nodes=["r1-n02"], owner="acme")["owner"] == "acme"
    assert claim(pool, candidate_nodes=["r1-n04"], owner="acme")["state"] == "active"


def test_names_and_uuids_of_allocations_are_there_once(pool):
    told = claim(pool, name="host1")
    assert pool.ask("POST", "/v1/allocations", {"resource_class": "baremetal", "name": "host1"})[0] == 409
    assert pool.ask("POST", "/v1/allocations", {"resource_class": "baremetal", "uuid": told["uuid"]})[0] == 409
    assert [claim(pool)["name"] for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": "x"}, {"resource_class": "b", "zzz": 1}, {"resource_class": 1}, {"resource_class": ""},
        {"resource_class": "b", "name": "a b"}, {"resource_class": "b", "traits": ["lower"]},
        {"resource_class": "b", "candidate_nodes": ["none"]}, {"resource_class": "b", "uuid": "x"},
        {"resource_class": "b", "node": "r1-n02"}, {"resource_class": "b", "extra": []}, [],
    ],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_refused(served, body):
    status, _, told = served.ask("POST", "/v1/allocations", body)
    assert (status, bool(said(told))) == (400, True)


def test_an_allocation_can_be_renamed_and_told_more_and_nothing_else(pool):
    told = claim(pool, name="host1")
    change = [{"op": "replace", "path": "/name", "value": "host2"}, {"op": "add", "path": "/extra/a", "value": 1}]
    assert pool.ask("PATCH", "/v1/allocations/host1", change)[0] == 200
    assert pool.get("/v1/allocations/host2")["extra"] == {"a": 1}
    for path in ("/node_uuid", "/state", "/owner"):
        change = [{"op": "add", "path": path, "value": "x"}]
        assert pool.ask("PATCH", f"/v1/allocations/{told['uuid']}", change)[0] == 400


def test_allocations_are_found_by_what_they_are(pool):
    first, second = claim(pool, name="a", owner="acme"), claim(pool, name="b")
    claim(pool, resource_class="gold")
    queries = (f"node={first['node_uuid']}", "state=error", "owner=acme", "resource_class=baremetal", "limit=1")
    found = [[one["name"] for one in pool.get(f"/v1/allocations?{query}")["allocations"]] for query in queries]
    assert found == [["a"], [None], ["a"], ["a", "b"], ["a"]]
    assert "owner" not in pool.get(f"/v1/allocations/{second['uuid']}", minor=59)


def test_instance_uuid_is_compared_and_set(pool):
    mine, other = str(uuid.uuid4()), str(uuid.uuid4())

    def associate(name, value, op="add"):
        return pool.ask("PATCH", f"/v1/nodes/{name}", [{"op": op, "path": "/instance_uuid", "value": value}])[0]

    assert associate("r1-n02", mine) == 200
    assert associate("r1-n02", mine) == 200
    assert associate("r1-n02", other) == 409
    assert associate("r1-n03", mine) == 409
    assert associate("r1-n01", other) == 409
    assert claim(pool, candidate_nodes=["r1-n02"])["state"] == "error"
    assert pool.ask("PATCH", "/v1/nodes/r1-n02", [{"op": "remove", "path": "/instance_uuid"}])[0] == 200
    assert claim(pool, candidate_nodes=["r1-n02"])["state"] == "active"
    assert associate("r1-n02", other) == 409


def test_a_patch_changes_what_it_names_and_is_kept(pool):
    change = [
        {"op": "add", "path": "/extra/metalsmith_created_ports", "value": ["a"]},
        {"op": "add", "path": "/description", "value": "beside the door"},
        {"op": "add", "path": "/properties/colour", "value": "red"},
        {"op": "add", "path": "/protected", "value": True},
    ]
    assert pool.ask("PATCH", "/v1/nodes/r1-n02", change)[0] == 200
    told = pool.get("/v1/nodes/r1-n02")
    assert (told["extra"], told["description"]) == ({"metalsmith_created_ports": ["a"]}, "beside the door")
    assert (told["properties"]["colour"], told["properties"]["memory_mb"], told["protected"]) == ("red", 65536, True)
    undo = [
        {"op": "remove", "path": path} for path in ("/extra/metalsmith_created_ports", "/description", "/protected")
    ]
    assert pool.ask("PATCH", "/v1/nodes/r1-n02", undo)[0] == 200
    told = pool.get("/v1/nodes/r1-n02")
    assert (told["extra"], told["description"], told["protected"]) == ({}, None, False)


@pytest.mark.parametrize(
    "step",
    [
        {"op": "add", "path": "/traits/0", "value": "CUSTOM_X"},
        {"op": "replace", "path": "/provision_state", "value": "active"},
        {"op": "replace", "path": "/driver_info/redfish_password", "value": "x"},
        {"op": "add", "path": "/properties/memory_mb", "value": 1},
        {"op": "add", "path": "/properties/capabilities", "value": "x"},
        {"op": "remove", "path": "/extra/none"},
        {"op": "add", "path": "/extra", "value": []},
        {"op": "add", "path": "/owner", "value": 1},
        {"op": "add", "path": "/protected", "value": "yes"},
        {"op": "move", "path": "/extra", "from": "/owner"},
        {"op": "add", "path": "extra", "value": {}},
        {"op": "add", "path": "/extra/a"},
        {"op": "test", "path": "/owner", "value": "nobody"},
        {"path": "/extra"},
        "x",
    ],
)
def test_what_is_not_a_clients_to_change_is_refused_and_left_alone(served, step):
    before = served.get("/v1/nodes/r1-n02")
    status, _, told = served.ask("PATCH", "/v1/nodes/r1-n02", [step])
    assert (status, bool(said(told))) == (400, True)
    assert served.get("/v1/nodes/r1-n02") == before


@pytest.mark.parametrize(
    ("node", "target"),
    [
        ("r1-n01", "provide"), ("r1-n01", "manage"), ("r1-n02", "provide"), ("r1-n02", "adopt"), ("r1-n02", "active"),
        ("r1-n02", "deleted"), ("r1-n02", "dance"), ("r1-n02", None),
    ],
)  # fmt: skip
def test_a_verb_that_cannot_be_done_is_400_and_says_why(served, node, target):
    status, _, told = served.ask("PUT", f"/v1/nodes/{node}/states/provision", {"target": target})
    assert (status, bool(said(told))) == (400, True)


def test_a_node_that_anneal_is_at_work_on_asks_to_try_again(pool):
    pool.move("r1-n02", "network-ready", "blocked")
    pool.move("r1-n02", "os-install", "transition")
    assert pool.get("/v1/nodes/r1-n02")["provision_state"] == "cleaning"
    assert pool.ask("PUT", "/v1/nodes/r1-n02/states/provision", {"target": "provide"})[0] == 409


def test_vifs_are_kept_one_a_nic_and_go_with_the_claim(pool):
    told = claim(pool, candidate_nodes=["r1-n02"])
    path = "/v1/nodes/r1-n02/vifs"
    assert [pool.ask("POST", path, {"id": one})[0] for one in ("a", "b", "a", "c")] == [204, 204, 409, 400]
    assert pool.ask("POST", "/v1/nodes/r1-n03/vifs", {"id": "a"})[0] == 409
    assert pool.get(path) == {"vifs": [{"id": "a"}, {"id": "b"}]}
    assert [pool.ask("DELETE", f"{path}/{one}")[0] for one in ("a", "a")] == [204, 400]
    pool.ask("DELETE", f"/v1/allocations/{told['uuid']}")
    assert pool.get(path) == {"vifs": []}


def test_the_network_stub_tells_the_addresses_of_a_node(served):
    node = served.get("/v1/nodes/r1-n02")["uuid"]
    assert served.get("/networking/")["versions"][0]["links"][0]["href"] == f"{served.url}/networking/v2.0/"
    first, second = served.get(f"/networking/v2.0/ports?binding:host_id={node}")["ports"]
    assert (first["fixed_ips"][0]["ip_address"].split(".")[2:], second["fixed_ips"]) == (["1", "2"], [])
    told = served.get(f"/networking/v2.0/networks/{first['network_id']}")["network"]
    assert (told["name"], told["id"]) == ("prov", first["network_id"])
    assert served.ask("GET", "/networking/v2.0/networks/none")[0] == 404
