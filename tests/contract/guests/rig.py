"""Machines that run guests: libvirt and OpenSSH in namespaces of this one, at a hub that we stand at; iSCSI by tgt.

Each has a mount, process and host name space, so that libvirt and its guests are its own and end with it. The processor
is emulated: they see no /dev/kvm, or libvirt would probe QEMU anew with each question.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from drivers.errors import DriverError
from drivers.hypervisor.virsh import Hypervisor
from drivers.wire.ssh_login import Access
from inventory.address import HostPort

NEEDED = ("libvirtd", "virsh", "tgtd", "tgtadm", "sshd", "qemu-system-x86_64", "qemu-img", "ip", "unshare", "sudo")
HUB, CLONE_NEWNET = f"an-kvm-{os.getpid()}", 0x40000000  # each run its own
HERE, TENANT = "10.88.0.1", "10.88.9.1"
BRIDGE = "br-tenant"
HOSTS = {f"h{number}": f"10.88.0.1{number}" for number in (1, 2, 3)}
_OWN = ("run", "var/lib/libvirt", "var/log/libvirt", "var/cache/libvirt", "etc/libvirt")
_QEMU = """user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
"""
_SSHD = """ListenAddress {address}
HostKey {room}/host
AuthorizedKeysFile {room}/user.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin prohibit-password
MaxStartups 100
"""
_INIT = """set -e
mount --make-rprivate /
mount -t proc proc /proc
for each in {own}; do mkdir -p /$each {room}/$each; mount --bind {room}/$each /$each; done
mkdir -p /run/sshd /run/lock /var/log/libvirt/qemu /var/lib/libvirt/images
mkdir -p {room}/dev/net
for each in null zero full random urandom tty net/tun; do
    touch {room}/dev/$each
    mount --bind /dev/$each {room}/dev/$each
done
for each in pts shm; do mkdir -p {room}/dev/$each; mount --bind /dev/$each {room}/dev/$each; done
ln -sf pts/ptmx {room}/dev/ptmx
ln -sfn /proc/self/fd {room}/dev/fd
for each in 0:stdin 1:stdout 2:stderr; do ln -sf /proc/self/fd/${{each%:*}} {room}/dev/${{each#*:}}; done
mount --rbind {room}/dev /dev
[ ! -e {room}/resolv.conf ] || mount --bind {room}/resolv.conf /etc/resolv.conf
hostname {name}
mount --bind {room}/hosts /etc/hosts
libvirtd >{room}/libvirtd.log 2>&1 &
/usr/sbin/sshd -D -e -f {room}/sshd.conf 2>{room}/sshd.log &
while true; do wait; sleep 1; done
"""


def lacking():
    return [name for name in NEEDED if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]


def run(*command, within=60):
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=within)
    assert ended.returncode == 0, f"{command}: {ended.stderr or ended.stdout}"
    return ended.stdout


@dataclass
class Machine:
    """One host, by its name; `process` is the first of its own process space."""

    name: str
    address: str
    room: Path
    process: subprocess.Popen

    @property
    def access(self):
        return Access(HostPort(self.address), "root", self.host_key, self.room / "user")

    @property
    def host_key(self):
        return " ".join((self.room / "host.pub").read_text().split()[:2])

    def open(self):
        return Hypervisor.open(self.access)

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)


@contextmanager
def hub():
    """A bridge for the machines themselves and one for their guests, and us at both."""
    run("ip", "netns", "add", HUB)
    try:
        inside = ("ip", "-n", HUB)
        run(*inside, "link", "set", "lo", "up")
        for name, address in (("hub", HERE), ("tenant", TENANT)):
            run(*inside, "link", "add", name, "type", "bridge")
            run(*inside, "address", "add", f"{address}/24", "dev", name)
            run(*inside, "link", "set", name, "up")
        with Path("/proc/thread-self/ns/net").open() as back:
            _enter(Path(f"/run/netns/{HUB}"))
            try:
                yield
            finally:
                ctypes.CDLL(None).setns(back.fileno(), CLONE_NEWNET)
    finally:
        run("ip", "netns", "delete", HUB)


@contextmanager
def machines(room, names=tuple(HOSTS), resolver=None):
    """Up, with libvirt answering."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(_machine(room / name, name, resolver)) for name in names}
        for one in found.values():
            _await(one)
        yield found


@contextmanager
def _machine(room, name, resolver):
    address, space = HOSTS[name], f"{HUB}-{name}"
    room.mkdir(parents=True)
    (room / "etc/libvirt").mkdir(parents=True)
    (room / "etc/libvirt/qemu.conf").write_text(_QEMU)
    if resolver is not None:
        (room / "resolv.conf").write_text(f"nameserver {resolver}\noptions timeout:2 attempts:1\n")
    for key in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(room / key))
    (room / "sshd.conf").write_text(_SSHD.format(address=address, room=room))
    (room / "hosts").write_text(f"127.0.0.1 localhost {name}\n")  # or sudo asks resolvers for it, each time
    script = room / "init.sh"
    script.write_text(_INIT.format(own=" ".join(_OWN), room=room, name=name))
    run("ip", "netns", "add", space)
    try:
        wire(name, space, address)
        argv = ["ip", "netns", "exec", space, "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"]
        with (room / "init.log").open("w") as log:
            process = subprocess.Popen([*argv, "sh", str(script)], stdout=log, stderr=log)
        machine = Machine(name, address, room, process)
        try:
            yield machine
        finally:
            machine.stop()
    finally:
        run("ip", "netns", "delete", space)


def wire(name, space, address):
    """A wire to each bridge of the hub; the second one's end is in a bridge of the machine's own."""
    inside = ("ip", "-n", space)
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "link", "add", BRIDGE, "type", "bridge")
    for number, bridge in enumerate(("hub", "tenant")):
        end = f"{name}-{number}"
        run("ip", "-n", HUB, "link", "add", end, "type", "veth", "peer", "name", f"eth{number}", "netns", space)
        run("ip", "-n", HUB, "link", "set", end, "master", bridge, "up")
        run(*inside, "link", "set", f"eth{number}", "up")
    run(*inside, "link", "set", "eth1", "master", BRIDGE)
    run(*inside, "link", "set", BRIDGE, "up")
    run(*inside, "address", "add", f"{address}/24", "dev", "eth0")
    run(*inside, "address", "add", f"{address.replace('10.88.0.', '10.88.9.')}/24", "dev", BRIDGE)
    run(*inside, "route", "add", "default", "via", HERE)


def _await(machine):
    ends = time.monotonic() + 60
    while True:
        try:
            with machine.open() as one:
                one.kind()
                return
        except DriverError as error:
            if time.monotonic() > ends or machine.process.poll() is not None:
                logs = [path.read_text()[-2000:] for path in sorted(machine.room.glob("*.log"))]
                pytest.fail("\n".join([str(error), *logs]))
        threading.Event().wait(0.3)


@contextmanager
def targets(room):
    """An iSCSI target daemon at the hub, and its command."""
    room.mkdir(parents=True)
    (room / "sock").mkdir()
    environment = {**os.environ, "TGT_IPC_SOCKET": str(room / "sock/socket")}
    with (room / "log").open("w") as log:
        process = subprocess.Popen(
            ["tgtd", "-f", "--iscsi", f"portal={HERE}:3260"], env=environment, stdout=log, stderr=log
        )

    def command(*words):
        argv = ["tgtadm", "--lld", "iscsi", *words]
        return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True, timeout=20).stdout

    try:
        ends = time.monotonic() + 20
        while not list((room / "sock").iterdir()) and time.monotonic() < ends:
            threading.Event().wait(0.1)
        yield command
    finally:
        process.kill()  # asked to, it does not end while somebody is logged in
        process.wait(timeout=10)


def page(address, name):
    with urlopen(f"http://{address}/{name}", timeout=3) as answer:
        return answer.read().decode()


def eventually(tried, within=60):
    """What it gives once it does."""
    ends = time.monotonic() + within
    while time.monotonic() < ends:
        try:
            return tried()
        except OSError:
            threading.Event().wait(0.2)
    return pytest.fail(f"it never came within {within} s")


def _enter(path):
    """This thread, and what it starts, into another network namespace (setns(2))."""
    with path.open() as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), str(path))
