"""A node of a twin brought to network-ready, and handed out over the API by what was really proven of it."""

import http.client
import json
import socket
import subprocess

import pytest

from drivers.virtual.twin import file
from drivers.virtual.twin.twin import Twin
from tests.journeys.conftest import ANNEAL
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

NET, PASSWORD = Net.HANDOFF, "canary-bmc-password"


@pytest.fixture(scope="module")
def api(anneal_on):
    """Asks `anneal serve` over a twin of one proven node: method, path, body; status and JSON."""
    anneal = anneal_on()
    write(anneal.directory, NET, [Server(1)], PASSWORD)
    with Twin(file.load(anneal.directory / "twin.yaml")):
        done = anneal("ready", "rack=r1", "--wait")
        assert done.returncode == 0, done.stdout + done.stderr
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(ANNEAL), "serve", "--api", f"127.0.0.1:{port}"]
        process = subprocess.Popen(
            command, cwd=anneal.directory, env=anneal.whole_environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert any(line.startswith("serving") for line in process.stdout)
            yield lambda *words: ask(port, *words)
        finally:
            process.terminate()
            process.wait(timeout=20)


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"X-OpenStack-Ironic-API-Version": "1.82"})
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, json.loads(told) if told else None


def test_what_was_proven_is_available_and_told_as_it_was_seen(api):
    _, node = api("GET", "/v1/nodes/r1-n01")
    assert (node["provision_state"], node["power_state"], node["maintenance"]) == ("available", "power on", False)
    assert node["properties"]["local_gb"] == 40
    assert node["properties"]["cpus"] > 0
    status, told = api("GET", "/v1/nodes/r1-n01/inventory")
    assert (status, len(told["inventory"]["interfaces"])) == (200, 2)
    assert PASSWORD not in json.dumps([node, told, api("GET", "/v1/nodes/r1-n01/history")])


def test_the_boot_device_is_set_on_the_bmc_and_read_back(api):
    path = "/v1/nodes/r1-n01/management/boot_device"
    assert api("PUT", path, {"boot_device": "pxe", "persistent": False})[0] == 204
    assert api("GET", path) == (200, {"boot_device": "pxe", "persistent": False})
    assert api("PUT", path, {"boot_device": "pxe", "persistent": True})[0] == 400


def test_the_node_is_claimed_switched_off_and_on_and_given_back(api):
    status, told = api("POST", "/v1/allocations", {"resource_class": "baremetal", "name": "mine"})
    assert (status, told["state"]) == (201, "active")
    for target in ("power off", "power on"):
        assert api("PUT", "/v1/nodes/r1-n01/states/power", {"target": target})[0] == 202
        assert api("GET", "/v1/nodes/r1-n01/states")[1]["power_state"] == target
    assert api("POST", "/v1/allocations", {"resource_class": "baremetal"})[1]["state"] == "error"
    assert api("DELETE", "/v1/allocations/mine")[0] == 204
    assert api("GET", "/v1/nodes/r1-n01")[1]["instance_uuid"] is None
