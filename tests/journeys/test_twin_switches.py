"""A rack whose switches are driven: from powered off to network-ready by the ports that each phase wants, through a
kill amid a commit, and no further where a switch did silently not do it."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from drivers.virtual.twin import process
from tests.journeys.conftest import ANNEAL, Command
from tests.journeys.small_rack import Net, Server, write

pytestmark = pytest.mark.slow

PASSWORD = "canary-switch-password"
WAIT = 300.0
SERVERS = [Server(1), Server(2)]
SPARE, UPLINK = "Ethernet9", "Ethernet49/1"
PROVISIONING, STORAGE, STRANGE = 100, 200, 300
APART = """hostname r1-sw2
vlan 1
vlan 300
vlan 301
interface Ethernet1
   switchport access vlan 300
interface Ethernet2
   switchport access vlan 301
interface Ethernet9
interface Ethernet49/1
   switchport mode trunk
"""


@dataclass(frozen=True)
class Rack:
    """The command, and the twin in a process of its own."""

    anneal: Command
    state: Path
    families: tuple[str, str]

    def door(self, method: str, path: str) -> dict[str, object]:
        running = process.running(self.state)
        assert running is not None
        link = http.client.HTTPConnection(running.admin, timeout=10)
        link.request(method, path)
        answer = link.getresponse()
        assert answer.status == 200, f"{path}: {answer.status}"
        return json.loads(answer.read())

    def switch(self, number: int = 1) -> dict[str, object]:
        return self.door("GET", f"/switches/r1-sw{number}")

    def vlans(self) -> dict[str, list[int]]:
        """Where each node's ports lead, switch by switch."""
        both = [(self.switch(number)["ports"], PORTS[family]) for number, family in enumerate(self.families, 1)]
        return {one.name: [ports[f"{begin}{one.number}"]["untagged"] for ports, begin in both] for one in SERVERS}

    def machine(self, name: str) -> dict[str, object]:
        return self.door("GET", f"/machines/{name}")

    def ready(self) -> "subprocess.CompletedProcess[str]":
        return self.anneal("ready", "r1", "--wait", within=WAIT)

    def states(self, role: str) -> dict[str, str]:
        rows = self.anneal.told("status", "--roles")
        return {row["node"]: row["state"] for row in rows if row["role"] == role}


# How a family names its ports, up to their number.
PORTS = {"eos": "Ethernet", "ios": "TwentyFiveGigE1/0/", "nxos": "Ethernet1/"}


def named(text: str, families: tuple[str, str]) -> dict[str, object]:
    for number, family in enumerate(families, 1):
        text = text.replace(f"r1-sw{number}:swp", f"r1-sw{number}:{PORTS[family]}")
    return yaml.safe_load(text)


def drive(directory: Path, net: int, families: tuple[str, str]) -> None:
    """Both switches of a small rack by their families' own languages, their networks by VLANs."""
    site = named((directory / "site" / "site.yaml").read_text(), families)
    twin = named((directory / "twin.yaml").read_text(), families)
    for told in (site, twin):
        told["networks"]["provisioning"]["vlan"] = PROVISIONING
        told["networks"]["storage"]["vlan"] = STORAGE
    twin["switches"] = []
    for (number, (name, one)), family in zip(enumerate(site["switches"].items(), 1), families, strict=True):
        begin = PORTS[family]
        spare, uplink = SPARE.replace("Ethernet", begin), UPLINK.replace("Ethernet", begin)
        there = [port.replace("swp", begin) for port in one["ports"]]
        one |= {"serial": f"SW-{number}", "ports": [*there, spare, uplink], "uplinks": [uplink]}
        login = {"family": family, "address": f"127.{net}.2.{number}:8443", "user": "admin"}
        one["management"] = {**login, "password": "file:secrets/bmc"}
        own = {"name": name, "serial": f"SW-{number}", "password_file": "site/secrets/bmc"}
        ports = {"ports": [*there, spare], "uplinks": [uplink]}
        twin["switches"].append({**own, **login, **ports})
    (directory / "apart.cfg").write_text(APART)
    if families[1] == "eos":
        twin["switches"][1]["config"] = "apart.cfg"
    (directory / "site" / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    (directory / "twin.yaml").write_text(yaml.safe_dump(twin, sort_keys=False))


@pytest.fixture
def rack_with(anneal_on, request) -> Iterator[object]:
    """Brought up by the command, with these faults."""
    up = []

    def bring(net: int, *faults: str, families: tuple[str, str] = ("eos", "eos")) -> Rack:
        anneal = anneal_on()
        write(anneal.directory, net, SERVERS, PASSWORD)
        drive(anneal.directory, net, families)
        words = [word for fault in faults for word in ("--fault", fault)]
        state = anneal.directory / "rack"
        done = anneal("rack", "up", "--twin", str(anneal.directory / "twin.yaml"), "--state", str(state), *words)
        assert done.returncode == 0, done.stderr
        up.append((anneal, net, state))
        return Rack(anneal, state, families)

    yield bring
    for anneal, net, state in up:
        assert anneal("rack", "down", f"lab{net}", "--state", str(state)).returncode == 0


def killed_amid(anneal: Command, met) -> None:
    """Start `ready`, and kill it once this is so."""
    child = subprocess.Popen(
        [ANNEAL, "ready", "r1", "--wait"], env=os.environ | dict(anneal.environment), cwd=anneal.directory,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + WAIT
    try:
        while not met():
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < end, f"not within {WAIT:.0f} s"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_from_powered_off_to_network_ready_through_a_kill_amid_a_commit(rack_with):
    rack = rack_with(Net.SWITCHES, "r1-sw1:F33.path")  # not reached while a commit waits: the kill meets just that
    killed_amid(rack.anneal, lambda: rack.switch()["timed"] is not None)
    left = rack.switch()["timed"]
    assert left.startswith("anneal-")
    assert rack.machine("r1-n01")["boots"] == []
    rack.door("DELETE", "/switches/r1-sw1/faults/F33.path")

    done = rack.ready()
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (1, 2):
        told = rack.switch(number)
        assert (told["sessions"], told["timed"], told["saved"]) == ([], None, True)
        changed = {line for line in told["heard"] if line.startswith("interface ")}
        assert changed == {"interface Ethernet1", "interface Ethernet2"}
    assert f"configure session {left} abort" in rack.switch()["heard"]
    assert rack.vlans() == {server.name: [PROVISIONING, STORAGE] for server in SERVERS}
    for role in ("ports-provision", "cabling", "ports-ready", "host-network", "network-ready"):
        assert rack.states(role) == dict.fromkeys(("r1-n01", "r1-n02"), "active"), role
    for name in ("r1-n01", "r1-n02"):
        machine = rack.machine(name)
        assert (machine["installs"], machine["complaints"]) == (1, [])
    again = len(rack.switch()["heard"])
    assert rack.ready().returncode == 0
    assert not [line for line in rack.switch()["heard"][again:] if line.startswith("configure")]


def test_nothing_boots_where_a_commit_silently_goes_back(rack_with):
    rack = rack_with(Net.SWITCH_GOES_BACK, "r1-sw1:F33")
    done = rack.ready()
    assert done.returncode != 0
    told = rack.switch()
    assert (told["sessions"], told["timed"], told["saved"]) == ([], None, True)
    assert {one["untagged"] for one in told["ports"].values()} == {1}
    assert set(rack.states("ports-provision").values()) <= {"error", "blocked", "todo"}
    assert [rack.machine(name)["boots"] for name in ("r1-n01", "r1-n02")] == [[], []]
    why = rack.anneal("why", "r1-n01").stdout
    assert re.search(r"r1-sw1|127\.48\.2\.1", why), why
    assert PASSWORD not in done.stdout + done.stderr + why


def test_ports_that_a_switch_shows_and_did_not_set_are_found_by_the_proof_of_the_network(rack_with):
    rack = rack_with(Net.SWITCH_LIES, "r1-sw2:F17.hardware")
    done = rack.ready()
    assert done.returncode != 0
    assert set(rack.states("ports-ready").values()) == {"active"}  # by all that the switch says
    assert "error" in rack.states("host-network").values()  # of whoever came up second, if only by a moment
    assert rack.vlans() == {"r1-n01": [PROVISIONING, STRANGE], "r1-n02": [PROVISIONING, STRANGE + 1]}
    assert "1 of 2 nodes are where they should be" in done.stdout


def test_a_rack_of_a_nexus_and_a_catalyst_gets_ready_though_one_commit_there_is_cut_off(rack_with):
    rack = rack_with(Net.TWO_FAMILIES, "r1-sw1:F3.commit", "r1-sw2:F34.meddles", families=("nxos", "ios"))
    done = rack.ready()
    assert done.returncode == 0, done.stdout + done.stderr
    assert rack.vlans() == {server.name: [PROVISIONING, STORAGE] for server in SERVERS}
    for role in ("ports-provision", "cabling", "ports-ready", "host-network", "network-ready"):
        assert rack.states(role) == dict.fromkeys(("r1-n01", "r1-n02"), "active"), role
    for number, family in enumerate(rack.families, 1):
        told = rack.switch(number)
        assert (told["sessions"], told["timed"], told["saved"]) == ([], None, True)
        changed = {line for line in told["heard"] if line.startswith("interface ")}
        assert changed == {f"interface {PORTS[family]}{server.number}" for server in SERVERS}
