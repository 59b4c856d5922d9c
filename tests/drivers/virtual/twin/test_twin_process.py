"""A twin in the background leaves nothing behind, and its counters and faults are reached from another process."""

import http.client
import json
import os
import signal

import pytest
import yaml

from drivers.virtual import rackfile
from drivers.virtual.errors import InTheWay, NotStarted
from drivers.virtual.twin import process


@pytest.fixture
def document(tmp_path, machine_of, subnet):
    def write(*machines):
        spec = {
            "kind": "twin",
            "name": "r1",
            "boot": {"http": f"http://{subnet}.250:18080/boot/{{mac}}"},
            "machines": list(machines) or [machine_of(1)],
        }
        (tmp_path / "twin.yaml").write_text(yaml.safe_dump(spec))
        return rackfile.read(tmp_path / "twin.yaml")

    return write


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "rack"
    yield directory
    process.down("r1", directory)


def up(document, state):
    said = []
    process.up(document, state, said.append)
    return said


def door(state, method, path):
    link = http.client.HTTPConnection(process.running(state).admin, timeout=10)
    link.request(method, path)
    answer = link.getresponse()
    told = json.loads(answer.read())
    link.close()
    return answer.status, told


def test_up_status_down_and_nothing_is_left(document, state):
    assert up(document(), state) == ["r1: 1 machines and their BMCs, in one process"]
    running = process.running(state)
    status = process.status("r1", state)
    assert (status.kind, status.up, status.services) == ("twin", True, {"twin": running.pid})
    assert [(machine.name, machine.power, machine.bmc_pid) for machine in status.machines] == [
        ("n1", "off", running.pid)
    ]
    process.down("r1", state)
    assert not running.lives()
    assert not state.exists()
    process.down("r1", state)


def test_counters_and_faults_are_reached_from_another_process(document, state):
    up(document(), state)
    assert door(state, "PUT", "/machines/n1/faults/bmc-unreachable")[0] == 200
    status, told = door(state, "GET", "/machines/n1")
    assert (status, told["faults"], told["power_actions"], told["writes"]) == (200, ["bmc-unreachable"], 0, [])
    assert door(state, "DELETE", "/machines/n1/faults/bmc-unreachable")[1]["faults"] == []
    assert door(state, "PUT", "/machines/n1/faults/gremlins")[0] == 404
    assert door(state, "GET", "/machines/n9")[0] == 404
    assert set(door(state, "GET", "/machines")[1]) == {"n1"}


def test_a_rack_that_is_up_is_not_brought_up_twice(document, state):
    up(document(), state)
    before = process.running(state)
    with pytest.raises(InTheWay, match="is up"):
        up(document(), state)
    assert process.running(state) == before


def test_a_killed_twin_is_seen_as_down_and_cleared_away(document, state, within):
    up(document(), state)
    running = process.running(state)
    os.kill(running.pid, signal.SIGKILL)
    within(lambda: not running.lives())
    assert not process.status("r1", state).up
    process.down("r1", state)
    assert not state.exists()


def test_a_pid_that_another_process_has_now_is_left_alone(document, state):
    state.mkdir()
    (state / "anneal-rack.yaml").write_text("kind: twin\n")
    mine = process.Process(os.getpid(), process.began(os.getpid()) - 1, "127.0.0.1:1")
    (state / "twin.json").write_text(json.dumps(vars(mine)))
    process.down("r1", state)
    assert not state.exists()


def test_a_twin_that_cannot_listen_says_where_and_leaves_nothing(document, state, machine_of, tmp_path, subnet):
    up(document(), state)
    second = document(machine_of(1) | {"name": "n2"})
    with pytest.raises(NotStarted, match="address already in use"):
        process.up(second, tmp_path / "second", lambda _: None)
    assert not (tmp_path / "second").exists()


def test_a_directory_that_is_no_racks_is_not_touched(document, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(InTheWay, match="something else"):
        up(document(), other)
    with pytest.raises(InTheWay, match="something else"):
        process.down("r1", other)
    assert (other / "thesis.txt").exists()


def test_quirks_and_numbered_faults_are_switched_from_another_process(document, state):
    up(document(), state)
    assert door(state, "PUT", "/machines/n1/quirks/62")[1]["quirks"] == [62]
    assert door(state, "PUT", "/machines/n1/faults/F20x2")[1]["faults"] == ["F20x2"]
    assert door(state, "DELETE", "/machines/n1/quirks/62")[1]["quirks"] == []
    assert door(state, "DELETE", "/machines/n1/faults/F20")[1]["faults"] == []
    assert door(state, "PUT", "/machines/n1/quirks/5000")[0] == 404
