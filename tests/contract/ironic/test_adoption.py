"""Proven nodes go into a real Ironic, once; what is there already, or is another's, stays as it is."""

import json

import pytest

from tests.contract.ironic.conftest import BMC_PASSWORD, NODES, PASSWORD, free_port, settings

pytestmark = pytest.mark.slow


def does(rows):
    return {one["node"]: one["does"] for one in rows}


def _moved(told):
    """Another group, a NIC more, and the cable in another port."""
    node = told["nodes"]["n1"]
    node["groups"] = ["storage"]
    node["nics"].append({"name": "eth2", "mac": "52:54:00:fe:00:01"})
    told["links"][0]["b"] = "sw1:swp3"


def test_without_apply_nothing_is_written(rig):
    code, rows, _ = rig.export()
    assert (code, does(rows), rig.tap.writes) == (0, {"n1": "create", "n2": "create"}, [])
    assert rig.server.ask("GET", "nodes")["nodes"] == []


def test_nodes_are_active_and_a_second_run_changes_nothing(rig, caplog):
    caplog.set_level("DEBUG")
    code, rows, said = rig.export("--apply")
    assert (code, does(rows)) == (0, {"n1": "create", "n2": "create"}), (rows, said)
    assert [BMC_PASSWORD in body for method, path, body in rig.tap.writes].count(True) == len(NODES)
    first = {name: rig.server.node(name) for name in NODES}
    for told in first.values():
        assert (told["provision_state"], told["automated_clean"]) == ("active", None)
        assert told["extra"]["anneal"]["networks"]["prov"]["address"].startswith("10.77.0.1")
        assert told["instance_info"]["image_source"] == f"http://10.77.0.1:8081/images/{'ab' * 32}.raw"
        assert told["traits"] == ["CUSTOM_GROUP_COMPUTE", "CUSTOM_RACK_R1"]
        assert len(rig.server.ask("GET", f"nodes/{told['uuid']}/ports")["ports"]) == 2
    code, rows, _ = rig.export("--apply")
    assert (code, does(rows), rig.tap.writes) == (0, {"n1": "nothing", "n2": "nothing"}, [])
    second = {name: rig.server.node(name)["updated_at"] for name in NODES}
    assert second == {name: told["updated_at"] for name, told in first.items()}
    shown = "\n".join((str(rows), said, *(record.getMessage() for record in caplog.records)))
    assert BMC_PASSWORD not in shown
    assert PASSWORD not in shown


def test_a_changed_node_is_patched_without_its_password_and_no_other_is(rig):
    assert rig.export("--apply")[0] == 0
    before = rig.server.node("n2")["updated_at"]
    rig.server.ask("PUT", "nodes/n1/traits/CUSTOM_THEIRS")
    rig.server.ask("PATCH", "nodes/n1", [{"op": "add", "path": "/extra/theirs", "value": 1}])
    rig.edit(_moved)
    code, rows, _ = rig.export("--apply")
    assert (code, does(rows)) == (0, {"n1": "patch", "n2": "nothing"}), rows
    assert [one["address"] for one in rig.server.ask("GET", "ports")["ports"] if one["address"] == "52:54:00:fe:00:01"]
    assert "local_link_connection stays: the node is active" in str(rows[0]["says"])
    assert BMC_PASSWORD not in json.dumps(rig.tap.sent)
    told = rig.server.node("n1")
    assert told["traits"] == ["CUSTOM_GROUP_STORAGE", "CUSTOM_RACK_R1", "CUSTOM_THEIRS"]
    assert (told["extra"]["theirs"], told["extra"]["anneal"]["groups"]) == (1, ["storage"])
    assert told["driver_info"]["redfish_password"] == "******"
    assert (rig.server.node("n2")["updated_at"], told["provision_state"]) == (before, "active")
    assert does(rig.export("--apply")[1]) == {"n1": "nothing", "n2": "nothing"}


def test_another_password_is_sent_once(rig, monkeypatch):
    assert rig.export("n1", "--apply")[0] == 0
    monkeypatch.setenv("BMC_CANARY", "canary-the-second")
    code, rows, _ = rig.export("n1", "--apply")
    assert (code, does(rows)) == (0, {"n1": "patch"})
    assert "the BMC's password" in rows[0]["says"]
    assert [("canary-the-second" in body) for _, _, body in rig.tap.writes] == [True]
    assert does(rig.export("n1", "--apply")[1]) == {"n1": "nothing"}


def test_a_node_of_somebody_else_is_never_touched_and_the_others_go_on(rig):
    theirs = rig.server.ask("POST", "nodes", {"name": "n1", "driver": "fake-hardware"})
    code, rows, _ = rig.export("--apply")
    assert (code, does(rows)) == (3, {"n1": "refuse", "n2": "create"})
    assert theirs["uuid"] in rows[0]["says"][0]
    assert rig.server.node("n1") == theirs
    assert rig.server.node("n2")["provision_state"] == "active"


def test_a_mac_of_somebody_elses_node_stays_his(rig):
    (mac,) = [one["mac"] for one in rig.site()["nodes"]["n1"]["nics"] if one["name"] == "eth1"]
    theirs = rig.server.ask("POST", "nodes", {"name": "theirs", "driver": "fake-hardware"})
    rig.server.ask("POST", "ports", {"node_uuid": theirs["uuid"], "address": mac})
    code, rows, _ = rig.export("n1", "--apply")
    assert (code, does(rows), rig.tap.writes) == (3, {"n1": "refuse"}, [])
    assert f"another node has the MAC {mac}: {theirs['uuid']}" in rows[0]["says"]


def test_what_was_broken_off_goes_on_where_it_stood(rig):
    code, rows, _ = rig.export("n1", "--apply", ca="system")  # the twins' certificates are of no CA
    assert (code, does(rows)) == (3, {"n1": "failed"})
    assert "manage: it is enroll in Ironic" in rows[0]["says"][0]
    assert BMC_PASSWORD not in json.dumps(rows)
    assert rig.server.node("n1")["automated_clean"] is False
    code, rows, _ = rig.export("n1", "--apply")
    assert (code, does(rows)) == (0, {"n1": "patch"})
    assert (rig.server.node("n1")["provision_state"], rig.server.node("n1")["automated_clean"]) == ("active", None)


def test_a_node_that_ironic_went_on_with_is_left_to_it(rig):
    rig.export("n1", "--apply", ca="system")
    found = [{"op": "add", "path": "/driver_info/redfish_verify_ca", "value": False}]
    rig.server.ask("PATCH", "nodes/n1", found)
    for verb, state in (("manage", "manageable"), ("provide", "available")):
        rig.server.ask("PUT", "nodes/n1/states/provision", {"target": verb})
        assert rig.reaches("n1", state)
    code, rows, _ = rig.export("n1", "--apply")
    assert (code, does(rows), rig.tap.writes) == (0, {"n1": "leave"}, [])


def test_a_node_that_is_not_proven_now_stays_out_and_is_named(rig):
    rig.edit(lambda told: told["nodes"]["n2"].update(unit=7), "n1")
    code, rows, said = rig.export("--apply")
    assert (code, does(rows)) == (5, {"n1": "create"})
    assert "n2 is left out: " in said
    assert [one["name"] for one in rig.server.ask("GET", "nodes")["nodes"]] == ["n1"]


def test_a_wrong_login_is_denied(rig, monkeypatch, tmp_path):
    settings(monkeypatch, tmp_path, rig.tap.url, "wrong-canary")
    code, rows, said = rig.export("--apply")
    assert (code, rows, rig.tap.writes) == (77, [], [])
    assert "check the login in clouds.yaml" in said
    assert "wrong-canary" not in said


def test_where_nobody_answers_it_says_so(rig, monkeypatch, tmp_path):
    settings(monkeypatch, tmp_path, f"http://127.0.0.1:{free_port()}", PASSWORD)
    code, rows, said = rig.export("--apply")
    assert (code, rows) == (69, [])
    assert said.count("\n") == 1


def test_a_cloud_that_nobody_knows_is_one_clear_error(rig):
    code, rows, said = rig.export("--cloud", "nowhere")
    assert (code, rows) == (1, [])
    assert "check clouds.yaml, --cloud" in said
