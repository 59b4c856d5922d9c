"""Fixtures that more than one floor uses."""

import contextlib
import fcntl
import getpass
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from inventory.load import load
from inventory.model import Site

CLIENTS = ("python-ironicclient==6.3.0", "openstacksdk==4.22.0", "metalsmith==2.5.0", "python-openstackclient")
SITE = """
site:
  name: lab
  domain: lab.example.test
  ntp: [10.77.0.1]
  dns: [10.77.0.1]
  provisioning: {network: prov, address: 10.77.0.1, ramdisk: ipa}
  defaults:
    image: debian
    groups: [compute]
    bmc: {user: admin, password: env:BMC}
networks:
  prov: {prefix: 10.77.0.0/24, gateway: 10.77.0.1}
  storage: {prefix: 10.77.2.0/24, vlan: 200, mtu: 9000}
images:
  ipa: {kind: ramdisk, artefact: ipa-cloud}
  debian: {kind: os, artefact: debian-12}
groups:
  compute: {roles: [network-ready]}
racks:
  r1: {}
switches:
  sw1: {rack: r1, unit: 40, ports: [swp1, swp2, swp3, swp4]}
nodes:
  n1:
    rack: r1
    unit: 1
    bmc: {address: 10.78.0.11}
    nics:
      - {name: eth0, mac: "52:54:00:01:01:00", addresses: [{network: prov, address: 10.77.0.11}]}
      - {name: eth1, mac: "52:54:00:01:01:01", addresses: [{network: storage, address: 10.77.2.11}]}
  n2:
    rack: r1
    unit: 2
    bmc: {address: 10.78.0.12}
    nics:
      - {name: eth0, mac: "52:54:00:01:02:00", addresses: [{network: prov, address: 10.77.0.12}]}
      - {name: eth1, mac: "52:54:00:01:02:01", addresses: [{network: storage, address: 10.77.2.12}]}
links:
  - {a: "n1:eth0", b: "sw1:swp1"}
  - {a: "n1:eth1", b: "sw1:swp2"}
  - {a: "n2:eth0", b: "sw1:swp3"}
  - {a: "n2:eth1", b: "sw1:swp4"}
"""


@pytest.fixture
def site_directory(tmp_path: Path) -> Path:
    """A sound site of two nodes and a switch, to be spoiled by the test."""
    directory = tmp_path / "site"
    directory.mkdir()
    (directory / "site.yaml").write_text(textwrap.dedent(SITE))
    return directory


@pytest.fixture
def lab(site_directory: Path) -> Site:
    return load(site_directory).site


@dataclass(frozen=True)
class Sshd:
    """A running OpenSSH server on the loopback that lets one key in as whoever runs the tests."""

    port: int
    user: str
    host_key: str
    private_key: Path
    stranger: Path  # a private key that nobody lets in; its public half stands beside it


@pytest.fixture(scope="session")
def sshd(tmp_path_factory):
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("OpenSSH's server is not installed (Debian: openssh-server)")
    room = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user", "stranger"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(room / name)]
        subprocess.run(key, check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = _free_port()
    lines = (
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {room / 'host'}",
        f"AuthorizedKeysFile {room / 'user.pub'}",
        "StrictModes no",
        "UsePAM no",
        "PidFile none",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "Subsystem sftp internal-sftp",
    )
    (room / "config").write_text("\n".join(lines) + "\n")
    with (room / "log").open("w") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(room / "config")], stderr=log)
    host_key = " ".join((room / "host.pub").read_text().split()[:2])
    try:
        _await_listener(port)
        yield Sshd(port, getpass.getuser(), host_key, room / "user", room / "stranger")
    finally:
        server.terminate()
        server.wait(timeout=10)


def _free_port():
    """Below the ports that outgoing connections are given: a busy host would take it before its server does."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no free port in 20000-32000")


def _await_listener(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    pytest.fail("sshd never listened")


@pytest.fixture(scope="session")
def clients() -> Path:
    """The directory of the real clients' programs; made once, for they are no part of an installation of ours."""
    room = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anneal" / "test-clients-2"
    room.parent.mkdir(parents=True, exist_ok=True)
    with room.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of processes side by side one makes it, and the others wait
        if not (room / "ready").exists():
            shutil.rmtree(room, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(room)], check=True)
            install = [str(room / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *CLIENTS]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"the clients cannot be fetched: {done.stderr[-200:]}")
            (room / "ready").touch()
    return room / "bin"


@dataclass(frozen=True)
class Client:
    """A client's program with its settings for one API."""

    programs: Path
    settings: Mapping[str, str]

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        return subprocess.run(
            [str(self.programs / words[0]), *words[1:]],
            env=environment | dict(self.settings), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def told(self, *words: str):
        """What it prints as JSON; it must have ended well."""
        done = self(*words, "-f", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
