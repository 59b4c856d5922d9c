"""Storage nodes: Debians under QEMU at the hub's bridges, with disks that bear serial numbers.

LVM needs a kernel of its own: in a container there is no device mapper.
"""

import base64
import gzip
import os
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
from inventory.model import Site
from orchestrator.boot.configdrive import USER, Greeting, config_drive
from orchestrator.boot.keys import SiteKey
from orchestrator.image.build import build
from orchestrator.image.recipe import Recipe
from orchestrator.image.store import ImageStore
from tests.contract.guests import rig

ACCELERATION = ("-accel", "tcg,thread=multi", "-cpu", "qemu64")
PACKAGES = ("lvm2", "tgt", "qemu-utils", "qemu-block-extra", "libiscsi-bin")
IMAGES = Path("~/.cache/anneal/storage-images").expanduser()
NUMBERS = {"s1": 21, "s2": 22}
BOOTS_WITHIN = 300.0
SOON = timedelta(seconds=90)
SETTLED = ("multi-user.target", "cloud-config.service")  # by then sshd is not restarted any more
DISK_BYTES = 128 << 20


def node(name, *serials):
    number = NUMBERS[name]
    return {
        "name": name, "rack": "r1", "unit": number, "image": "d", "groups": ["storage"],
        "bmc": {"address": f"10.89.0.{number}", "user": "a", "password": "env:X"},
        "nics": [
            {"name": "eth0", "mac": f"52:54:00:88:20:{number}", "addresses": [
                {"network": "prov", "address": f"10.88.0.{number}"}]},
            {"name": "eth1", "mac": f"52:54:00:88:21:{number}", "addresses": [
                {"network": "volumes", "address": f"10.88.9.{number}"}]},
        ],
        "root_disk": {"serial": f"{name}-root"},
        "storage": {"network": "volumes", "disks": [{"serial": one} for one in serials]},
    }  # fmt: skip


def site_of(*nodes):
    return Site.model_validate(
        {
            "name": "lab",
            "domain": "lab.test",
            "provisioning": {"network": "prov", "address": rig.HERE, "ramdisk": "r"},
            "networks": {
                "prov": {"name": "prov", "prefix": "10.88.0.0/24", "gateway": rig.HERE},
                "volumes": {"name": "volumes", "prefix": "10.88.9.0/24"},
            },
            "images": {
                "d": {"name": "d", "kind": "os", "artefact": "d"},
                "r": {"name": "r", "kind": "ramdisk", "artefact": "r"},
            },
            "profiles": {}, "racks": {"r1": {"name": "r1"}}, "switches": {}, "links": [],
            "groups": {"storage": {"name": "storage", "roles": ["storage"]}},
            "nodes": {one["name"]: one for one in nodes},
        }
    )  # fmt: skip


def image():
    """A Debian with the role's packages, so that its tasks ask no mirror."""
    return build(Recipe("os", "cloud", PACKAGES), ImageStore(IMAGES), lambda _line: None)


@dataclass
class Machine:
    """`serials`: of its disks beside the root. `key`: the site's, whose public half lets us in."""

    name: str
    room: Path
    key: SiteKey
    serials: tuple[str, ...]
    process: subprocess.Popen | None = None
    host_key: str | None = None

    @property
    def access(self):
        return Access(HostPort(f"10.88.0.{NUMBERS[self.name]}"), USER, self.host_key, self.key.private)

    def run(self, *argv, within=SOON):
        with Ssh.open(self.access, SOON) as shell:
            return shell.run(argv, within)

    def sudo(self, *argv):
        ran = self.run("sudo", "-n", *argv)
        assert ran.exit == 0, f"{argv}: {ran.err}{ran.out}"
        return ran.out

    def make(self, site):
        """Its disks, and the drive that it is told by who it is."""
        self.room.mkdir()
        greeting = Greeting("i-1", self.key.public, "", f"https://{rig.HERE}:1/none")
        drive = config_drive(site, site.nodes[self.name], greeting)
        (self.room / "drive").write_bytes(gzip.decompress(base64.b64decode(drive)))
        base = str(image().files["disk"].path)
        rig.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, str(self.room / "root"))
        for serial in self.serials:
            with (self.room / serial).open("wb") as disk:
                disk.truncate(DISK_BYTES)

    def start(self):
        """At the hub; until it lets us in."""
        drives = [
            ("root", "qcow2", f"serial={self.name}-root"),
            *((one, "raw", f"serial={one}") for one in self.serials),
        ]
        words = []
        for at, (file, kind, label) in enumerate([*drives, ("drive", "raw", "serial=config")]):
            only = ",readonly=on" if file == "drive" else ""
            words += ["-drive", f"file={self.room / file},format={kind},if=none,id=d{at}{only}"]
            words += ["-device", f"virtio-blk-pci,drive=d{at},{label}"]
        for number in (0, 1):
            tap = f"{self.name}-{number}"
            subprocess.run(["ip", "link", "delete", tap], check=False, capture_output=True)
            rig.run("ip", "tuntap", "add", tap, "mode", "tap")
            rig.run("ip", "link", "set", tap, "master", ("hub", "tenant")[number], "up")
            words += ["-netdev", f"tap,id=n{number},ifname={tap},script=no,downscript=no"]
            words += ["-device", f"virtio-net-pci,netdev=n{number},mac=52:54:00:88:2{number}:{NUMBERS[self.name]}"]
        argv = ["qemu-system-x86_64", "-machine", "q35", *ACCELERATION, "-m", "768", "-display", "none",
                "-no-user-config", "-serial", f"file:{self.room}/serial", *words]  # fmt: skip
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self._await()

    def stop(self):
        """Its power is cut."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)
            self.process = None

    def _await(self):
        ends = time.monotonic() + BOOTS_WITHIN
        while True:
            try:
                with Ssh.open(self.access, SOON) as shell:
                    self.host_key = shell.host_key
                    ran = shell.run(("systemctl", "is-active", *SETTLED), SOON)
                    if ran.out.split() == ["active"] * len(SETTLED):
                        return
            except DriverError as error:
                if time.monotonic() > ends or self.process.poll() is not None:
                    pytest.fail(f"{error}\n{(self.room / 'serial').read_text(errors='replace')[-3000:]}")
            threading.Event().wait(1)


@contextmanager
def all_of(room, key, site, disks):
    """By name, none of them up yet. `disks`: name of a node to the serials of its disks."""
    found = {name: Machine(name, room / name, key, tuple(serials)) for name, serials in disks.items()}
    try:
        for one in found.values():
            one.make(site)
        yield found
    finally:
        for one in found.values():
            one.stop()


def lacking():
    if os.geteuid() != 0:
        return ["root"]
    return rig.lacking()
