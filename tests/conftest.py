"""Fixtures that several floors' tests share."""

import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_listener(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    pytest.fail("sshd never listened")
