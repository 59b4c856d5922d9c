"""Switches to drive: Open vSwitch with an sshd and an lldpd beside it, in network namespaces of the test's own; and
what answers as a SONiC does.

Open vSwitch's ports are cables to hosts, each a namespace too; the way in is a relay from the loopback of the test into
the namespace from which the switch is managed.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.patience import Patience
from drivers.switch.ovs import Ovs, Places
from drivers.wire.ssh import Access
from inventory.address import HostPort
from inventory.secrets import Secret
from tests.contract.switch.sonic_rig import SonicRig, absent

PROGRAMS = ("ovs-vswitchd", "ovsdb-server", "lldpd", "sshd", "ip", "ping", "flock")
QUICK = Patience(connect=timedelta(seconds=10), answer=timedelta(seconds=40), poll=timedelta(milliseconds=200))
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
RELAY = """
import socket, sys, threading
listening, host, port = socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3])
def pump(a, b):
    try:
        while some := a.recv(65536):
            b.sendall(some)
    except OSError:
        pass
    for end in (a, b):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
while True:
    near, _ = listening.accept()
    try:
        far = socket.create_connection((host, port), timeout=5)
    except OSError:
        near.close()
        continue
    far.settimeout(None)
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@dataclass
class Pins:
    """First-met host keys, in memory."""

    known: dict[str, str] = field(default_factory=dict)

    def fingerprint(self, address):
        return self.known.get(address)

    def pin(self, address, fingerprint):
        self.known.setdefault(address, fingerprint)


def sh(*argv, check=True, env=None, feed=None):
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, input=feed)
    if check and ran.returncode:
        raise AssertionError(f"{argv}: {ran.stderr or ran.stdout}")
    return ran.stdout


def wait_for(met, what, seconds=30):
    for _ in Patience(poll=timedelta(milliseconds=200)).looks(timedelta(seconds=seconds)):
        if met():
            return
    pytest.fail(f"{seconds} s and still not: {what}")


class Rig:
    """A switch with hosts at its ports. `access` is the login; `open` gives a new session of its driver."""

    way_in = "adm1"
    patience = QUICK

    def __init__(self, room: Path, stack: contextlib.ExitStack) -> None:
        self.room, self.stack = room, stack
        self.name = f"anl-t{os.getpid()}"
        self.switch = f"{self.name}-s"
        self.pins = Pins()
        # lldpcli gives up root's rights, and may not pass through a directory of pytest's.
        self.voices = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anl-", dir="/run")))
        self.voices.chmod(0o755)
        key = room / "key"
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        self.key = Secret(key.read_text())

    def namespace(self, name):
        sh("ip", "netns", "add", name)
        self.stack.callback(sh, "ip", "netns", "delete", name, check=False)
        sh("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def inside(self, *argv, where=None, **more):
        return sh("ip", "netns", "exec", where or self.switch, *argv, **more)

    def daemon(self, where, *argv, log, env=None):
        with (self.room / log).open("ab") as out:
            child = subprocess.Popen(
                ["ip", "netns", "exec", where, *argv],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, start_new_session=True,
            )  # fmt: skip
        self.stack.callback(_end, child)
        return child

    def relay(self, where, host, port):
        """A port of our loopback that leads to this one, as seen from a namespace."""
        listening = socket.create_server(("127.0.0.1", 0))
        number = listening.fileno()
        child = subprocess.Popen(
            ["ip", "netns", "exec", where, sys.executable, "-c", RELAY, str(number), host, str(port)],
            pass_fds=[number], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.stack.callback(_end, child)
        with listening:
            return HostPort("127.0.0.1", listening.getsockname()[1])

    def sshd(self, address, port=22):
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.room / "host"))
        lines = (
            f"ListenAddress {address}:{port}", f"HostKey {self.room / 'host'}", "PidFile none", "UsePAM no",
            f"AuthorizedKeysFile {self.room / 'key.pub'}", "StrictModes no", "PermitRootLogin prohibit-password",
            f"SetEnv ANNEAL_TEST={self.name}",
        )  # fmt: skip
        (self.room / "sshd.conf").write_text("\n".join(lines) + "\n")
        Path("/run/sshd").mkdir(exist_ok=True)
        self.daemon(self.switch, shutil.which("sshd"), "-D", "-e", "-f", str(self.room / "sshd.conf"), log="sshd.log")
        wait_for(lambda: "listening" in (self.room / "sshd.log").read_text().lower(), "sshd listens")

    def host(self, port, address):
        """At a cable from this port, with lldpd but for the administrator's."""
        where = self.namespace(f"{self.name}-{port}")
        sh("ip", "link", "add", port, "netns", self.switch, "type", "veth", "peer", "name", "eth0", "netns", where)
        for space, nic in ((self.switch, port), (where, "eth0")):
            self.inside("ethtool", "-K", nic, "tx", "off", where=space)
            sh("ip", "-n", space, "link", "set", nic, "up")
        sh("ip", "-n", where, "address", "add", address, "dev", "eth0")
        if port != self.way_in:
            self.lldpd(where, f"{port}.lldp", f"host-{port}", "eth0")
        return where

    def lldpd(self, where, voice, name, ports):
        settings = self.voices / f"{voice}.conf"
        settings.write_text(f"configure system hostname {name}\nconfigure lldp portidsubtype ifname\n"
                            "configure lldp tx-interval 1\n")  # fmt: skip
        settings.chmod(0o644)
        argv = ["-d", "-u", str(self.voices / voice), "-I", ports, "-C", ports, "-m", "!*", "-O", str(settings)]
        self.daemon(where, shutil.which("lldpd"), *argv, log="lldpd.log")

    @property
    def keeper(self):
        return self.room / "keeper"

    @property
    def all_ports(self):
        return (*self.ports, *self.bare)

    @property
    def hostname(self):
        return os.uname().nodename

    def left_on_the_switch(self):
        """Candidates that are open, as the files there say."""
        return sorted(path.name for path in self.keeper.glob("anneal-*"))

    def timers(self):
        """Processes on the switch that wait to take something back."""
        there = (Path("/proc", pid, "cmdline") for pid in sh("ip", "netns", "pids", self.switch).split())
        return [int(path.parent.name) for path in there if b"\0await\0" in _content(path)]

    def sessions(self):
        """Connections that its sshd has, by its kernel."""
        return self.inside("cat", "/proc/net/tcp").count(":0016 0100007F")

    def far_end(self, port, state):
        sh("ip", "-n", f"{self.name}-{port}", "link", "set", "eth0", state)

    def mac(self, port):
        return sh("ip", "netns", "exec", f"{self.name}-{port}", "cat", "/sys/class/net/eth0/address").strip()

    def reaches(self, port, address):
        where = f"{self.name}-{port}"
        argv = ("ip", "netns", "exec", where, "ping", "-c", "1", "-W", "1", address)
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0


class OvsRig(Rig):
    """Ports swp1 to swp4 with hosts 10.9.0.1 to .4, swp5 to swp48 bare; all in VLAN 100 at first."""

    def __init__(self, room, stack):
        super().__init__(room, stack)
        self.namespace(self.switch)
        self.run = room / "o"
        self.run.mkdir()
        self.start_ovs(self.switch, self.run)
        self.ports = tuple(f"swp{index}" for index in range(1, 5))
        for index, port in enumerate(self.ports, start=1):
            self.host(port, f"10.9.0.{index}/24")
        self.host(self.way_in, "10.99.0.2/24")
        self.bare = tuple(f"swp{index}" for index in range(5, 49))
        lines = [f"tuntap add {port} mode tap\nlink set {port} up" for port in self.bare]
        sh("ip", "-n", self.switch, "-b", "-", feed="\n".join(lines))
        self.lldpd(self.switch, "switch.lldp", "sw1", ",".join(self.ports))
        self.reset()
        self.sshd("0.0.0.0")
        self.places = Places(str(self.run), str(self.voices / "switch.lldp"), str(self.keeper))
        self.access = Access(self.relay(self.switch, "127.0.0.1", 22), "root", None, self.key)
        self.through = Access(self.relay(f"{self.name}-{self.way_in}", "10.99.0.1", 22), "root", None, self.key)

    def reset(self):
        """All ports in VLAN 100, but for the one that the switch is managed through: that and its own are in 900."""
        tagged = {**dict.fromkeys((*self.ports, *self.bare), 100), self.way_in: 900, "mgmt0": 900}
        added = [word for port, vlan in tagged.items() for word in ("--", "add-port", "br0", port, f"tag={vlan}")]
        inner = ["--", "set", "interface", "mgmt0", "type=internal"]
        bridge = ["--", "set", "bridge", "br0", "datapath_type=netdev", "fail-mode=standalone"]
        self.vsctl("--if-exists", "del-br", "br0", "--", "add-br", "br0", *bridge, *added, *inner)
        lines = [f"link set {port} up\nlink set {port} mtu 1500" for port in (*self.ports, *self.bare, "mgmt0")]
        sh("ip", "-n", self.switch, "-b", "-", feed="\n".join(lines))
        sh("ip", "-n", self.switch, "address", "replace", "10.99.0.1/24", "dev", "mgmt0")

    def start_ovs(self, where, run):
        env = {**os.environ, **{f"OVS_{kind}": str(run) for kind in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}}
        sh("ovsdb-tool", "create", str(run / "conf.db"), SCHEMA)
        self.start_database(where, run)
        sh("ovs-vsctl", "--no-wait", "init", env=env)
        argv = ("ovs-vswitchd", f"unix:{run}/db.sock", f"--pidfile={run}/ovs-vswitchd.pid", "-vconsole:off")
        self.daemon(where, *argv, log="vswitchd.log", env=env)
        wait_for((run / "ovs-vswitchd.pid").exists, "ovs-vswitchd runs")

    def start_database(self, where, run):
        env = {**os.environ, **{f"OVS_{kind}": str(run) for kind in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}}
        argv = ("ovsdb-server", str(run / "conf.db"), f"--remote=punix:{run}/db.sock", "-vconsole:off",
                f"--pidfile={run}/ovsdb-server.pid")  # fmt: skip
        child = self.daemon(where, *argv, log="ovsdb.log", env=env)
        wait_for((run / "db.sock").exists, "ovsdb-server listens")
        self.database = child

    def vsctl(self, *words):
        return sh("ovs-vsctl", "-t", "20", *words, env={**os.environ, "OVS_RUNDIR": str(self.run)})

    @contextlib.contextmanager
    def open(self, access=None, answer=QUICK.answer):
        """A session, closed at the end; `answer` is how long each call waits for one."""
        ovs = Ovs.connect(access or self.access, self.pins, self.places, replace(QUICK, answer=answer))
        try:
            yield ovs
        finally:
            ovs.close()

    def meddle(self, port, vlan):
        """Somebody else's change."""
        self.vsctl("set", "port", port, f"tag={vlan}")

    def changes(self):
        """How many transactions with ports in them the database has written down."""
        return sum(b'"Port":' in line for line in (self.run / "conf.db").read_bytes().splitlines())


def _content(path):
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _end(child):
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _absent():
    found = {program for program in PROGRAMS if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")}
    return sorted(set(PROGRAMS) - found)


@pytest.fixture(
    scope="module",
    params=[pytest.param(OvsRig, id="ovs", marks=pytest.mark.qemu), pytest.param(SonicRig, id="sonic")],
)
def rack_of_one(request, tmp_path_factory) -> Iterator[OvsRig | SonicRig]:
    kind = request.param
    if kind is SonicRig and (why := absent()):
        pytest.skip(why)
    if kind is OvsRig and os.geteuid() != 0:
        pytest.skip("namespaces need root")
    if kind is OvsRig and (lacking := _absent()):
        pytest.skip(f"not installed: {', '.join(lacking)} (see debian-packages.txt)")
    with contextlib.ExitStack() as stack:
        yield kind(tmp_path_factory.mktemp("switch"), stack)


@pytest.fixture
def rig(rack_of_one):
    """As it was at first, whatever a test before did."""
    for leftover in rack_of_one.left_on_the_switch():
        shutil.rmtree(rack_of_one.keeper / leftover)
    rack_of_one.reset()
    return rack_of_one


@pytest.fixture
def until():
    return wait_for
