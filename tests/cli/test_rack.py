"""`anneal rack` as a person or a script meets it; what needs root is in tests/drivers/virtual."""

import pytest
from typer.testing import CliRunner

from cli.rack import app


@pytest.fixture
def anneal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rack.yaml"


def test_a_bad_rack_file_is_told_with_its_line(anneal, file):
    file.write_text("kind: qemu\nname: never\noob: nowhere\n")
    ended = anneal("up", file)
    assert ended.exit_code == 78
    assert f"{file}:3: oob: " in ended.stderr


def test_a_file_that_is_not_there_is_a_bad_file(anneal, file):
    ended = anneal("up", file)
    assert ended.exit_code == 78
    assert f"{file}: cannot be read" in ended.stderr


def test_a_kind_that_does_not_exist_is_a_mistake_of_usage(anneal, file):
    file.write_text("kind: paper\nname: never\n")
    ended = anneal("up", file)
    assert ended.exit_code == 2  # the main command makes it 64
    assert "no racks of kind paper" in ended.stderr


def test_taking_down_what_is_not_there_is_done_already(anneal, file):
    file.write_text("kind: qemu\nname: never\n")
    assert [anneal("down", word).exit_code for word in ("never", file)] == [0, 0]


def test_the_status_of_a_rack_that_is_not_there_is_a_mistake_of_usage(anneal):
    ended = anneal("status", "never")
    assert ended.exit_code == 2
    assert "there is no rack never here" in ended.stderr
