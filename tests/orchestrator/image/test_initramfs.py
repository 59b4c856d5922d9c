"""The kernel's archive format, read back by cpio(1)."""

import os
import shutil
import subprocess

import pytest

from orchestrator.image.initramfs import archive_of_files, archive_of_tree

CPIO = shutil.which("cpio")
pytestmark = pytest.mark.skipif(CPIO is None, reason="cpio is not installed (Debian: cpio)")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "etc/deep").mkdir(parents=True)
    (root / "etc/deep/odd").write_bytes(b"12345")
    (root / "init").symlink_to("/bin/busybox")
    (root / "run-agent").write_text("#!/bin/sh\n")
    (root / "run-agent").chmod(0o755)
    os.mkfifo(root / "pipe")
    return root


def unpack(archive, into):
    into.mkdir()
    subprocess.run([CPIO, "-i", "-d", "--quiet", "-D", str(into)], input=archive, check=True)
    return into


def test_a_tree_comes_out_as_it_went_in(tree, tmp_path):
    out = unpack(b"".join(archive_of_tree(tree)), tmp_path / "out")
    assert (out / "etc/deep/odd").read_bytes() == b"12345"
    assert str((out / "init").readlink()) == "/bin/busybox"
    assert (out / "run-agent").stat().st_mode & 0o777 == 0o755


def test_pipes_and_devices_stay_out(tree, tmp_path):
    out = unpack(b"".join(archive_of_tree(tree)), tmp_path / "out")
    assert not (out / "pipe").exists()


def test_a_tree_gives_the_same_bytes_whenever_it_was_written(tree):
    first = b"".join(archive_of_tree(tree))
    for path in tree.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert b"".join(archive_of_tree(tree)) == first


def test_a_site_s_segment_holds_its_files_and_the_directories_above_them(tmp_path):
    segment = archive_of_files({"etc/ironic-python-agent.d/site.conf": b"[DEFAULT]\n", "etc/anneal/ca.pem": b"PEM"})
    out = unpack(segment, tmp_path / "out")
    assert (out / "etc/ironic-python-agent.d/site.conf").read_bytes() == b"[DEFAULT]\n"
    assert (out / "etc/anneal/ca.pem").read_bytes() == b"PEM"
    assert (out / "etc/anneal").stat().st_mode & 0o777 == 0o755


def test_a_segment_ends_where_another_may_begin():
    assert len(archive_of_files({"a": b"1"})) % 4 == 0
