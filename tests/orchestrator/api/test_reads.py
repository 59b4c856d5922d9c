"""Versions, lists, one node, its parts, and errors: on the wire."""

import http.client
import json
import uuid

import pytest

from orchestrator.store import now

NODES = [f"r1-n0{number}" for number in range(1, 7)]


def said(told) -> str:
    """The sentence in an error, which is JSON within JSON."""
    return json.loads(told["error_message"])["faultstring"]


def test_discovery_tells_the_range_of_versions_without_a_version_header(served):
    for path in ("/", "/v1", "/v1/"):
        status, headers, told = served.ask("GET", path, minor=None)
        assert status == 200
        version = told.get("default_version") or told["version"]
        assert (version["id"], version["min_version"], version["version"]) == ("v1", "1.1", "1.82")
        assert headers["x-openstack-ironic-api-minimum-version"] == "1.1"
        assert headers["x-openstack-ironic-api-maximum-version"] == "1.82"


@pytest.mark.parametrize("asked", ["1.83", "1.0", "2.1", "1.x", "one", ""])
def test_a_version_that_is_not_spoken_is_406_with_the_range(served, asked):
    status, headers, told = served.ask("GET", "/v1/nodes", minor=None, **{"X-OpenStack-Ironic-API-Version": asked})
    assert status == 406
    assert (headers["x-openstack-ironic-api-minimum-version"], headers["x-openstack-ironic-api-maximum-version"]) == (
        "1.1", "1.82",
    )  # fmt: skip
    assert "not supported" in said(told)


def test_latest_is_the_highest_and_no_header_the_lowest(served):
    _, headers, _ = served.ask("GET", "/v1/nodes", minor=None, **{"X-OpenStack-Ironic-API-Version": "latest"})
    assert headers["x-openstack-ironic-api-version"] == "1.82"
    _, headers, told = served.ask("GET", "/v1/nodes", minor=None)
    assert headers["x-openstack-ironic-api-version"] == "1.1"
    assert "name" not in told["nodes"][0]


def test_every_answer_has_a_request_id_of_its_own(served):
    seen = {served.ask("GET", path)[1]["x-openstack-request-id"] for path in ("/v1/nodes", "/v1/nodes/none", "/none")}
    assert len(seen) == 3
    assert all(one.startswith("req-") and uuid.UUID(one[4:]) for one in seen)


def test_a_list_has_six_fields_a_node_and_links(served):
    (first, *_) = served.get("/v1/nodes")["nodes"]
    wanted = {"uuid", "instance_uuid", "maintenance", "power_state", "provision_state", "name", "links"}
    assert set(first) == wanted


def test_a_node_is_the_same_by_name_by_uuid_and_by_its_own_links(served):
    by_name = served.get("/v1/nodes/r1-n02")
    paths = [one["href"].removeprefix(served.url) for one in by_name["links"]]
    assert paths == [f"/v1/nodes/{by_name['uuid']}", f"/nodes/{by_name['uuid']}"]
    assert [served.get(path) for path in paths] == [by_name, by_name]
    assert by_name["driver_info"]["redfish_password"] == "******"
    assert by_name["properties"] == {
        "cpus": 16, "memory_mb": 65536, "local_gb": 480, "vendor": "Twin", "capabilities": "boot_mode:uefi",
    }  # fmt: skip


def test_the_secret_of_a_bmc_is_in_no_answer_and_in_no_log(served):
    told = [served.ask("GET", path)[2] for path in ("/v1/nodes/detail", "/v1/nodes/r1-n02", "/v1/nodes/r1-n02/history")]
    assert "canary-bmc-password" not in json.dumps(told) + served.log.read_text()
    assert "CANARY_BMC" not in json.dumps(told)


def test_fields_older_versions_do_not_know_are_left_out(served):
    assert {"resource_class", "traits", "owner", "shard"} <= set(served.get("/v1/nodes/r1-n02"))
    assert not {"resource_class", "traits", "owner", "shard", "name"} & set(served.get("/v1/nodes/r1-n02", minor=1))
    assert "traits" not in served.get("/v1/nodes/r1-n02", minor=36)


@pytest.mark.parametrize(
    ("path", "minor", "status"),
    [
        ("/v1/nodes?fields=zzz", 82, 400),
        ("/v1/nodes?fields=owner", 49, 406),
        ("/v1/nodes?owner=me", 49, 406),
        ("/v1/nodes?provision_state=sideways", 82, 400),
        ("/v1/nodes?maintenance=perhaps", 82, 400),
        ("/v1/nodes?limit=0", 82, 400),
        ("/v1/nodes?limit=x", 82, 400),
        ("/v1/nodes?limit=-1", 82, 400),
        ("/v1/nodes?sort_key=extra", 82, 400),
        ("/v1/nodes?sort_dir=up", 82, 400),
        ("/v1/nodes?marker=none", 82, 404),
        ("/v1/nodes?colour=red", 82, 400),
        ("/v1/nodes/detail?fields=uuid", 82, 400),
        ("/v1/nodes/none", 82, 404),
        ("/v1/nodes/r1-n02/inventory", 82, 404),
        ("/v1/nodes/r1-n02/inventory", 80, 404),
        ("/v1/nodes/r1-n02/traits", 36, 404),
        ("/v1/drivers/none", 82, 404),
        ("/v1/conductors/none", 82, 404),
        ("/v1/ports/none", 82, 404),
        ("/v1/ports?node=none", 82, 404),
        ("/v1/nothing", 82, 404),
    ],
)
def test_what_makes_no_sense_is_refused_in_the_clients_form(served, path, minor, status):
    got, _, told = served.ask("GET", path, minor=minor)
    assert (got, bool(said(told))) == (status, True)


def test_pages_follow_one_another_to_the_end(served):
    path, names, pages = "/v1/nodes?limit=4&fields=name,uuid", [], 0
    while path:
        told = served.get(path)
        names += [one["name"] for one in told["nodes"]]
        path, pages = told.get("next", "").removeprefix(served.url), pages + 1
    assert (names, pages) == (NODES, 2)


def test_a_full_last_page_has_a_next_that_is_empty(served):
    told = served.get("/v1/nodes?limit=6")
    assert served.get(told["next"].removeprefix(served.url)) == {"nodes": []}


def test_order_is_by_what_is_asked_for(served):
    told = served.get("/v1/nodes?sort_key=name&sort_dir=desc")["nodes"]
    assert [one["name"] for one in told] == NODES[::-1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("provision_state=enroll", NODES[:1]),
        ("provision_state=available", NODES[1:]),
        ("associated=True", []),
        ("associated=false", NODES),
        ("maintenance=False", NODES),
        ("resource_class=baremetal", NODES),
        ("resource_class=gold", []),
        ("driver=ipmi", []),
        ("shard=a", []),
        ("sharded=false", NODES),
        ("owner=nobody", []),
        ("conductor_group=", NODES),
    ],
)
def test_filters_hold(served, query, wanted):
    assert [one["name"] for one in served.get(f"/v1/nodes?{query}")["nodes"]] == wanted


def test_ports_are_the_nics_of_the_inventory_with_the_far_end_of_their_cables(served):
    told = served.get("/v1/ports/detail?node=r1-n02")["ports"]
    assert [one["pxe_enabled"] for one in told] == [True, False]
    cable = {"switch_id": "00:00:00:00:00:00", "switch_info": "r1-sw1", "port_id": "swp2"}
    assert [one["local_link_connection"] for one in told] == [cable, {}]
    assert served.get(f"/v1/ports/{told[0]['uuid']}")["address"] == told[0]["address"]
    assert len(served.get(f"/v1/ports?address={told[0]['address'].upper()}")["ports"]) == 1
    assert len(served.get("/v1/ports")["ports"]) == 12


def test_a_bond_is_a_portgroup_of_its_members(served):
    (group,) = served.get("/v1/portgroups/detail?node=r1-n06")["portgroups"]
    assert (group["mode"], group["node_uuid"]) == ("active-backup", served.get("/v1/nodes/r1-n06")["uuid"])
    members = served.get(f"/v1/portgroups/{group['uuid']}/ports")["ports"]
    assert len(members) == 2
    assert served.get("/v1/nodes/r1-n02/portgroups")["portgroups"] == []


def test_the_states_are_those_of_the_node(served):
    node, states = served.get("/v1/nodes/r1-n02"), served.get("/v1/nodes/r1-n02/states")
    assert states == {name: node[name] for name in states}
    assert (states["provision_state"], states["power_state"]) == ("available", "power on")
    assert "boot_mode" not in served.get("/v1/nodes/r1-n02/states", minor=74)


def test_validation_says_of_an_unproven_node_what_it_lacks(served):
    fine, lacking = (served.get(f"/v1/nodes/{name}/validate") for name in ("r1-n02", "r1-n01"))
    assert [fine[name]["result"] for name in ("boot", "deploy", "power")] == [True] * 3
    assert lacking["deploy"]["result"] is False
    assert lacking["deploy"]["reason"]


def test_a_broken_baseline_takes_the_node_out_and_names_role_and_event(served):
    event = served.move("r1-n03", "time-sync", "drifted", "the clock is 9 s behind")
    told = served.get("/v1/nodes/r1-n03")
    assert (told["provision_state"], told["maintenance"]) == ("manageable", True)
    assert told["maintenance_reason"] == f"its baseline is broken: time-sync: the clock is 9 s behind (event {event})"
    shown = served.get("/v1/nodes/r1-n03/history?detail=true")["history"]
    assert shown[-1]["event"] == "time-sync: the clock is 9 s behind"
    assert served.get(f"/v1/nodes/r1-n03/history/{shown[-1]['uuid']}")["severity"] == "ERROR"
    served.move("r1-n03", "time-sync", "active", expires=now().timestamp() + 600)
    back = served.get("/v1/nodes/r1-n03")
    assert (back["provision_state"], back["maintenance"], back["fault"]) == ("available", False, None)


def test_maintenance_is_kept_with_its_reason_and_who_set_it_is_in_the_log(served):
    status, headers, _ = served.ask("PUT", "/v1/nodes/r1-n04/maintenance", {"reason": "a fan is loud"})
    assert status == 202
    told = served.get("/v1/nodes/r1-n04")
    assert (told["maintenance"], told["maintenance_reason"]) == (True, "a fan is loud")
    last = [one.event for one in served.store.events(node="r1-n04")][-1]
    assert last.data["request"] == headers["x-openstack-request-id"]
    assert (last.kind, last.data["actor"]) == ("handoff.maintenance", "anybody")
    assert served.ask("DELETE", "/v1/nodes/r1-n04/maintenance")[0] == 202
    assert served.get("/v1/nodes/r1-n04")["maintenance"] is False


def test_what_git_declares_is_not_changed_here(served):
    for method, path in (("POST", "/v1/nodes"), ("DELETE", "/v1/nodes/r1-n02"), ("POST", "/v1/ports")):
        status, _, told = served.ask(method, path, {} if method == "POST" else None)
        assert (status, "inventory" in said(told)) == (400, True)


@pytest.mark.parametrize("body", ["{", "[1]", '"x"'])
def test_a_body_that_is_no_object_is_refused(served, body):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("PUT", "/v1/nodes/r1-n02/traits", body, {"X-OpenStack-Ironic-API-Version": "1.82"})
    answer = connection.getresponse()
    assert (answer.status, bool(said(json.loads(answer.read())))) == (400, True)


def test_a_bmc_that_does_not_answer_is_a_conflict_that_names_no_address(served):
    status, _, told = served.ask("GET", "/v1/nodes/r1-n02/management/boot_device")
    assert (status, "does not answer" in said(told)) == (409, True)
    assert "127." not in said(told)
