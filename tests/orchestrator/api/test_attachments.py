"""Which interface a VIF is put on, by which of its networks, and untagged or not; over the wire, on driven switches."""

import http.client
import json
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import yaml
from sqlalchemy import insert

from inventory.load import load
from orchestrator.annealer import Annealer
from orchestrator.api.server import Listening
from orchestrator.image.store import ImageStore
from orchestrator.vifs import VIF
from tests.orchestrator.api.conftest import document, free_ports, seed

NODE, BONDED = "r1-n02", "r1-n03"
OLD = {"image_source": "http://10.0.0.1/i.raw", "image_checksum": "0" * 64}


@dataclass
class Handed:
    """An API over a seeded site in which two networks are offered."""

    works: Annealer
    port: int

    def ask(self, method: str, path: str, body=None):
        """Status, JSON, and what an error says."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request(method, path, json.dumps(body), {"X-OpenStack-Ironic-API-Version": "1.82"})
        answer = link.getresponse()
        raw = answer.read()
        link.close()
        told = json.loads(raw) if raw else {}
        says = json.loads(told["error_message"])["faultstring"] if "error_message" in told else ""
        return answer.status, told, says

    def attach(self, node: str, vif: str, **beside: str):
        code, _, says = self.ask("POST", f"/v1/nodes/{node}/vifs", {"id": vif, **beside})
        return code, says

    def vifs(self, node: str):
        told = self.ask("GET", f"/v1/nodes/{node}/vifs")[1]["vifs"]
        return {one["id"]: (one["network"], one["interface"], one["tagged"]) for one in told}

    def uuid(self, what: str, node: str, name: str) -> str:
        for one in self.ask("GET", f"/v1/nodes/{node}/{what}?detail=true")[1][what]:
            if name in (one["extra"].get("name"), one.get("name")):
                return one["uuid"]
        raise AssertionError(name)


@pytest.fixture
def handed(tmp_path):
    """r1-n02: two NICs, of which the first is cabled; r1-n03: a bond of two."""
    told = document(90, 3)
    told["networks"]["prov"]["vlan"] = 100
    told["networks"] |= {
        "blue": {"prefix": "10.90.1.0/24", "vlan": 310, "tenants": True},
        "blue6": {"prefix": "fd00:90::/64", "vlan": 310, "tenants": True},
        "green": {"prefix": "10.90.2.0/24", "vlan": 320, "tenants": True},
    }
    login = {"family": "linux", "address": "127.90.3.1", "user": "a", "key": "file:id"}
    told["switches"]["r1-sw1"]["management"] = login
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    works = Annealer(load(tmp_path / "site"), tmp_path / "site", tmp_path / "state")
    seed(works.store, list(told["nodes"]))
    with ExitStack() as stack:
        port = free_ports(1)[0]
        listening = Listening.at(f"127.0.0.1:{port}", None, None, tls=False)
        stack.enter_context(listening.serve(works, ImageStore(tmp_path / "images")))
        yield Handed(works, port)


def test_the_interface_that_is_cabled_to_a_driven_switch_goes_first(handed):
    assert [handed.attach(NODE, one)[0] for one in ("green@1", "blue@1", "blue@2")] == [204, 204, 400]
    assert handed.vifs(NODE) == {"green@1": ("green", "eth0", False), "blue@1": ("blue", "eth1", False)}


def test_a_nic_in_a_bond_stands_for_the_bond(handed):
    assert handed.attach(BONDED, "blue@1", port_uuid=handed.uuid("ports", BONDED, "eth1")) == (204, "")
    group = handed.uuid("portgroups", BONDED, f"{BONDED}-bond0")
    assert handed.attach(BONDED, "x", network="green", portgroup_uuid=group) == (204, "")
    assert handed.vifs(BONDED) == {"blue@1": ("blue", "bond0", False), "x": ("green", "bond0", True)}


def test_what_is_tagged_stays_so_when_the_untagged_one_goes(handed):
    eth0 = handed.uuid("ports", NODE, "eth0")
    assert [handed.attach(NODE, one, port_uuid=eth0)[0] for one in ("blue@1", "green@1")] == [204, 204]
    assert handed.ask("DELETE", f"/v1/nodes/{NODE}/vifs/blue@1")[0] == 204
    assert handed.attach(NODE, "blue@2", port_uuid=eth0) == (204, "")
    assert handed.vifs(NODE) == {"green@1": ("green", "eth0", True), "blue@2": ("blue", "eth0", False)}


def test_both_families_of_one_wire_are_one_vif(handed):
    eth0 = handed.uuid("ports", NODE, "eth0")
    assert handed.attach(NODE, "blue@1", port_uuid=eth0) == (204, "")
    assert handed.attach(NODE, "blue6@1", port_uuid=eth0)[0] == 409


def test_a_network_is_named_by_its_uuid_too(handed):
    told = handed.ask("GET", "/networking/v2.0/networks")[1]["networks"]
    uuids = {one["name"]: one["id"] for one in told}
    assert handed.attach(NODE, uuids["green"]) == (204, "")
    assert handed.attach(BONDED, f"{uuids['green']}@b") == (204, "")
    assert handed.attach(NODE, f"{uuids['prov']}@b")[0] == 400
    assert handed.vifs(BONDED) == {f"{uuids['green']}@b": ("green", "bond0", False)}


def test_a_vif_that_was_kept_when_it_meant_nothing_is_to_be_replaced_before_a_deploy(handed):
    with handed.works.store.begin() as connection:
        connection.execute(insert(VIF).values(id="old", node=NODE))
    patch = [{"op": "add", "path": "/instance_info", "value": OLD}]
    assert handed.ask("PATCH", f"/v1/nodes/{NODE}", patch)[0] == 200
    code, _, says = handed.ask("PUT", f"/v1/nodes/{NODE}/states/provision", {"target": "active"})
    assert (code, says) == (400, "VIF old names no network. Detach it, and attach one of: blue, blue6, green.")
    assert handed.ask("GET", f"/v1/nodes/{NODE}")[1]["provision_state"] == "available"
