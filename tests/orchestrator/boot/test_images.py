"""The image server: what was published, whole or in part, and how far it is."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from orchestrator.boot.images import Images, Sent
from orchestrator.boot.listen import tcp

DISK = bytes(range(256)) * 4096


@pytest.fixture
def served(images, store, site, tmp_path):
    where = site.provisioning
    root = f"http://{where.address}:{where.image_port}"
    served = Images(images, store, tmp_path / "served", root)
    with served.serve(tcp(where.address, where.image_port, "images")):
        yield served


@pytest.fixture
def disk(images):
    return images.find("debian-12")


def test_an_image_comes_whole_and_how_far_it_is_is_known(served, disk, until):
    assert served.sent(disk, "127.0.0.1") is None
    answer = httpx.get(served.url(disk))
    assert answer.content == DISK
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert until(lambda: served.sent(disk, "127.0.0.1") == Sent(len(DISK), len(DISK)))
    assert str(served.sent(disk, "127.0.0.1")) == "1.0 of 1.0 MB"


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=10-19", 206, DISK[10:20]),
        ("bytes=-16", 206, DISK[-16:]),
        ("bytes=1048570-", 206, DISK[1048570:]),
        ("bytes=0-", 200, DISK),
        ("bytes=0-1,5-6", 200, DISK),
        ("rows=1-2", 200, DISK),
        ("bytes=9999999-", 416, None),
    ],
)
def test_a_range_is_answered_as_asked(served, disk, wanted, status, content):
    answer = httpx.get(served.url(disk), headers={"Range": wanted})
    assert answer.status_code == status
    assert content is None or answer.content == content
    if status == 206:
        assert answer.headers["Content-Range"].endswith(f"/{len(DISK)}")


def test_a_head_tells_the_length_and_sends_nothing(served, disk):
    answer = httpx.head(served.url(disk))
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, str(len(DISK)), b"")


def test_what_was_not_published_is_not_there(served, disk, images, tmp_path):
    kernel = images.find("ramdisk-cloud")
    root = served.url(disk).rpartition("/")[0]
    (tmp_path / "served" / "secret").write_text("secret")
    strange = [f"{kernel.files['kernel'].sha256}.kernel", "secret", "..%2fanneal.db", "%2e%2e/anneal.db"]
    assert [httpx.get(f"{root}/{name}").status_code for name in strange] == [404] * 4
    assert served.url_of("ramdisk-cloud", "nosuch") is None
    assert served.url_of("nosuch", "kernel") is None
    assert httpx.get(served.url_of("ramdisk-cloud", "kernel")).content == b"kernel " * 1000


def test_a_server_that_dies_is_started_anew_and_said(served, disk, kinds, until, tmp_path):
    url = served.url(disk)
    (first,) = servers(tmp_path / "served")
    os.kill(first, signal.SIGKILL)
    assert until(lambda: "images.restarted" in kinds() and servers(tmp_path / "served") - {first})
    assert httpx.get(url, timeout=20).content == DISK


def servers(directory):
    """The children that serve a directory. This process has others: servers that other tests go on using."""
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):
            pids = path.read_text().split()
            found |= {int(pid) for pid in pids if os.fsencode(directory) in arguments(pid)}
    return found


def arguments(pid):
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return []


@pytest.mark.parametrize(
    ("name", "ending"), [("BIOS_1.12.EXE", "exe"), ("bmc.bin", "bin"), ("fw.d9", "bin"), ("fw", "bin")]
)
def test_a_firmware_package_is_served_under_its_digest_and_a_plain_ending(served, tmp_path, name, ending):
    (tmp_path / name).write_bytes(b"firmware")
    url = served.offer(tmp_path / name, "a" * 64)
    assert url.endswith(f"/images/{'a' * 64}.{ending}")
    assert httpx.get(url).content == b"firmware"
