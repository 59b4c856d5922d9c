"""Switches in a rack file: what is wrong is named with its line; their faults are switched like those of machines."""

import http.client
import json

import pytest
import yaml

from drivers.virtual import rackfile
from drivers.virtual.twin import process
from drivers.virtual.twin.file import load
from drivers.virtual.twin.switches import switched
from inventory.errors import BadInventory

LEAF = {
    "name": "leaf1", "family": "eos", "user": "admin", "password": "s3cret",
    "ports": ["Ethernet1", "Ethernet2"], "uplinks": ["Ethernet49/1"], "vlans": {100: "provisioning"},
}  # fmt: skip


@pytest.fixture
def rack(tmp_path, machine_of, subnet):
    def write(cable="leaf1:Ethernet1", networks=None, **more):
        machine = machine_of(1)
        machine["nics"][0]["cable"] = cable
        spec = {
            "kind": "twin",
            "name": "r1",
            "boot": {"http": f"http://{subnet}.250:18080/boot/{{mac}}"},
            "networks": networks or {"provisioning": {"vlan": 100}},
            "machines": [machine],
            "switches": [{**LEAF, "address": f"{subnet}.200:8443", **more}],
        }
        path = tmp_path / "twin.yaml"
        path.write_text(yaml.safe_dump(spec, sort_keys=False))
        return path

    return write


def test_a_file_names_a_switch_and_its_faults(rack):
    spec = load(rack(faults=["F33", "F36.confirm@5"]))
    assert [str(fault) for fault in spec.switches[0].faults] == ["F33.confirmed", "F36.confirmx1@5"]
    assert spec.model_validate(spec.model_dump(mode="json")) == spec
    assert "s3cret" not in repr(spec)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cable": "leaf1:Ethernet7"}, "the switch leaf1 has no port Ethernet7"),
        ({"networks": {"provisioning": {}}}, "it leads to the driven switch leaf1"),
        ({"family": "vax"}, "switches.0.family"),
        ({"password": None}, "give either password or password_file"),
        ({"vlans": {4095: "x"}}, "4095 is no VLAN"),
        ({"faults": ["F20"]}, "F20: no such fault of a simulated switch"),
        ({"faults": ["F33.loudly"]}, "F33 knows no loudly"),
        ({"family": "nxos", "faults": ["F34"]}, "F34.open: NX-API knows no candidate on nxos"),
        ({"family": "ios", "faults": ["F34.open"]}, "its command line knows no candidate on ios"),
        ({"address": "127.0.0.9"}, "has no port"),
    ],
)
def test_what_is_wrong_with_a_switch_is_named_with_its_line(rack, more, says):
    path = rack(**more)
    with pytest.raises(BadInventory) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert says in problem.says
    assert (problem.place.file, problem.place.line > 3) == (str(path), True)


def test_a_fault_is_for_one_switch_or_for_all_of_them(rack):
    spec = switched(load(rack()), [], ["leaf1:F5", "F35", "F6"])
    assert [str(one) for one in spec.switches[0].faults] == ["F5x1", "F35"]
    assert [str(one) for one in spec.machines[0].faults] == ["F6x1"]
    with pytest.raises(BadInventory, match="no machine leaf9"):
        switched(load(rack()), [], ["leaf9:F35"])


def test_switches_are_looked_at_and_made_ill_from_another_process(rack, tmp_path):
    state = tmp_path / "state"
    said = []
    process.up(rackfile.read(rack()), state, said.append, faults=["leaf1:F35"])
    try:
        assert said == ["r1: 1 machines and their BMCs, 1 switches, in one process"]

        def door(method, path):
            link = http.client.HTTPConnection(process.running(state).admin, timeout=10)
            link.request(method, path)
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())

        status, told = door("GET", "/switches/leaf1")
        assert (status, told["faults"], told["heard"], told["saved"]) == (200, ["F35"], [], True)
        assert told["ports"]["Ethernet1"]["untagged"] == 1
        assert door("DELETE", "/switches/leaf1/faults/F35")[1]["faults"] == []
        assert door("PUT", "/switches/leaf1/faults/F34")[1]["sessions"] == ["change-4711"]
        assert door("PUT", "/switches/leaf1/faults/F20")[0] == 404
        assert door("GET", "/switches/leaf9")[0] == 404
    finally:
        process.down("r1", state)
