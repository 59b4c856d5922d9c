"""`anneal volumes` where nothing is recorded, and where the node of a volume cannot be asked."""

import json

import pytest
from sqlalchemy import insert

from cli.exits import Exit
from cli.main import run
from orchestrator.record import store_in
from orchestrator.storage import VOLUME, forget, kept
from orchestrator.store import now
from tests.conftest import SITE

GIVES = "    root_disk: {serial: D0}\n    storage: {network: storage, disks: [{serial: D1}]}\n"


@pytest.fixture
def directory(tmp_path):
    """A site whose nodes are storage nodes, never installed."""
    text = SITE.replace("roles: [network-ready]", "roles: [storage]")
    for number in (1, 2):
        text = text.replace(f"    unit: {number}\n", f"    unit: {number}\n{GIVES}")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/site.yaml").write_text(text)
    return tmp_path


def volumes(directory, *words):
    return run(["volumes", "--site", str(directory / "site"), "--state", str(directory / "state"), *words])


def test_without_volumes_there_is_nothing_to_tell(directory, capsys):
    assert volumes(directory, "-o", "json") == Exit.DONE
    assert json.loads(capsys.readouterr().out) == []


def test_a_volume_whose_node_cannot_be_asked_is_told_with_it(directory, capsys):
    store = store_in(directory / "state")
    rows = [
        {"name": "v1", "node": "n1", "bytes": 8 << 20, "made": True, "at": now()},
        {"name": "v2", "node": "n9", "bytes": 4 << 20, "made": True, "at": now()},
    ]
    with store.begin() as connection:
        connection.execute(insert(VOLUME), rows)
    assert volumes(directory, "-o", "json") == Exit.PARTLY
    one, two = json.loads(capsys.readouterr().out)
    assert (one["volume"], one["node"], one["mib"]) == ("v1", "n1", 8)
    assert "its node n1 does not tell: n1: its host key is not known" in one["says"]
    assert "its node n9 is no storage node of the inventory any more" in two["says"]
    forget(store, "n9")
    assert [each.name for each in kept(store)] == ["v1"]
    assert [each.event.says for each in store.events() if each.event.kind == "volume.lost"] == [
        "volume v2 was on n9, which was forgotten"
    ]
    store.engine.dispose()
