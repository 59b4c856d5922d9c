"""Two blank machines on a switch that Anneal drives: a bond of two links, VLANs by a tag, and ports that carry nothing
until they are told to. What passes where is asked of Open vSwitch's own tables, beside Anneal.
"""

import json
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.journeys.conftest import ANNEAL, Command

pytestmark = pytest.mark.qemu

WAIT = 25 * 60.0
PROVISIONING, STORAGE, INTERNAL = 100, 200, 300
ADDRESSES = {"net-n01": ("10.77.0.11", "10.77.2.11"), "net-n02": ("10.77.0.12", "10.77.2.12")}
LEGS = {"10.77.3.11": "vlan300", "10.77.3.12": "vlan300"}
FLOWS = range(20_000, 20_064)  # TCP ports that nobody listens at: each is a flow of its own

KNOCK = """
import socket, sys
for port in range(int(sys.argv[2]), int(sys.argv[3])):
    socket.socket().connect_ex((sys.argv[1], port))
    for _ in range(8):
        socket.socket(type=socket.SOCK_DGRAM).sendto(bytes(1400), (sys.argv[1], port))
"""


@dataclass(frozen=True)
class Learned:
    """A row of the switch's MAC table."""

    at: datetime
    port: str
    vlan: int
    mac: str

    @property
    def node(self) -> str:
        return f"net-n{self.mac.split(':')[4]}" if self.mac.startswith("52:54:00:78:") else ""


class Fabric:
    """The rack's Open vSwitch, asked by its own tools."""

    def __init__(self, rack: str) -> None:
        self.run = Path("/run/anneal/rack") / rack
        self.namespace = f"anl-{rack}-sw"

    def learned(self) -> list[Learned]:
        names = dict(reversed(line.split(",")) for line in self._vsctl("--columns=name,ofport", "list", "Interface"))
        rows = [line.split() for line in self.tell("fdb/show", "br-fabric").splitlines()[1:]]
        now = datetime.now(UTC)
        return [Learned(now, names.get(port, port), int(vlan), mac) for port, vlan, mac, _ in rows if vlan.isdigit()]

    def tell(self, *words: str) -> str:
        (control,) = self.run.glob("ovs-vswitchd.*.ctl")
        return _run("ip", "netns", "exec", self.namespace, "ovs-appctl", "-t", str(control), *words)

    def passed(self, port: str) -> tuple[int, int]:
        """Packets that came in and went out there, by the kernel's count; the switch's own is seconds old."""
        (told,) = json.loads(_run("ip", "-n", self.namespace, "-s", "-j", "link", "show", port))
        return told["stats64"]["rx"]["packets"], told["stats64"]["tx"]["packets"]

    def set_link(self, port: str, state: str) -> None:
        _run("ip", "-n", self.namespace, "link", "set", port, state)

    def bundled(self, bond: str) -> set[str]:
        """Members that LACP has in the bond."""
        return set(re.findall(r"^member: (\S+): current attached$", self.tell("lacp/show", bond), re.MULTILINE))

    def _vsctl(self, *words: str) -> list[str]:
        told = _run("ovs-vsctl", f"--db=unix:{self.run}/db.sock", "--format=csv", "--no-headings", *words)
        return told.replace('"', "").splitlines()


@pytest.fixture
def fabric():
    return Fabric("net")


def test_ports_follow_the_phase_of_their_node_and_a_bond_carries_by_both_links(qemu_rack, fabric):
    _, anneal = qemu_rack("network", "rack.yaml")
    assert not [row for row in fabric.learned() if row.node]

    seen = _watched(anneal, fabric, "ready", "net", "--wait", "--within", "20m")
    roles = {(row["node"], row["role"]): row for row in anneal.told("status", "--roles")}
    assert {row["state"] for row in roles.values()} == {"active"}
    assert {(name, "network-ready") for name in ADDRESSES} <= set(roles)

    for node in ADDRESSES:
        moved = _first(anneal, node, "ports-ready")
        before = {row.vlan for row in seen if row.node == node and row.at < moved}
        assert before == {PROVISIONING}, f"{node} was seen on {before} before its ports were moved"
        after = {row.vlan for row in fabric.learned() if row.node == node}
        assert after >= {PROVISIONING, STORAGE}, f"{node} is seen on {after}"
    assert all(_reached(anneal, address) for both in ADDRESSES.values() for address in both)
    assert all(_reached(anneal, address, leg) for address, leg in LEGS.items())

    given = {row["node"]: row["address"] for row in anneal.told("network", "addresses")}
    assert given == {node: storage for node, (_, storage) in ADDRESSES.items()}
    ways = {(row["from"], row["to"], row["network"]) for row in anneal.told("network", "matrix") if row["whole"]}
    assert {(one, other, "storage") for one, other in (("net-n01", "net-n02"), ("net-n02", "net-n01"))} <= ways

    _both_links_carry(anneal, fabric)
    _one_link_is_enough(anneal, fabric)
    cables = anneal.told("cables", "check", "net", "--now")
    assert {row["verdict"] for row in cables} == {"OK"}
    again = anneal("plan", "--exit-code")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout


def test_a_swapped_pair_and_a_missing_cable_are_found_before_any_install(qemu_rack):
    _, anneal = qemu_rack("network", "rack-miscabled.yaml")
    done = anneal("ready", "net", "--wait", "--within", "15m", within=WAIT)
    assert done.returncode == 1, done.stdout + done.stderr
    states = {(row["node"], row["role"]): row["state"] for row in anneal.told("status", "--roles")}
    for node in ADDRESSES:
        assert (states[node, "cabling"], states[node, "os-install"]) == ("error", "blocked")
    verdicts = {row["a"]: row for row in anneal.told("cables", "check", "net")}
    assert {name: row["verdict"] for name, row in verdicts.items()} == {
        "net-n01:eth0": "OK",
        "net-n01:eth1": "OK",
        "net-n01:eth2": "SWAPPED",
        "net-n02:eth0": "OK",
        "net-n02:eth1": "SWAPPED",
        "net-n02:eth2": "MISSING",
    }
    for name, other in (("net-n01:eth2", "net-n02:eth1"), ("net-n02:eth1", "net-n01:eth2")):
        assert other in str(verdicts[name]["says"])
    order = anneal("cables", "print", "net").stdout
    assert re.search(r"net-n0[12]:eth[12].*net-sw1:swp[35]", order), order


def _watched(anneal: Command, fabric: Fabric, *words: str) -> Sequence[Learned]:
    """What the switch learned, looked at every other second while the command ran to its good end."""
    argv = ["ip", "netns", "exec", str(anneal.inside), str(ANNEAL), *words]
    seen: list[Learned] = []
    with (anneal.directory / "said").open("w+") as said:
        running = subprocess.Popen(
            argv, cwd=anneal.directory, env=anneal.whole_environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            ends = time.monotonic() + WAIT
            while time.monotonic() < ends:
                seen += fabric.learned()
                try:
                    running.wait(2)
                    break
                except subprocess.TimeoutExpired:
                    continue
        finally:
            running.kill()
            running.wait()
        assert running.returncode == 0, (anneal.directory / "said").read_text()
    return seen


def _first(anneal: Command, node: str, role: str) -> datetime:
    """When the role first set to work on a node."""
    told = [one for one in anneal.told("events", node) if (one["kind"], one["role"]) == ("role.acting", role)]
    return datetime.fromisoformat(str(told[0]["at"]))


def _both_links_carry(anneal: Command, fabric: Fabric) -> None:
    """Both ways. Open vSwitch spreads flows by their load, every ten seconds."""
    assert fabric.bundled("bond1") == {"swp1", "swp2"}
    before = {port: fabric.passed(port) for port in ("swp1", "swp2")}
    ends = time.monotonic() + 90
    while True:
        for address in ADDRESSES["net-n01"]:
            argv = ["python3", "-c", KNOCK, address, str(FLOWS.start), str(FLOWS.stop)]
            _run("ip", "netns", "exec", str(anneal.inside), *argv)
        now = {port: fabric.passed(port) for port in before}
        carried = [now[port][way] - before[port][way] for port in before for way in (0, 1)]
        if min(carried) > len(FLOWS):
            return
        assert time.monotonic() < ends, f"{before} became {now}"


def _one_link_is_enough(anneal: Command, fabric: Fabric) -> None:
    for port in ("swp1", "swp2"):
        fabric.set_link(port, "down")
        assert all(_reached(anneal, address) for address in ADDRESSES["net-n01"]), f"without {port}"
        fabric.set_link(port, "up")
        ends = time.monotonic() + 60
        while fabric.bundled("bond1") != {"swp1", "swp2"}:
            assert time.monotonic() < ends, fabric.tell("lacp/show", "bond1")
            time.sleep(1)


def _reached(anneal: Command, address: str, leg: str | None = None) -> bool:
    """Within 15 s, as LACP may need to notice a lost link."""
    by = ["-I", leg] if leg else []
    argv = ["ip", "netns", "exec", str(anneal.inside), "ping", "-c", "1", "-w", "15", *by, address]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
