"""Real builds from the Debian archive, and the ramdisk running in a machine."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestrator.image.build import BUILDERS, build
from orchestrator.image.recipe import Recipe
from orchestrator.image.store import ImageStore
from orchestrator.image.tools import PATH, command, run

QEMU = shutil.which("qemu-system-x86_64")
TOOLS = {name for builder in BUILDERS.values() for name in builder.packages}
MISSING = sorted(tool for tool in TOOLS if shutil.which(tool, path=PATH) is None and not Path(tool).exists())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.skipif(os.geteuid() != 0, reason="building an image needs root"),
    pytest.mark.skipif(bool(MISSING), reason=f"missing: {' '.join(MISSING)}"),
]
BOOT_SECONDS = 300


@pytest.fixture(scope="module")
def images():
    """The store that the rack's journey uses too, so that a run of all tests builds once."""
    return ImageStore(Path(os.environ.get("ANNEAL_IMAGES", "~/.cache/anneal/images")))


def quiet(_line):
    """No progress is wanted here."""


@pytest.mark.parametrize("kind", ["ramdisk", "os", "guest"])
def test_a_recipe_that_was_built_is_not_built_again(images, kind):
    recipe = Recipe(kind, "cloud")
    first = build(recipe, images, quiet)
    said = []
    assert build(recipe, images, said.append) == first
    assert said == []


@pytest.mark.parametrize("kind", ["ramdisk", "os", "guest"])
def test_two_builds_of_one_recipe_give_the_same_bytes(images, kind, tmp_path):
    # pytest's directory is closed to others, as the store's may be: apt then works as root and not as its own user.
    recipe = Recipe(kind, "cloud")
    first = build(recipe, images, quiet)
    second = build(recipe, ImageStore(tmp_path / "second"), quiet)
    if first.files["packages"].sha256 != second.files["packages"].sha256:
        # The archive has moved on since the first one was built.
        first = build(recipe, ImageStore(tmp_path / "first"), quiet)
    assert {role: file.sha256 for role, file in first.files.items()} == {
        role: file.sha256 for role, file in second.files.items()
    }


class _Inspections(BaseHTTPRequestHandler):
    """Takes one inspection and keeps it with the server."""

    def do_POST(self):
        self.server.inspection = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = b'{"uuid": "8a4f9c1e-0000-4000-8000-000000000001"}'
        self.send_response(202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.heard.set()

    def log_message(self, *words):
        """Keep the test's output clean."""


@pytest.fixture
def inspector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Inspections)
    server.heard = threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def disks(tmp_path):
    """One blank, one with a partition on it."""
    blank, used = tmp_path / "blank", tmp_path / "used"
    for disk in (blank, used):
        disk.touch()
        with disk.open("r+b") as file:
            file.truncate(5 << 30)
    run(["sgdisk", "-n1:0:+1G", "-c1:precious", str(used)])
    return blank, used


@contextlib.contextmanager
def machine(ramdisk, inspector, disks, console):
    # The boot script's clock is right and the machine's is not, so that only the script's can be believed.
    line = (
        f"console=ttyS0 ipa-inspection-callback-url=http://10.0.2.2:{inspector.server_port}/ "
        "ipa-inspection-collectors=default,anneal-disks BOOTIF=01-52-54-00-12-34-56 anneal-clock=1800000000"
    )
    drives = [
        word
        for number, disk in enumerate(disks)
        for word in (
            *("-drive", f"if=none,id=d{number},file={disk},format=raw,cache=unsafe"),
            *("-device", f"virtio-blk-pci,drive=d{number},serial=DISK{number}"),
        )
    ]
    qemu = [
        *(QEMU, "-machine", "q35,smm=off", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "2"),
        *("-display", "none", "-nodefaults", "-no-reboot", "-serial", f"file:{console}", "-rtc", "base=2001-01-01"),
        *("-kernel", str(ramdisk.files["kernel"].path), "-initrd", str(ramdisk.files["initramfs"].path)),
        *("-netdev", "user,id=n0,restrict=off", "-device", "virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56,romfile="),
        *("-device", "virtio-rng-pci", "-append", line, *drives),
    ]
    with subprocess.Popen(command(qemu), stdin=subprocess.DEVNULL) as running:
        try:
            yield
        finally:
            running.kill()


@pytest.mark.skipif(QEMU is None, reason="no QEMU (Debian: qemu-system-x86)")
def test_the_ramdisk_tells_what_lies_on_the_disks_of_a_machine(images, inspector, disks, tmp_path):
    ramdisk = build(Recipe("ramdisk", "cloud"), images, quiet)
    console = tmp_path / "console"
    with machine(ramdisk, inspector, disks, console):
        heard = inspector.heard.wait(BOOT_SECONDS)
    assert heard, console.read_text(errors="replace")[-3000:]
    told = inspector.inspection
    assert told["error"] is None
    blank, used = told["anneal_disks"]
    assert (blank["serial"], blank["table"], blank["signatures"], blank["nonzero_samples"]) == ("DISK0", None, [], 0)
    assert (used["serial"], used["table"]) == ("DISK1", "gpt")
    assert [partition["label"] for partition in used["partitions"]] == ["precious"]
    assert "and set at" in console.read_text(errors="replace")
