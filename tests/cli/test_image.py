"""`anneal image` as a person or a script meets it."""

import hashlib
import json

import pytest
from typer.testing import CliRunner

from cli.image import app


@pytest.fixture
def anneal(tmp_path):
    def invoke(*words):
        return CliRunner().invoke(app, [*map(str, words), "--store", str(tmp_path / "images")])

    return invoke


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "cloud.raw"
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(1 << 20))
    return path


def test_an_imported_image_is_listed_with_its_files_and_checksums(anneal, disk, tmp_path):
    digest = hashlib.sha256(disk.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  cloud.raw\n")
    imported = anneal("import", disk, "--name", "cloud", "--checksum-file", tmp_path / "SHA256SUMS", "-o", "json")
    assert imported.exit_code == 0, imported.stderr
    (listed,) = json.loads(anneal("list", "-o", "json").stdout)
    assert json.loads(imported.stdout) == [listed]
    assert (listed["name"], listed["kind"], listed["mib"]) == ("cloud", "os", 1)
    assert listed["files"]["disk"]["sha256"] == digest


def test_an_empty_store_lists_nothing(anneal):
    assert json.loads(anneal("list", "-o", "json").stdout) == []


def test_a_wrong_checksum_is_bad_input(anneal, disk):
    ended = anneal("import", disk, "--name", "cloud", "--sha256", "a" * 64)
    assert ended.exit_code == 78
    assert f"{disk}: sha256 is " in ended.stderr


def test_a_file_that_is_not_there_is_unreachable(anneal, tmp_path):
    ended = anneal("import", tmp_path / "absent", "--name", "cloud", "--sha256", "a" * 64)
    assert ended.exit_code == 69
    assert "there is no such file" in ended.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--name", "cloud"), "nothing is taken in unverified"),
        (("--name", "cloud", "--sha256", "abc"), "neither a SHA-256 nor a SHA-512"),
        (("--name", "cloud", "--sha256", "a" * 64, "--sha256", "b" * 64), "once for each"),
        (("--name", "../cloud", "--sha256", "a" * 64), "--name"),
    ],
    ids=["no checksum", "no digest", "too many", "name"],
)
def test_what_cannot_be_meant_is_a_usage_error(anneal, disk, words, complaint):
    ended = anneal("import", disk, *words)
    assert ended.exit_code == 2
    assert complaint in " ".join(ended.stderr.replace("│", " ").split())
