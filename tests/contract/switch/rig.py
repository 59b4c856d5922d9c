"""A real switch to drive, with hosts at its ports, in network namespaces of the test's own.

The way in is a relay from the loopback of the test into the namespace from which the switch is managed.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.patience import Patience
from inventory.address import HostPort
from tests.drivers.switch.conftest import FirstMet

QUICK = Patience(connect=timedelta(seconds=10), answer=timedelta(seconds=40), poll=timedelta(milliseconds=200))
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
    real = True  # frames go through it
    letter = "o"  # of the names of its namespaces
    programs: tuple[str, ...] = ()

    def __init__(self, room: Path, stack: contextlib.ExitStack) -> None:
        self.room, self.stack = room, stack
        self.name = f"anl-{self.letter}{os.getpid()}"
        self.switch = f"{self.name}-s"
        self.pins = FirstMet()
        # lldpcli gives up root's rights, and may not pass through a directory of pytest's.
        self.voices = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anl-", dir="/run")))
        self.voices.chmod(0o755)

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
        self.stack.callback(end, child)
        return child

    def relay(self, where, host, port):
        """A port of our loopback that leads to this one, as seen from a namespace."""
        listening = socket.create_server(("127.0.0.1", 0))
        number = listening.fileno()
        child = subprocess.Popen(
            ["ip", "netns", "exec", where, sys.executable, "-c", RELAY, str(number), host, str(port)],
            pass_fds=[number], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.stack.callback(end, child)
        with listening:
            return HostPort("127.0.0.1", listening.getsockname()[1])

    def lldpd(self, where, voice, name, ports):
        settings = self.voices / f"{voice}.conf"
        settings.write_text(f"configure system hostname {name}\nconfigure lldp portidsubtype ifname\n"
                            "configure lldp tx-interval 1\n")  # fmt: skip
        settings.chmod(0o644)
        argv = ["-d", "-u", str(self.voices / voice), "-I", ports, "-C", ports, "-m", "!*", "-O", str(settings)]
        self.daemon(where, shutil.which("lldpd"), *argv, log="lldpd.log")

    @property
    def all_ports(self):
        return (*self.ports, *self.bare)

    def mac(self, port):
        return sh("ip", "netns", "exec", f"{self.name}-{port}", "cat", "/sys/class/net/eth0/address").strip()

    def reaches(self, port, address):
        where = f"{self.name}-{port}"
        argv = ("ip", "netns", "exec", where, "ping", "-c", "1", "-W", "1", address)
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def content(path):
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def end(child):
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
