"""A Debian with its systemd, by systemd-nspawn at the hub's wires: for what a role's tasks do (decision 13)."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.errors import DriverError
from drivers.wire.ssh import Ssh
from drivers.wire.ssh_login import Access
from inventory.address import HostPort
from orchestrator.boot.configdrive import USER
from tests.contract.guests import rig

NEEDED = ("mmdebstrap", "systemd-nspawn", "ip", "chroot")
NAME, ADDRESS = "h4", "10.88.0.14"
BASE = ("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "python3-apt", "iproute2")
SOON = timedelta(seconds=60)
TREES = Path("~/.cache/anneal/trees").expanduser()


def tree(packages):
    """A root with these packages, made once on a machine; a minute or two."""
    wanted = ",".join((*BASE, *packages))
    path = TREES / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    TREES.mkdir(parents=True, exist_ok=True)
    with (TREES / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            making = path.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            lean = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
            argv = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", f"--include={wanted}"]
            argv += ['--aptopt=APT::Install-Recommends "false"', *lean, "bookworm", str(making)]
            ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=900)
            if ended.returncode:
                pytest.skip(f"no Debian could be made here: {ended.stderr[-300:]}")
            making.rename(path)
    return path


@dataclass(frozen=True)
class Place:
    """At the hub."""

    name: str = NAME
    address: str = ADDRESS

    @property
    def space(self):
        return f"{rig.HUB}-{self.name}"


@dataclass(frozen=True)
class Debian:
    """Up; `run` is by SSH as our user."""

    at: Place
    root: Path
    access: Access

    def run(self, *argv, within=SOON):
        with Ssh.open(self.access, SOON) as shell:
            return shell.run(argv, within)

    def sudo(self, *argv):
        ran = self.run("sudo", "-n", *argv)
        assert ran.exit == 0, f"{argv}: {ran.err}{ran.out}"
        return ran.out


@contextmanager
def booted(source, room, key, prepare, at=Place()):
    """A copy of the tree, `prepare`d and up. `key`: the site's, whose public half lets us in."""
    root = room / f"root-{at.name}"
    root.mkdir()
    rig.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root))  # a disk takes half a minute to forget it all
    try:
        rig.run("cp", "-a", f"{source}/.", str(root))
        with _up(root, room / f"console-{at.name}", key, prepare, at) as machine:
            yield machine
    finally:
        rig.run("umount", "--lazy", str(root))
        root.rmdir()


@contextmanager
def _up(root, console_file, key, prepare, at):
    _settle(root, at.name, key)
    prepare(root)
    rig.run("ip", "netns", "add", at.space)
    try:
        rig.wire(at.name, at.space, at.address)
        argv = [
            "systemd-nspawn",
            "--register=no",
            "--keep-unit",
            "--capability=CAP_NET_ADMIN",
            "--bind=/dev/net/tun",
            "--quiet",
            f"--directory={root}",
            "--boot",
        ]
        with console_file.open("w") as console:
            process = subprocess.Popen(
                [*argv, f"--network-namespace-path=/run/netns/{at.space}"], stdin=subprocess.DEVNULL, stdout=console,
                stderr=console,
            )  # fmt: skip
        host_key = " ".join((root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])
        machine = Debian(at, root, Access(HostPort(at.address), USER, host_key, key.private))
        try:
            _await(machine, process, console_file)
            yield machine
        finally:
            _end(process)
    finally:
        rig.run("ip", "netns", "delete", at.space)


def _end(process):
    """Its first process too: killed alone, systemd-nspawn leaves the system running."""
    if process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        process.kill()
    process.wait(timeout=30)


def _settle(root, name, key):
    """Our user, as the installer makes it, and a name."""
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")
    (root / "etc/machine-id").write_text("")
    subprocess.run(["chroot", str(root), "useradd", "-m", "-s", "/bin/sh", USER], check=True)
    (root / "etc/sudoers.d/anneal").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    keys = root / f"home/{USER}/.ssh"
    keys.mkdir()
    (keys / "authorized_keys").write_text(f"{key.public}\n")
    subprocess.run(["chroot", str(root), "chown", "-R", f"{USER}:{USER}", f"/home/{USER}"], check=True)
    for path in (keys, keys / "authorized_keys"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    subprocess.run(["chroot", str(root), "ssh-keygen", "-A"], check=True, capture_output=True)


def _await(machine, process, console):
    ends = time.monotonic() + 120
    while True:
        try:
            if machine.run("systemctl", "is-system-running").out.strip() in {"running", "degraded"}:
                return
        except DriverError as error:
            if time.monotonic() > ends or process.poll() is not None:
                pytest.fail(f"{error}\n{console.read_text()[-2000:]}")
        threading.Event().wait(0.5)


def lacking():
    return [name for name in NEEDED if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None] + (
        [] if os.geteuid() == 0 else ["root"]
    )
