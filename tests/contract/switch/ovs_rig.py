"""Open vSwitch with an sshd and an lldpd beside it. Its ports are cables to hosts, each a namespace too."""

import contextlib
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from drivers.switch.ovs import Ovs, Places
from drivers.wire.ssh_login import Access
from inventory.secrets import Secret
from tests.contract.switch.rig import QUICK, Rig, content, sh, wait_for

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class OvsRig(Rig):
    """Ports swp1 to swp4 with hosts 10.9.0.1 to .4, swp5 to swp48 bare; all in VLAN 100 at first."""

    programs = ("ovs-vswitchd", "ovsdb-server", "sshd", "flock", "ethtool")

    def __init__(self, room, stack):
        super().__init__(room, stack)
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(room / "key"))
        self.key = Secret((room / "key").read_text())
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
        for leftover in self.left_on_the_switch():
            shutil.rmtree(self.keeper / leftover)
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

    @property
    def keeper(self):
        return self.room / "keeper"

    @property
    def hostname(self):
        return os.uname().nodename

    def left_on_the_switch(self):
        """Candidates that are open, as the files there say."""
        return sorted(path.name for path in self.keeper.glob("anneal-*"))

    @contextlib.contextmanager
    def locked(self, seconds):
        """Somebody else holds the lock, for so long at most."""
        self.keeper.mkdir(exist_ok=True)
        holder = self.daemon(self.switch, "flock", str(self.keeper / "lock"), "sleep", str(seconds), log="flock.log")
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(holder.pid, signal.SIGKILL)

    def timers(self):
        """Processes on the switch that wait to take something back."""
        there = (Path("/proc", pid, "cmdline") for pid in sh("ip", "netns", "pids", self.switch).split())
        return [int(path.parent.name) for path in there if b"\0await\0" in content(path)]

    def sessions(self):
        """Connections that its sshd has, by its kernel."""
        return self.inside("cat", "/proc/net/tcp").count(":0016 0100007F")

    def far_end(self, port, state):
        sh("ip", "-n", f"{self.name}-{port}", "link", "set", "eth0", state)
