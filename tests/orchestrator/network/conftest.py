"""A real Debian under QEMU with two NICs at an Open vSwitch that speaks LACP, all in a network namespace of its own."""

import base64
import contextlib
import ctypes
import gzip
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from drivers.errors import DriverError, Unreachable
from drivers.host import Host
from drivers.wire.ssh import Ran, Ssh
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from inventory.model import Site
from orchestrator.boot.configdrive import USER, Greeting, config_drive
from orchestrator.image.store import Artefact, ImageStore

MACS = ("52:54:00:7a:00:01", "52:54:00:7a:00:02")
GATEWAY, ADDRESS = "10.77.0.1", "10.77.0.11"
NEEDED = ("qemu-system-x86_64", "ovs-vswitchd", "ovsdb-server", "ssh-keygen")
CLONE_NEWNET = 0x40000000
BOOTS_WITHIN = 240.0
SOON = timedelta(seconds=20)
Way = TypeVar("Way", Host, Ssh)


def site_of(**node):
    """One node; provisioning untagged, and two tagged networks of one wire."""
    nics = [{"name": f"eth{index}", "mac": mac} for index, mac in enumerate(MACS)]
    return Site.model_validate(
        {
            "name": "lab",
            "domain": "lab.test",
            "dns": [GATEWAY],
            "provisioning": {"network": "provisioning", "address": GATEWAY, "ramdisk": "r"},
            "networks": {
                "provisioning": {"name": "provisioning", "prefix": "10.77.0.0/24", "gateway": GATEWAY, "vlan": 100},
                "storage": {
                    "name": "storage", "prefix": "10.77.2.0/24", "vlan": 200, "mtu": 9000, "gateway": "10.77.2.1",
                    "table": 200, "routes": [{"to": "10.96.0.0/12", "via": "10.77.2.1", "metric": 50}],
                },
                "storage6": {
                    "name": "storage6", "prefix": "fd00:77:2::/64", "vlan": 200, "mtu": 9000,
                    "gateway": "fd00:77:2::1", "default_route": True,
                },
                "guests": {"name": "guests", "prefix": "10.77.3.0/24", "vlan": 300},
            },
            "images": {
                "d": {"name": "d", "kind": "os", "artefact": "d"},
                "r": {"name": "r", "kind": "ramdisk", "artefact": "r"},
            },
            "profiles": {}, "groups": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "nodes": {
                "n1": {
                    "name": "n1", "rack": "r1", "unit": 1, "groups": ["g"], "image": "d", "nics": nics,
                    "bmc": {"address": "10.78.0.1", "user": "a", "password": "env:X"}, **node,
                }
            },
        }
    )  # fmt: skip


BONDED = {
    "bonds": [
        {
            "name": "bond0",
            "members": ["eth0", "eth1"],
            "addresses": [
                {"network": "provisioning", "address": ADDRESS},
                {"network": "storage", "address": "10.77.2.11", "tagged": True},
                {"network": "storage6", "address": "fd00:77:2::11", "tagged": True},
            ],
        }
    ],
    "bridges": [
        {
            "name": "br0", "members": ["bond0"], "network": "guests", "tagged": True,
            "addresses": [{"network": "guests", "address": "10.77.3.11"}],
        }
    ],
}  # fmt: skip


@pytest.fixture
def bonded():
    site = site_of(**BONDED)
    return site, site.nodes["n1"]


@dataclass(frozen=True)
class Debian:
    """`open` gives a new connection each time, from the switch's side."""

    namespace: str
    directory: Path
    key: Path

    @contextmanager
    def inside(self):
        """This thread in the lab's namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as ours, open(f"/run/netns/{self.namespace}") as theirs:  # noqa: PTH123
            assert libc.setns(theirs.fileno(), CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(ours.fileno(), CLONE_NEWNET) == 0

    def access(self, address: str = ADDRESS) -> Access:
        return Access(HostPort(address), USER, None, self.key)

    @contextmanager
    def host(self, address: str = ADDRESS):
        with self._let_in(lambda: Host.open(self.access(address), SOON)) as host:
            yield host

    def _let_in(self, open_: Callable[[], Way], within: float = 90.0) -> Way:
        """Tried again for a while: on a starved machine LACP loses its partner now and then, and with it packets."""
        ends = time.monotonic() + within
        while True:
            try:
                with self.inside():
                    return open_()
            except Unreachable:
                if time.monotonic() > ends:
                    raise

    def run(self, *argv: str, within: float = 20.0) -> Ran:
        with self.inside():
            shell = Ssh.open(self.access(), timedelta(seconds=within))
        with shell:
            return shell.run(argv, timedelta(seconds=within))

    def out(self, *argv: str) -> str:
        with self._let_in(lambda: Ssh.open(self.access(), SOON)) as shell:
            ran = shell.run(argv, SOON)
        assert ran.exit == 0, ran.err
        return ran.out

    def await_login(self, within: float = BOOTS_WITHIN, unlike: str = "") -> str:
        """The boot id, once it answers with another than that."""
        ends = time.monotonic() + within
        while True:
            try:
                boot = self.out("cat", "/proc/sys/kernel/random/boot_id").strip()
            except (DriverError, AssertionError):
                boot = unlike
            if boot != unlike:
                return boot
            assert time.monotonic() < ends, (self.directory / "serial").read_text()[-3000:]
            time.sleep(1)

    def switch(self, *words: str) -> str:
        return _sh("ip", "netns", "exec", self.namespace, "ovs-vsctl", f"--db=unix:{self.directory}/db.sock", *words)

    def bundled(self) -> list[str]:
        """Ports of the switch that LACP has in the bond."""
        control = next(self.directory.glob("ovs-vswitchd.*.ctl"))
        told = _sh("ovs-appctl", "-t", str(control), "lacp/show")
        return re.findall(r"^member: (\S+): current attached$", told, re.MULTILINE)

    def restart(self) -> None:
        boot = self.out("cat", "/proc/sys/kernel/random/boot_id").strip()
        with self._let_in(lambda: Ssh.open(self.access(), SOON)) as shell, contextlib.suppress(Unreachable):
            shell.run(("sudo", "-n", "systemctl", "reboot"), SOON)
        self.await_login(unlike=boot)


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """Booted with the config drive of a node whose bond is declared and not there yet."""
    if os.geteuid() != 0 or not all(shutil.which(name) for name in NEEDED):
        pytest.skip("needs root, QEMU and Open vSwitch")
    image = ImageStore(Path.home() / ".cache/anneal/images").find("debian-12-cloud")
    if image is None:
        pytest.skip("no image of Debian: anneal image build os --kernel cloud")
    directory = tmp_path_factory.mktemp("debian")
    machine = Debian(f"an-{os.getpid()}", directory, directory / "key")
    children = []
    try:
        _wire(machine)
        children.append(_boot(machine, image))
        machine.await_login()
        yield machine
    finally:
        for child in children:
            child.kill()
            child.wait()
        for pidfile in directory.glob("*.pid"):
            subprocess.run(["kill", pidfile.read_text().strip()], check=False)
        subprocess.run(["ip", "netns", "delete", machine.namespace], check=False)


def _wire(machine: Debian) -> None:
    space, run = machine.namespace, machine.directory
    _sh("ip", "netns", "add", space)
    _sh("ip", "-n", space, "link", "set", "up", "dev", "lo")
    _sh("ovsdb-tool", "create", f"{run}/ovs.db", "/usr/share/openvswitch/vswitch.ovsschema")
    own = ["env", *(f"{name}={run}" for name in ("OVS_RUNDIR", "OVS_DBDIR", "OVS_SYSCONFDIR", "OVS_LOGDIR"))]
    daemon = ["--detach", "--no-chdir", "-vconsole:off"]
    enter = ["ip", "netns", "exec", space, *own]
    _sh(*enter, "ovsdb-server", f"{run}/ovs.db", f"--remote=punix:{run}/db.sock", f"--pidfile={run}/db.pid", *daemon)
    machine.switch("--no-wait", "init")
    _sh(*enter, "ovs-vswitchd", f"unix:{run}/db.sock", f"--pidfile={run}/vswitchd.pid", *daemon)
    machine.switch("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
    for tap in ("t0", "t1"):
        _sh("ip", "-n", space, "tuntap", "add", tap, "mode", "tap")
        _sh("ip", "-n", space, "link", "set", "up", "mtu", "9000", "dev", tap)
    lag = [
        "lacp=passive",
        "other_config:lacp-fallback-ab=true",
        "other_config:bond-primary=t0",
        "other_config:lacp-time=fast",
        "bond_mode=balance-tcp",
    ]
    vlans = ["vlan_mode=native-untagged", "tag=100", "trunks=100,200,300"]
    machine.switch("add-bond", "br0", "lag0", "t0", "t1", *lag, "--", "set", "port", "lag0", *vlans)
    for name, vlan, addresses in (
        ("prov", 100, ["10.77.0.1/24"]),
        ("stor", 200, ["10.77.2.1/24", "fd00:77:2::1/64"]),
        ("gue", 300, ["10.77.3.1/24"]),
    ):
        machine.switch("add-port", "br0", name, f"tag={vlan}", "--", "set", "interface", name, "type=internal")
        _sh("ip", "netns", "exec", space, "ethtool", "-K", name, "tx", "off")
        _sh("ip", "-n", space, "link", "set", "up", "mtu", "9000", "dev", name)
        for address in addresses:
            _sh("ip", "-n", space, "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))


def _boot(machine: Debian, image: Artefact) -> "subprocess.Popen[bytes]":
    run = machine.directory
    _sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(machine.key))
    site = site_of(**BONDED)
    greeting = Greeting("i-1", machine.key.with_suffix(".pub").read_text().strip(), "", f"https://{GATEWAY}:1/none")
    drive = config_drive(site, site.nodes["n1"], greeting)
    (run / "drive.iso").write_bytes(gzip.decompress(base64.b64decode(drive)))
    _sh(
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "raw",
        "-b",
        str(image.files["disk"].path),
        str(run / "disk.qcow2"),
    )
    nics = [
        word
        for index, mac in enumerate(MACS)
        for word in (
            "-netdev", f"tap,id=n{index},ifname=t{index},script=no,downscript=no,vnet_hdr=off",
            "-device", f"virtio-net-pci,netdev=n{index},mac={mac},host_mtu=9000,speed=10000,duplex=full",
        )
    ]  # fmt: skip
    argv = [
        "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-m", "1024",
        "-display", "none", "-no-user-config",
        "-serial", f"file:{run}/serial", "-drive", f"file={run}/disk.qcow2,if=virtio",
        "-drive", f"file={run}/drive.iso,if=virtio,format=raw,readonly=on", *nics,
    ]  # fmt: skip
    return subprocess.Popen(["ip", "netns", "exec", machine.namespace, *argv])


def _sh(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{argv}: {done.stderr or done.stdout}"
    return done.stdout
