"""A Linux NOS in a virtual machine. Its ports are taps; the far end of each is a host, a network namespace."""

import contextlib
import json
import os
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import bcrypt

from drivers.errors import Transient
from drivers.switch.linux import ROOM, LinuxNos
from drivers.virtual.qemu.nos import MANAGEMENT, Machine, NosPort, own_files, port_mac
from drivers.virtual.qemu.wires import tap
from drivers.wire.ssh import Access, Ssh
from inventory.secrets import Secret
from orchestrator.image.build import build
from orchestrator.image.recipe import Recipe
from orchestrator.image.store import ImageStore
from tests.contract.switch.rig import QUICK, Rig, sh, wait_for

USER, PASSWORD = "cumulus", "canary-nos"
PORT = """
auto {port}
iface {port}
    bridge-access {vlan}
"""
INTERFACES = """# The first lines are not ours to touch.
source /etc/network/interfaces.d/*.intf

auto lo
iface lo inet loopback
{ports}
auto bridge
iface bridge
    bridge-ports {names}
    bridge-vlan-aware yes
    bridge-vids 100 900
    bridge-stp off

auto vlan900
iface vlan900
    address 10.99.0.1/24
    vlan-id 900
    vlan-raw-device bridge
"""
SOURCED = """auto eth0
iface eth0 inet static
    address 10.98.0.1/24
"""
# ifupdown2 runs it for each interface that it sets up, lo once in a run.
COUNT = """#!/bin/sh
[ "$IFACE" = lo ] && echo "$PHASE" >>/run/reloads
exit 0
"""
FIRST = "/root/interfaces"
RESET = f"""
rm -rf {ROOM}
pkill -KILL -f ' await ' ; pkill -KILL -x flock
if cmp -s {FIRST} /etc/network/interfaces && bridge vlan show | cmp -s - {FIRST}.vlans; then exit; fi
cp {FIRST} /etc/network/interfaces && ifreload -a && bridge vlan show >{FIRST}.vlans
"""


class NosRig(Rig):
    """Ports swp1 to swp4 with hosts 10.9.0.1 to .4, swp5 to swp8 bare; all in VLAN 100 at first. eth0 is beside."""

    programs = ("qemu-system-x86_64", "mmdebstrap")
    letter = "n"
    hostname = "tor1"

    def __init__(self, room, stack):
        super().__init__(room, stack)
        self.namespace(self.switch)
        self.ports = tuple(f"swp{index}" for index in range(1, 5))
        self.bare = tuple(f"swp{index}" for index in range(5, 9))
        self.wired = (MANAGEMENT, *self.ports, self.way_in)
        for port in self.wired:
            sh("ip", "-n", self.switch, "tuntap", "add", port, "mode", "tap")
        self.monitor = self.voices / "qmp"
        self.daemon(self.switch, *self.machine().argv(), log="qemu.log")
        wait_for(self.monitor.exists, "QEMU runs")
        self.far_ends()
        self.access = self.login(self.relay(self.switch, "10.98.0.1", 22))
        self.through = self.login(self.relay(f"{self.name}-{self.way_in}", "10.99.0.1", 22))
        wait_for(self.answers, "it lets us in", 180)
        self.root = stack.enter_context(Ssh.open(self.access, QUICK.connect))
        self.told(f"mkdir -p /var/lib/anneal; cp /etc/network/interfaces {FIRST}; bridge vlan show >{FIRST}.vlans")

    def machine(self):
        artefact = build(
            Recipe("nos", "cloud"), ImageStore(Path(os.environ.get("ANNEAL_IMAGES", "~/.cache/anneal/images"))), _quiet
        )
        ports = [NosPort(name, port_mac("tor1", name), tap(name)) for name in self.wired]
        ports += [NosPort(name, port_mac("tor1", name), f"hubport,hubid={n}") for n, name in enumerate(self.bare)]
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.room / "host"))
        own = self.room / "own.tar"
        own.write_bytes(own_files(tuple(ports), self.files(), self.secrets()))
        console = self.room / "console"
        return Machine("tor1", "SN-TOR1", artefact.files["disk"].path.parent, own, tuple(ports), console, self.monitor)

    def files(self):
        names = (*self.ports, *self.bare, self.way_in)
        stanzas = "".join(PORT.format(port=name, vlan=900 if name == self.way_in else 100) for name in names)
        return {
            "etc/hostname": "tor1\n",
            "etc/hosts": "127.0.0.1 localhost tor1\n",
            "etc/network/interfaces": INTERFACES.format(ports=stanzas, names=" ".join(names)),
            "etc/network/interfaces.d/eth0.intf": SOURCED,
            "etc/network/if-up.d/count": COUNT,
            "etc/lldpd.conf": "configure lldp portidsubtype ifname\nconfigure lldp tx-interval 1\n",
        }

    def secrets(self):
        digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        return {
            "etc/ssh/ssh_host_ed25519_key": (self.room / "host").read_text(),
            "etc/nos-users": f"{USER}:{digest}\n",
        }

    def far_ends(self):
        """Each tap goes to its host, now that QEMU holds it."""
        sh("ip", "-n", self.switch, "link", "set", MANAGEMENT, "up")
        sh("ip", "-n", self.switch, "address", "add", "10.98.0.2/24", "dev", MANAGEMENT)
        for number, port in enumerate((*self.ports, self.way_in), start=1):
            where = self.namespace(f"{self.name}-{port}")
            sh("ip", "-n", self.switch, "link", "set", port, "netns", where, "name", "eth0")
            sh("ip", "-n", where, "link", "set", "eth0", "up")
            address = "10.99.0.2/24" if port == self.way_in else f"10.9.0.{number}/24"
            sh("ip", "-n", where, "address", "add", address, "dev", "eth0")
            if port != self.way_in:
                self.lldpd(where, f"{port}.lldp", f"host-{port}", "eth0")

    def login(self, address):
        return Access(address, USER, None, None, Secret(PASSWORD))

    def answers(self):
        try:
            Ssh.open(self.access, timedelta(seconds=5)).close()
        except Transient:
            return False
        return True

    def told(self, script):
        """What root's shell on the switch prints."""
        return self.root.run(["sudo", "-n", "sh", "-s"], timedelta(seconds=60), script).out

    def reset(self):
        self.told(RESET)

    @contextlib.contextmanager
    def open(self, access=None, answer=QUICK.answer):
        """A session, closed at the end; `answer` is how long each call waits for one."""
        nos = LinuxNos.connect(access or self.access, self.pins, replace(QUICK, answer=answer))
        try:
            yield nos
        finally:
            nos.close()

    def left_on_the_switch(self):
        return sorted(name for name in self.told(f"ls {ROOM} 2>/dev/null").split() if name.startswith("anneal-"))

    def timers(self):
        return [int(pid) for pid in self.told("pgrep -f ' await '").split()]

    def sessions(self):
        """Connections that its sshd has, without ours."""
        return self.told("ss -Htn state established sport = :22").count("10.98.0.2:") - 1

    @contextlib.contextmanager
    def locked(self, seconds):
        """Somebody else holds the lock, for so long at most."""
        self.told(f"mkdir -p {ROOM}; flock {ROOM}/lock sleep {seconds} >/dev/null 2>&1 &")
        try:
            yield
        finally:
            self.told(f"pkill -KILL -f '^flock {ROOM}'; pkill -KILL -x sleep")

    def far_end(self, port, state):
        """What a cable that is pulled looks like to the switch."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.monitor))
            heard = line.makefile()
            heard.readline()
            for execute, arguments in (
                ("qmp_capabilities", {}),
                ("set_link", {"name": f"net{self.wired.index(port)}", "up": state == "up"}),
            ):
                line.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
                assert "return" in json.loads(heard.readline())

    def meddle(self, port, vlan):
        """Somebody else's change."""
        self.told(f"bridge vlan del dev {port} vid 100; bridge vlan add dev {port} vid {vlan} pvid untagged")

    def changes(self):
        """How often ifupdown2 has set its interfaces up."""
        return len(self.told("cat /run/reloads 2>/dev/null").splitlines())


def _quiet(_line):
    """No progress is wanted here."""
