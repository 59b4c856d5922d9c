"""Images of others: taken in only if they are what their makers say."""

import hashlib
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.image.checksums import Checksum
from orchestrator.image.errors import Unfetched, Untrusted
from orchestrator.image.store import ImageStore
from orchestrator.image.upstream import Upstream, import_os, import_ramdisk

QEMU_IMG = shutil.which("qemu-img")
needs_qemu_img = pytest.mark.skipif(QEMU_IMG is None, reason="no qemu-img (Debian: qemu-utils)")
MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "images")


@pytest.fixture
def said():
    return []


def of(path, checksum=None):
    return Upstream(str(path), checksum or Checksum(hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.fixture
def raw(tmp_path):
    disk = bytearray(MIB)
    disk[510:512] = b"\x55\xaa"
    disk[4096:4100] = b"root"
    path = tmp_path / "cloud.raw"
    path.write_bytes(disk)
    return path


def qcow2(raw, target, *options):
    subprocess.run([QEMU_IMG, "convert", "-f", "raw", "-O", "qcow2", *options, str(raw), str(target)], check=True)
    return target


def test_a_raw_disk_is_taken_in_as_it_is(raw, store, said):
    artefact = import_os("cloud", of(raw), store, said.append)
    disk = artefact.files["disk"]
    assert (artefact.kind, disk.sha256) == ("os", hashlib.sha256(raw.read_bytes()).hexdigest())
    assert disk.path.read_bytes() == raw.read_bytes()
    assert said == [f"disk: fetching {raw}", "disk: sha256 is right"]


@needs_qemu_img
@pytest.mark.parametrize("options", [(), ("-c",)], ids=["plain", "compressed"])
def test_a_qcow2_is_stored_raw_so_that_it_can_be_streamed(raw, store, said, options, tmp_path):
    packed = qcow2(raw, tmp_path / "cloud.qcow2", *options)
    artefact = import_os("cloud", of(packed), store, said.append)
    assert artefact.files["disk"].path.read_bytes() == raw.read_bytes()


def test_importing_the_same_content_again_fetches_nothing(raw, store, said):
    first = import_os("cloud", of(raw), store, said.append)
    upstream = of(raw)
    raw.unlink()
    assert import_os("cloud", upstream, store, said.append) == first
    assert len(said) == 2


def test_content_of_another_checksum_is_refused_and_nothing_is_kept(raw, store, said):
    with pytest.raises(Untrusted, match=r"cloud\.raw: sha256 is .*, expected a{64}"):
        import_os("cloud", of(raw, Checksum("a" * 64)), store, said.append)
    assert store.all() == ()


@needs_qemu_img
def test_a_qcow2_with_a_backing_file_is_refused(raw, store, said, tmp_path):
    overlay = tmp_path / "overlay.qcow2"
    subprocess.run([QEMU_IMG, "create", "-q", "-f", "qcow2", "-b", str(raw), "-F", "raw", str(overlay)], check=True)
    with pytest.raises(Untrusted, match="points at another file"):
        import_os("cloud", of(overlay), store, said.append)
    assert store.all() == ()


@needs_qemu_img
def test_a_qcow2_with_its_data_elsewhere_is_refused(store, said, tmp_path):
    outside = tmp_path / "outside.qcow2"
    options = ["-o", f"data_file={tmp_path / 'secret'},data_file_raw=on"]
    subprocess.run([QEMU_IMG, "create", "-q", "-f", "qcow2", *options, str(outside), "1M"], check=True)
    with pytest.raises(Untrusted, match="points at another file"):
        import_os("cloud", of(outside), store, said.append)


@needs_qemu_img
def test_a_broken_qcow2_is_refused_with_what_qemu_img_says(raw, store, said, tmp_path):
    broken = qcow2(raw, tmp_path / "cloud.qcow2")
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(Untrusted, match="cannot be read as qcow2"):
        import_os("cloud", of(broken), store, said.append)


def test_a_file_without_a_partition_table_is_no_disk(store, said, tmp_path):
    page = tmp_path / "cloud.raw"
    page.write_text("<html>moved</html>")
    with pytest.raises(Untrusted, match="holds no partition table"):
        import_os("cloud", of(page), store, said.append)


@pytest.fixture
def agent(tmp_path):
    kernel, initramfs = tmp_path / "ipa.kernel", tmp_path / "ipa.initramfs"
    kernel.write_bytes(bytes(0x202) + b"HdrS" + bytes(100))
    initramfs.write_bytes(b"\x1f\x8b" + bytes(100))
    return kernel, initramfs


def test_a_ramdisk_is_a_kernel_and_an_initramfs(agent, store, said):
    kernel, initramfs = agent
    artefact = import_ramdisk("ipa", (of(kernel), of(initramfs)), store, said.append)
    assert artefact.kind == "ramdisk"
    assert {role: file.path.name for role, file in artefact.files.items()} == {
        "kernel": "vmlinuz",
        "initramfs": "initramfs",
    }


def test_kernel_and_initramfs_changed_about_are_refused(agent, store, said):
    kernel, initramfs = agent
    with pytest.raises(Untrusted, match=r"ipa\.initramfs: is no Linux kernel"):
        import_ramdisk("ipa", (of(initramfs), of(kernel)), store, said.append)
    with pytest.raises(Untrusted, match=r"ipa\.kernel: is no initramfs"):
        import_ramdisk("ipa", (of(kernel), of(kernel)), store, said.append)


@pytest.fixture
def served(raw, tmp_path):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            """Keep the test's output clean."""

        def do_GET(self):
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", f"file://{raw}")
                self.end_headers()
            else:
                super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_is_downloaded_and_verified(served, raw, store, said):
    artefact = import_os("cloud", Upstream(f"{served}/cloud.raw", of(raw).checksum), store, said.append)
    assert artefact.files["disk"].path.read_bytes() == raw.read_bytes()


@pytest.mark.parametrize("path", ["absent.raw", "away"])
def test_what_cannot_be_downloaded_is_named(served, raw, store, said, path):
    with pytest.raises(Unfetched, match=f"{served}/{path}: cannot be downloaded"):
        import_os("cloud", Upstream(f"{served}/{path}", of(raw).checksum), store, said.append)
    assert store.all() == ()


def test_a_path_that_leads_nowhere_is_named(store, said, tmp_path):
    with pytest.raises(Unfetched, match=r"absent\.raw: there is no such file"):
        import_os("cloud", Upstream(str(tmp_path / "absent.raw"), Checksum("a" * 64)), store, said.append)
